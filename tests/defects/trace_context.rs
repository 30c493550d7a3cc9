//! `traceparent` and `tracestate`.

use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::propagation::TraceContextPropagator as Stock;
use tracer_propagation::TraceContextPropagator as Ours;

use crate::{extract, inject, one_hop};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn both(headers: &[(&'static str, &'static str)]) -> [SpanContext; 2] {
    let propagators: [&dyn TextMapPropagator; 2] = [&Ours::default(), &Stock::new()];
    propagators.map(|propagator| extract(propagator, headers).span().span_context().clone())
}

/// W3C Trace Context level 2, section 3.2: every field has a fixed length and lowercase digits.
#[test]
fn d6_fields_have_their_length_and_only_digits() {
    for wrong in [
        "00-1-1-1",
        "+0-1-1-1",
        "0-1-1-+1",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
    ] {
        let [ours, stock] = both(&[("traceparent", wrong)]);
        assert!(!ours.is_valid(), "{wrong}");
        // Stock today: taken.
        assert!(stock.is_valid(), "{wrong}");
    }
    let [ours, stock] = both(&[("traceparent", PARENT)]);
    assert!(ours.is_valid() && ours == stock);
}

/// W3C Trace Context level 2, section 3.2.2.5.2: the random flag is passed on.
#[test]
fn d7_random_flag_is_passed_on() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
    let [ours, stock] = both(&[("traceparent", parent)]);
    assert_eq!(ours.trace_flags().to_u8(), 0x03);
    // Stock today: cleared when read, and when written.
    assert_eq!(stock.trace_flags().to_u8(), 0x01);
    let context = Context::new().with_remote_span_context(ours);
    assert_eq!(inject(&Ours::default(), &context)["traceparent"], parent);
    assert_eq!(inject(&Stock::new(), &context)["traceparent"], PARENT);
}

/// W3C Trace Context, section 3.3.1: no empty header, and several are one list.
#[test]
fn d8_tracestate_headers_are_joined_and_none_is_sent_empty() {
    let [ours, stock] = both(&[
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ]);
    assert_eq!(ours.trace_state().header(), "a=1,b=2");
    // Stock today: only the first is read.
    assert_eq!(stock.trace_state().header(), "a=1");

    let plain = SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let context = Context::new().with_remote_span_context(plain);
    assert_eq!(inject(&Ours::default(), &context).get("tracestate"), None);
    // Stock today: an empty header.
    assert_eq!(inject(&Stock::new(), &context)["tracestate"], "");
}

/// Section 3.3.2: a value has printable characters only. What is not is not sent on.
#[test]
fn line_breaks_in_tracestate_are_not_sent_on() {
    let headers = [("traceparent", PARENT), ("tracestate", "a=1\r\nX-Evil: 1")];
    let [ours, stock] = both(&headers);
    assert!(ours.is_valid());
    assert_eq!(one_hop(&Ours::default(), &headers).get("tracestate"), None);
    // Stock today: kept, and sent on raw.
    assert!(stock.trace_state().header().contains("\r\n"));
    assert!(one_hop(&Stock::new(), &headers)["tracestate"].contains("\r\nX-Evil: 1"));

    // The same where an application makes the state: `TraceState` looks for `,` and `=` only.
    let made = TraceState::from_key_value([("a", "1\r\nX-Evil: 1"), ("b", "2")]).unwrap();
    let span = SpanContext::new(
        stock.trace_id(),
        stock.span_id(),
        stock.trace_flags(),
        true,
        made,
    );
    let context = Context::new().with_remote_span_context(span);
    assert_eq!(inject(&Ours::default(), &context)["tracestate"], "b=2");
    assert!(inject(&Stock::new(), &context)["tracestate"].contains("\r\n"));
}

/// Section 3.3.1.5: a list that is too long loses whole members, those over 128 bytes first.
#[test]
fn tracestate_is_bounded_as_a_whole() {
    let long = (0..16).map(|n| format!("long{n:02}={}", "v".repeat(250)));
    let short = (0..16).map(|n| format!("short{n:02}={}", "v".repeat(40)));
    let value: Vec<_> = long.chain(short).collect();
    let value = value.join(",").leak();
    let headers = [("traceparent", PARENT), ("tracestate", &*value)];
    let ours = &one_hop(&Ours::default(), &headers)["tracestate"];
    assert!(ours.len() <= 4096, "{}", ours.len());
    assert_eq!(ours.matches("short").count(), 16);
    assert!(ours.split(',').all(|member| value.contains(member)));
    // Stock today: kept, all of it.
    assert_eq!(&one_hop(&Stock::new(), &headers)["tracestate"], value);
}

/// Section 3.3.1: one bad member spoils the list, a 33rd too; `@` is a character as any other.
#[test]
fn tracestate_has_the_grammar_of_level_2() {
    let state = |value| both(&[("traceparent", PARENT), ("tracestate", value)]);
    let many: Vec<_> = (0..33).map(|n| format!("k{n}=1")).collect();
    for bad in [many.join(",").leak(), "foo=,bar=3", "foo=bar\x7f"] {
        let [ours, stock] = state(bad);
        assert_eq!(ours.trace_state().header(), "", "{bad}");
        // Stock today: taken.
        assert_ne!(stock.trace_state().header(), "", "{bad}");
    }
    let headers = [("traceparent", PARENT), ("tracestate", "foo@@bar=1,bar=2")];
    let sent = one_hop(&Ours::default(), &headers);
    assert_eq!(sent["tracestate"], "foo@@bar=1,bar=2");
    // Stock today: all of it is lost.
    assert_eq!(one_hop(&Stock::new(), &headers)["tracestate"], "");
}

/// Section 3.2: of two headers none can be trusted.
#[test]
fn a_repeated_traceparent_gives_no_parent() {
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01";
    let [ours, stock] = both(&[("traceparent", PARENT), ("traceparent", other)]);
    assert!(!ours.is_valid());
    // Stock today: the first.
    assert!(stock.is_valid());
}
