//! Values from the tests of OpenTelemetry Go (`propagators/ot`), and what OpenTelemetry Python
//! 0.66b1 sends.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;

use super::*;
use crate::SamplingState::{Accept, Defer, Deny};
use crate::propagator::Propagator;
use crate::testing::{Expected, check_extract, check_inject, context, extract};

const HALF: &str = "a3ce929d0e0e4736";
const PADDED: &str = "0000000000000000a3ce929d0e0e4736";
const TRACE: &str = "a1ce929d0e0e4736a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const IDS: (u128, u64) = (
    0xa1ce_929d_0e0e_4736_a3ce_929d_0e0e_4736,
    0x00f0_67aa_0ba9_02b7,
);

#[track_caller]
fn check(trace_id: &str, span_id: &str, sampled: &str, expected: Option<Expected<'_>>) {
    let headers = [(TRACE_ID, trace_id), (SPAN_ID, span_id), (SAMPLED, sampled)];
    check_extract(&OtTracePropagator::new(), &headers, expected);
}

#[test]
fn ids_of_both_lengths_are_read() {
    for (sampled, state) in [
        ("0", Deny),
        ("1", Accept),
        ("true", Accept),
        ("True", Accept),
        ("False", Deny),
    ] {
        check(TRACE, SPAN, sampled, Some((TRACE, SPAN, state)));
        check(HALF, SPAN, sampled, Some((PADDED, SPAN, state)));
    }
    // The basic tracers write numbers without leading zeros.
    let short = (
        "00000000000000000000000000000abc",
        "000000000000000f",
        Accept,
    );
    check("abc", "f", "1", Some(short));
    let python = "f067aa0ba902b7";
    check(HALF, python, "true", Some((PADDED, SPAN, Accept)));
    let ids = [(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
    check_extract(&OtTracePropagator::new(), &ids, Some((TRACE, SPAN, Defer)));
}

#[test]
fn malformed_headers_give_no_parent() {
    check(&format!("{TRACE}0000"), SPAN, "1", None);
    for len in [17, 19, 31, 33] {
        check(&"1".repeat(len), SPAN, "1", None);
    }
    check("zcd00v0000000000a3ce929d0e0e4736", SPAN, "1", None);
    check("0", SPAN, "1", None);
    check("", SPAN, "1", None);
    check(TRACE, &format!("{SPAN}0000"), "1", None);
    check(TRACE, "00f0wiredba902b7", "1", None);
    check(TRACE, "0", "1", None);
    check(TRACE, "", "1", None);
    check(TRACE, SPAN, "wired", None);
    check(TRACE, SPAN, "", None);
    for again in [(TRACE_ID, TRACE), (SPAN_ID, SPAN), (SAMPLED, "1")] {
        let headers = [(TRACE_ID, TRACE), (SPAN_ID, SPAN), (SAMPLED, "1"), again];
        check_extract(&OtTracePropagator::new(), &headers, None);
    }
    check_extract(&OtTracePropagator::new(), &[], None);
    check_extract(&OtTracePropagator::new(), &[(TRACE_ID, "")], None);
    check_extract(&OtTracePropagator::new(), &[(TRACE_ID, TRACE)], None);
    check_extract(&OtTracePropagator::new(), &[(SPAN_ID, SPAN)], None);
}

#[test]
fn the_lower_half_of_the_trace_id_is_sent() {
    let propagator = OtTracePropagator::new();
    let ids = [(TRACE_ID, HALF), (SPAN_ID, SPAN)];
    let with = |more: &[(&'static str, &'static str)]| [&ids, more].concat();
    check_inject(
        &propagator,
        &context(IDS.0, IDS.1, 1),
        &with(&[(SAMPLED, "true")]),
    );
    let cx = context(IDS.0, IDS.1, 0xfe).with_baggage(
        [("test", "value123"), ("test2", "value456")]
            .map(|(key, value)| opentelemetry::KeyValue::new(key, value)),
    );
    let rest = [
        (SAMPLED, "false"),
        ("ot-baggage-test", "value123"),
        ("ot-baggage-test2", "value456"),
    ];
    check_inject(&propagator, &cx, &with(&rest));
    let deferred = extract(&propagator, &Context::new(), &ids);
    check_inject(&propagator, &deferred, &with(&[]));
    let mut carrier = vec![(SAMPLED.to_owned(), "stale".to_owned())];
    propagator.inject_into(&deferred, &mut carrier);
    assert_eq!(carrier.len(), 2);

    check_inject(&propagator, &Context::new(), &[]);
    check_inject(&propagator, &context(IDS.0, 0, 1), &[]);
    // The lower half would be an invalid id.
    check_inject(&propagator, &context(1 << 64, IDS.1, 1), &[]);
}

#[test]
fn baggage_is_read_and_a_malformed_member_costs_itself_only() {
    let headers = [
        (TRACE_ID, TRACE),
        (SPAN_ID, SPAN),
        (SAMPLED, "1"),
        ("ot-baggage-test", "value123"),
        ("OT-Baggage-Test2", "value+456"),
        ("ot-baggage-d\u{2013}76", "test"),
        ("ot-baggage-test3", "\u{f8}tel"),
    ];
    check_extract(
        &OtTracePropagator::new(),
        &headers,
        Some((TRACE, SPAN, Accept)),
    );
    let cx = extract(&OtTracePropagator::new(), &Context::new(), &headers);
    assert_eq!(cx.baggage().len(), 2);
    assert_eq!(cx.baggage().get("test").unwrap().as_str(), "value123");
    assert_eq!(cx.baggage().get("test2").unwrap().as_str(), "value+456");
}

/// README of `opentelemetry-propagator-ot-trace`: values are raw strings. What a header has no place
/// for is RFC 9110, section 5.5; its encoding is RFC 3986, section 2.1.
#[test]
fn values_go_as_they_are_but_for_what_a_header_cannot_hold() {
    let propagator = OtTracePropagator::new();
    for (value, sent) in [
        ("", ""),
        ("x y  z", "x y  z"),
        ("a=b,c;d\"e\\f+g/", "a=b,c;d\"e\\f+g/"),
        ("100%", "100%"),
        ("100% of %zz, %4", "100% of %zz, %4"),
        ("%41", "%2541"),
        ("%%aF", "%%25aF"),
        ("%4\u{e9}", "%4%C3%A9"),
        ("%\n41", "%%0A41"),
        (" ", "%20"),
        ("  a  ", "%20 a %20"),
        ("\ta\tb\t", "%09a%09b%09"),
        ("1\r\nx: 2\0\x7f", "1%0D%0Ax: 2%00%7F"),
    ] {
        let made = [opentelemetry::KeyValue::new("a", value)];
        check_inject(
            &propagator,
            &Context::new().with_baggage(made),
            &[("ot-baggage-a", sent)],
        );
        let cx = extract(&propagator, &Context::new(), &[("ot-baggage-a", sent)]);
        assert_eq!(cx.baggage().get("a").unwrap().as_str(), value, "{sent}");
    }
}
