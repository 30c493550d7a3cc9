//! Values from the tests of OpenTelemetry Go (`propagators/aws/xray`) and the documents of AWS.

use super::*;
use crate::SamplingState::{Accept, Defer, Deny};
use crate::testing::{Expected, check_extract, check_inject, context, extract};

const ROOT: &str = "Root=1-abcdef12-1234567890abcdef12345678";
const TRACE: &str = "abcdef121234567890abcdef12345678";
const SPAN: &str = "1234567890abcdef";

#[track_caller]
fn check(value: &str, expected: Option<Expected<'_>>) {
    check_extract(
        &XrayPropagator::new(),
        &[(X_AMZN_TRACE_ID, value)],
        expected,
    );
}

#[test]
fn fields_are_read_in_any_order() {
    let value = |tail: &str| format!("{ROOT};Parent={SPAN}{tail}");
    for (tail, state) in [
        (";Sampled=1", Accept),
        (";Sampled=0", Deny),
        (";Sampled=?", Defer),
        ("", Defer),
        (";Sampled=other", Defer),
        (";Sampled=1;", Accept),
        ("; Sampled=1 ;", Accept),
        (";Sampled=1;Lineage=25:2c2a3f:0;CalledFrom=app", Accept),
    ] {
        check(&value(tail), Some((TRACE, SPAN, state)));
    }
    check(
        &format!("Sampled=1;Parent={SPAN};{ROOT}"),
        Some((TRACE, SPAN, Accept)),
    );
    let own = "Self=1-67891234-12456789abcdef012345678";
    check(
        &format!("{own};{ROOT};Parent={SPAN}"),
        Some((TRACE, SPAN, Defer)),
    );
    let min = "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0";
    let ids = ("00000000000000000000000000000001", "0000000000000001", Deny);
    check(min, Some(ids));
}

#[test]
fn malformed_values_give_no_parent() {
    for value in [
        "",
        ";",
        "Root=1-abc-123;Parent=1234567890abcdef;Sampled=1",
        "Root=1abcdef121234567890abcdef12345678;Parent=1234567890abcdef;Sampled=1",
        "Root=2-abcdef12-1234567890abcdef12345678;Parent=1234567890abcdef;Sampled=1",
        "Root=1-abcdef12-1234567890abcdef12345678;Parent=bad-spanid;Sampled=1",
        "Root=1-abcdef12-1234567890abcdef12345678;BrokenKeyValue;Sampled=1",
        "Root=1-abcdef12-1234567890abcdef123456789;Parent=1234567890abcdef",
        "Root=1-abcdef12-1234567890abcdef1234567;Parent=1234567890abcdef",
        "Root=1-abcdef12+1234567890abcdef12345678;Parent=1234567890abcdef",
        "Root=1-ABCDEF12-1234567890abcdef12345678;Parent=1234567890abcdef",
        "Root=1-00000000-000000000000000000000000;Parent=1234567890abcdef",
        "Root=1-abcdef12-1234567890abcdef12345678;Parent=0000000000000000",
        "Root=1-abcdef12-1234567890abcdef12345678;Parent=",
        "Root=1-abcdef12-1234567890abcdef12345678;Parent=1234567890abcdef;Parent=1234567890abcdef",
        "Sampled=1",
        "Parent=1234567890abcdef;Sampled=1",
        "Root =1-abcdef12-1234567890abcdef12345678;Parent=1234567890abcdef",
    ] {
        check(value, None);
    }
}

#[test]
fn without_a_parent_the_sampling_state_is_kept() {
    for (value, state) in [
        (format!("{ROOT};Sampled=1"), Accept),
        (format!("{ROOT};Sampled=0"), Deny),
        (ROOT.to_owned(), Defer),
    ] {
        check(&value, None);
        let cx = extract(
            &XrayPropagator::new(),
            &Context::new(),
            &[(X_AMZN_TRACE_ID, &value)],
        );
        assert_eq!(SamplingState::of(&cx), state, "{value}");
        check_inject(&XrayPropagator::new(), &cx, &[]);
    }
}

#[test]
fn what_is_sent_is_what_x_ray_documents() {
    for (trace_id, span_id, flags, value) in [
        (
            0xabcd_ef12_1234_5678_90ab_cdef_1234_5678,
            0x1234_5678_90ab_cdef,
            0xff,
            "Root=1-abcdef12-1234567890abcdef12345678;Parent=1234567890abcdef;Sampled=1",
        ),
        (
            0xa1b2_c3d4_e5f6_7890_1234_5678_901a_bcde,
            0xa1b2_c3d4_e5f6_7890,
            0xfe,
            "Root=1-a1b2c3d4-e5f6789012345678901abcde;Parent=a1b2c3d4e5f67890;Sampled=0",
        ),
        (
            1,
            1,
            0,
            "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0",
        ),
        (
            u128::MAX,
            u64::MAX,
            1,
            "Root=1-ffffffff-ffffffffffffffffffffffff;Parent=ffffffffffffffff;Sampled=1",
        ),
    ] {
        let cx = context(trace_id, span_id, flags);
        check_inject(&XrayPropagator::new(), &cx, &[(X_AMZN_TRACE_ID, value)]);
    }
    let deferred = format!("{ROOT};Parent={SPAN}");
    for tail in ["", ";Sampled=?"] {
        let value = format!("{deferred}{tail}");
        let headers = [(X_AMZN_TRACE_ID, value.as_str())];
        let cx = extract(&XrayPropagator::new(), &Context::new(), &headers);
        check_inject(&XrayPropagator::new(), &cx, &[(X_AMZN_TRACE_ID, &deferred)]);
    }
    for cx in [context(0, 1, 1), context(1, 0, 1), Context::new()] {
        check_inject(&XrayPropagator::new(), &cx, &[]);
    }
}

/// The pseudo code of the semantic conventions, case by case.
#[test]
fn the_variable_of_lambda_wins_unless_the_context_has_a_span() {
    fn set(name: &str) -> Option<OsString> {
        assert_eq!(name, "_X_AMZN_TRACE_ID");
        Some(format!("{ROOT};Parent={SPAN};Sampled=1").into())
    }
    let with = |environment| XrayPropagator {
        environment: Some(environment),
    };
    let other = "Root=1-ffffffff-ffffffffffffffffffffffff;Parent=ffffffffffffffff;Sampled=0";
    let header = [(X_AMZN_TRACE_ID, other)];
    let all = "f".repeat(32);
    let from_header = (all.as_str(), "ffffffffffffffff", Deny);

    check_extract(&with(set), &[], Some((TRACE, SPAN, Accept)));
    check_extract(&with(set), &header, Some((TRACE, SPAN, Accept)));
    check_extract(&with(|_| None), &header, Some(from_header));
    check_extract(&with(|_| Some("".into())), &header, Some(from_header));
    check_extract(
        &with(|_| Some("rubbish".into())),
        &header,
        Some(from_header),
    );
    check_extract(&XrayPropagator::lambda(), &header, Some(from_header));

    let cx = extract(&with(set), &context(7, 7, 1), &header);
    assert_eq!(cx.span().span_context().trace_id().to_string(), all);
    let cx = extract(&with(set), &context(7, 7, 1), &[]);
    assert_eq!(
        cx.span().span_context().span_id().to_string(),
        "0000000000000007"
    );
}
