//! `uber-trace-id` and `uberctx-*`. "Jaeger" is its documentation, *Propagation Format*.
#![expect(
    deprecated,
    reason = "the crate is, and nothing of the API's follows it"
)]

use opentelemetry::{
    KeyValue,
    baggage::BaggageExt as _,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_jaeger_propagator::Propagator;
use tracer_propagation::{JaegerPropagator as Ours, TraceContextPropagator};

use crate::version_0_32::Version032;
use crate::{extract, extract_beside, inject, one_hop, remote};

const HEADER: &str = "uber-trace-id";
const IDS: &str = "80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1";

fn stock() -> Version032<Propagator> {
    Version032::new(Propagator::new())
}

fn both(value: &str) -> [SpanContext; 2] {
    let headers = [(HEADER, &*value.to_owned().leak())];
    let propagators: [&dyn TextMapPropagator; 2] = [&Ours::default(), &stock()];
    propagators.map(|propagator| extract(propagator, &headers).span().span_context().clone())
}

/// OpenTelemetry context/api-propagators.md, "Extract": what cannot be parsed leaves the value that
/// the context has. Jaeger, "trace-id": 0 is invalid.
#[test]
fn ids_of_zero_leave_the_span_that_is_there() {
    for value in [
        "0:e457b5a2e4d86bd1:0:1",
        "80f198ee56343ba864fe8b2a57d3eff7:0:0:1",
        "80f198ee56343ba864fe8b2a57d3eff7::0:1",
    ] {
        let known = remote(1, "");
        let read = |propagator: &dyn TextMapPropagator| {
            let context = extract_beside(&known, propagator, &[(HEADER, value)]);
            context.span().span_context().clone()
        };
        assert_eq!(read(&Ours::default()), *known.span().span_context());
        // Stock today: replaced by one that is not valid, so a new trace begins.
        assert!(!read(&stock()).is_valid(), "{value}");
    }
}

/// Jaeger, "flags": one byte, as one or two hex digits. Bit 1 is "sampled", bit 2 "debug", bit 4
/// "firehose".
#[test]
fn flags_are_hex() {
    for (flags, sent, stock_sent) in [
        // Firehose and others: letters.
        ("0a", Some("0"), None),
        ("0b", Some("3"), None),
        ("9", Some("1"), Some("1")),
        ("ff", Some("3"), None),
        // Bits 1 and 5, and bits 1, 2 and 5.
        ("11", Some("1"), Some("3")),
        ("13", Some("3"), Some("1")),
        ("+1", None, Some("1")),
    ] {
        let headers = [(HEADER, &*format!("{IDS}:0:{flags}").leak())];
        let sent_by = |propagator: &dyn TextMapPropagator| {
            let value = one_hop(propagator, &headers).remove(HEADER)?;
            value.rsplit(':').next().map(str::to_owned)
        };
        assert_eq!(sent_by(&Ours::default()).as_deref(), sent, "{flags}");
        // Stock today: read as decimal.
        assert_eq!(sent_by(&stock()).as_deref(), stock_sent, "{flags}");
    }
}

/// Jaeger: four fields with colons between them, ids in base 16. RFC 3986, section 2.1: the digits
/// of percent-encoding have no case.
#[test]
fn the_header_has_its_grammar() {
    for wrong in [
        format!("{IDS}:0:1:"),
        "+0f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1".to_owned(),
        "80f198ee56343ba864fe8b2a57d3eff7:+457b5a2e4d86bd1:0:1".to_owned(),
    ] {
        let [ours, stock] = both(&wrong);
        assert!(!ours.is_valid(), "{wrong}");
        // Stock today: taken.
        assert!(stock.is_valid(), "{wrong}");
    }
    let [ours, stock] = both(&format!("{IDS}:0:1").replace(':', "%3a"));
    assert!(ours.is_valid());
    // Stock today: not decoded.
    assert!(!stock.is_valid());
    let [ours, stock] = both(&format!("{IDS}:0:1").replace(':', "%3A"));
    assert!(ours.is_valid() && ours == stock);
}

/// Jaeger, "Baggage": `uberctx-{key}` with an URL-encoded value is baggage.
#[test]
fn baggage_is_baggage() {
    let headers = [
        (HEADER, &*format!("{IDS}:0:1").leak()),
        ("uberctx-user", "Am%C3%A9lie"),
    ];
    let ours = extract(&Ours::default(), &headers);
    assert_eq!(ours.baggage().get("user").unwrap().as_str(), "Amélie");
    assert_eq!(ours.span().span_context().trace_state().header(), "");
    assert_eq!(
        inject(&Ours::default(), &ours)["uberctx-user"],
        "Am%C3%A9lie"
    );
    // Stock today: it becomes `tracestate`, still encoded, and the next service of Jaeger's gets
    // nothing while every one of the W3C's does.
    let stock = extract(&stock(), &headers);
    assert!(stock.baggage().is_empty());
    let sent = inject(&TraceContextPropagator::default(), &stock);
    assert_eq!(sent["tracestate"], "uberctx-user=Am%C3%A9lie");
    let made = remote(1, "").with_baggage([KeyValue::new("user", "x")]);
    assert!(inject(&Ours::default(), &made).contains_key("uberctx-user"));
    assert!(!inject(&self::stock(), &made).contains_key("uberctx-user"));
}

/// OpenTelemetry context/api-propagators.md, "Extract", for each concern by itself: baggage that no
/// `tracestate` could hold is no reason to lose the trace.
#[test]
fn baggage_does_not_cost_the_trace() {
    for value in ["a=b", "a,b"] {
        let headers = [
            (HEADER, &*format!("{IDS}:0:1").leak()),
            ("uberctx-list", value),
        ];
        let read = |propagator: &dyn TextMapPropagator| {
            let context = extract(propagator, &headers);
            context.span().span_context().is_valid()
        };
        assert!(read(&Ours::default()), "{value}");
        // Stock today: lost.
        assert!(!read(&stock()), "{value}");
    }
}

/// W3C Trace Context Level 2, section 3.2.2.5.3: the flags that are not defined are to be zero, and
/// none of them says "debug".
#[test]
fn debug_is_not_a_flag_of_the_w3c() {
    let headers = [(HEADER, &*format!("{IDS}:0:3").leak())];
    let sent = |propagator: &dyn TextMapPropagator| {
        let context = extract(propagator, &headers);
        inject(&TraceContextPropagator::default(), &context).remove("traceparent")
    };
    let parent = "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
    assert_eq!(sent(&Ours::default()), Some(format!("{parent}-01")));
    // Stock today: a flag that is reserved.
    assert_eq!(sent(&stock()), Some(format!("{parent}-05")));
    // And back.
    let sent = |propagator: &dyn TextMapPropagator| inject(propagator, &remote(0x05, ""));
    assert_eq!(sent(&Ours::default())[HEADER], format!("{IDS}:0:1"));
    // Stock today: every reader of it is told to keep the trace.
    assert_eq!(sent(&stock())[HEADER], format!("{IDS}:0:3"));
}
