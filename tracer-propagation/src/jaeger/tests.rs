//! Values from the tests of OpenTelemetry Go (`propagators/jaeger`) and Java
//! (`JaegerPropagatorTest`), and what OpenTelemetry Python 1.45.1 sends.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;

use super::*;
use crate::SamplingState::{Accept, Debug, Deny};
use crate::testing::{Expected, check_extract, check_inject, context, extract};

const TRACE: &str = "a1ce929d0e0e4736a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const IDS: (u128, u64) = (
    0xa1ce_929d_0e0e_4736_a3ce_929d_0e0e_4736,
    0x00f0_67aa_0ba9_02b7,
);

#[track_caller]
fn check(value: &str, expected: Option<Expected<'_>>) {
    check_extract(
        &JaegerPropagator::new(),
        &[(UBER_TRACE_ID, value)],
        expected,
    );
}

#[test]
fn flags_are_a_byte_in_hex() {
    for (flags, state) in [
        ("0", Deny),
        ("1", Accept),
        ("3", Debug),
        ("2", Deny),
        ("00001", Accept),
        ("00", Deny),
        ("03", Debug),
        ("ff", Debug),
        ("5", Accept),
    ] {
        check(
            &format!("{TRACE}:{SPAN}:0:{flags}"),
            Some((TRACE, SPAN, state)),
        );
    }
    for flags in [
        "", "wired", "10220", "100", "abcdefr", "+1", "-1", "1:", "1 ",
    ] {
        let value = format!("{TRACE}:{SPAN}:0:{flags}:");
        check(&value, None);
    }
    check(&format!("{TRACE}:{SPAN}:0:"), None);
    check(&format!("{TRACE}:{SPAN}:0:wired"), None);
    check(&format!("{TRACE}:{SPAN}:0:10220"), None);
}

#[test]
fn ids_may_lack_leading_zeros() {
    for (short, full) in [
        ("3ce929d0e0e4736", "000000000000000003ce929d0e0e4736"),
        ("a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736"),
        ("4d0000000000000016", "000000000000004d0000000000000016"),
        (TRACE, TRACE),
    ] {
        check(
            &format!("{short}:17c29:0:1"),
            Some((full, "0000000000017c29", Accept)),
        );
    }
    check(
        &format!("{TRACE}:{SPAN}:whatever:1"),
        Some((TRACE, SPAN, Accept)),
    );
    let python = format!("{TRACE}:{SPAN}:0000000000000000:01");
    check(&python, Some((TRACE, SPAN, Accept)));
    check(&format!("{TRACE}:{SPAN}::1"), Some((TRACE, SPAN, Accept)));
}

#[test]
fn colons_may_be_percent_encoded() {
    check(
        &format!("{TRACE}%3A{SPAN}%3a0%3A5"),
        Some((TRACE, SPAN, Accept)),
    );
    check(&format!("{TRACE}%3B{SPAN}%3A0%3A5"), None);
    check(&format!("{TRACE}%3"), None);
    check(&format!("{TRACE}%ZZ"), None);
}

#[test]
fn malformed_values_give_no_parent() {
    for value in [
        "",
        ":::",
        "aa:bb:cc",
        "aa:bb:cc:dd:ee",
        "a1ce929d0e0e4736a3ce929d0e0e47360000:00f067aa0ba902b7:0:1",
        "a1ce929d0e0e4736a3ce929d0e0e4736:00f067aa0ba902b70000:0:1",
        "zcd00v0000000000a3ce929d0e0e4736:00f067aa0ba902b7:0:1",
        "a1ce929d0e0e4736a3ce929d0e0e4736:00f0wiredba902b7:0:1",
        "a1ce929d0e0e4736a3ce929d0e0e4736-00f067aa0ba902b7-0-1",
        "A1CE929D0E0E4736A3CE929D0E0E4736:00f067aa0ba902b7:0:1",
        "0:00f067aa0ba902b7:0:1",
        "a1ce929d0e0e4736a3ce929d0e0e4736:0:0:1",
        ":00f067aa0ba902b7:0:1",
        "a1ce929d0e0e4736a3ce929d0e0e4736::0:1",
    ] {
        check(value, None);
    }
    let other = [(
        "uber-trace-idnot",
        "a1ce929d0e0e4736a3ce929d0e0e4736:00f067aa0ba902b7:0:1",
    )];
    check_extract(&JaegerPropagator::new(), &other, None);
}

#[test]
fn two_headers_give_no_parent() {
    let values = [SPAN, "17c29"].map(|span_id| format!("{TRACE}:{span_id}:0:1"));
    let headers = values
        .each_ref()
        .map(|value| (UBER_TRACE_ID, value.as_str()));
    check_extract(
        &JaegerPropagator::new(),
        &headers[..1],
        Some((TRACE, SPAN, Accept)),
    );
    check_extract(&JaegerPropagator::new(), &headers, None);
}

#[test]
fn what_is_sent_has_full_ids_and_no_parents_parent() {
    let propagator = JaegerPropagator::new();
    let value = |flags: &str| format!("{TRACE}:{SPAN}:0:{flags}");
    check_inject(
        &propagator,
        &context(IDS.0, IDS.1, 0xff),
        &[(UBER_TRACE_ID, &value("1"))],
    );
    check_inject(
        &propagator,
        &context(IDS.0, IDS.1, 0xfe),
        &[(UBER_TRACE_ID, &value("0"))],
    );
    let debug = extract(
        &propagator,
        &Context::new(),
        &[(UBER_TRACE_ID, &value("3"))],
    );
    check_inject(&propagator, &debug, &[(UBER_TRACE_ID, &value("3"))]);
    check_inject(&propagator, &context(0, IDS.1, 1), &[]);
    check_inject(&propagator, &context(IDS.0, 0, 1), &[]);
}

#[test]
fn baggage_goes_with_and_without_a_span() {
    let propagator = JaegerPropagator::new();
    let headers = [
        ("uberctx-foo", "b+r"),
        ("jaeger-baggage", "nometa = nometa-value , meta=1"),
    ];
    let cx = extract(&propagator, &Context::new(), &headers);
    assert_eq!(cx.baggage().len(), 3);
    let sent = [
        ("uberctx-foo", "b%20r"),
        ("uberctx-meta", "1"),
        ("uberctx-nometa", "nometa-value"),
    ];
    check_inject(&propagator, &cx, &sent);
    // A bad trace does not cost the baggage, nor bad baggage the trace.
    let headers = [("uberctx-foo", "bar"), (UBER_TRACE_ID, "x")];
    let cx = extract(&propagator, &Context::new(), &headers);
    assert_eq!(cx.baggage().len(), 1);
    let value = format!("{TRACE}:{SPAN}:0:1");
    let headers = [("uberctx-foo", "\u{e9}"), (UBER_TRACE_ID, value.as_str())];
    check_extract(&propagator, &headers, Some((TRACE, SPAN, Accept)));
}
