//! Limits of spans (rows 32 to 34, 57 and 59 of the compliance matrix). All that a limit removes is
//! counted in the span and in the statistics, and is logged once for each kind.

use std::collections::BTreeMap;

use opentelemetry::{
    Array, KeyValue, Value,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{SpanLimits, Stats, TracerProvider};

use crate::support::{
    Recorder, TIMEOUT, balanced, eventually, log::Log, process::in_own_process, remote,
};

/// Returns the messages so far: the kind, whether it is the first of its kind, the count.
fn lines(log: &Log) -> Vec<(String, bool, u64)> {
    let lines = log.lines().into_iter().map(|line| {
        let count = line.fields["count"].parse().unwrap();
        let first = line.message.contains("drop or shorten");
        (line.fields["kind"].clone(), first, count)
    });
    lines.collect()
}

fn key(n: usize) -> KeyValue {
    KeyValue::new(format!("key.{n}"), "0123456789")
}

/// Exceeds every limit: 5 of each where 2 are allowed, values of 10 characters where 4 are.
fn overflow(provider: &TracerProvider) {
    let mut span = provider.tracer("t").start("x");
    for n in 0..5 {
        span.set_attribute(key(n));
        span.add_event("e", (0..n).map(key).collect());
        span.add_link(remote(1), (0..n).map(key).collect());
    }
}

fn small() -> SpanLimits {
    SpanLimits::default()
        .max_attributes(2)
        .max_events(4)
        .max_links(3)
        .max_attributes_per_event(2)
        .max_attributes_per_link(1)
        .max_value_length(4)
}

fn build(recorder: &Recorder, limits: SpanLimits) -> TracerProvider {
    TracerProvider::builder()
        .exporter(recorder.clone())
        .span_limits(limits)
        .build()
        .expect("provider")
}

#[track_caller]
fn check_counts(stats: &Stats, spans: u64) {
    let over = stats.over_limit;
    assert_eq!(over.attributes, 3 * spans);
    assert_eq!(over.events, spans);
    assert_eq!(over.links, 2 * spans);
    // The events that are kept have 0, 1, 2 and 3 attributes, the links 0, 1 and 2.
    assert_eq!(over.event_attributes, spans);
    assert_eq!(over.link_attributes, spans);
    // Every value that is kept is cut: 2, then 0 + 1 + 2 + 2, then 0 + 1 + 1.
    assert_eq!(over.values, 9 * spans);
}

#[test]
fn dropped_data_is_counted_and_logged_once_for_each_kind() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::default();
    let provider = build(&recorder, small());
    overflow(&provider);
    check_counts(&provider.stats(), 1);
    // The worker logs within about a second. The caller logs nothing.
    eventually("the lines", || lines(&log).len() == 6);
    for _ in 0..9 {
        overflow(&provider);
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    check_counts(&balanced(&provider), 10);
    eventually("the sums", || lines(&log).len() == 12);
    let lines = lines(&log);
    let first: BTreeMap<_, _> = lines[..6]
        .iter()
        .map(|(kind, first, count)| (kind.as_str(), (*first, *count)))
        .collect();
    let of_one_span = BTreeMap::from([
        ("attributes", 3),
        ("event attributes", 1),
        ("events", 1),
        ("link attributes", 1),
        ("links", 2),
        ("values", 9),
    ]);
    assert!(first.keys().eq(of_one_span.keys()), "{first:?}");
    for (kind, (first, count)) in first {
        // The worker may have logged while the span was still open.
        assert!(first && (1..=of_one_span[kind]).contains(&count), "{kind}");
    }
    for (kind, first, count) in &lines[6..] {
        let all = of_one_span[kind.as_str()] * 10;
        assert_eq!((*first, *count), (false, all), "{kind}");
    }
    let span = &recorder.spans()[0];
    assert_eq!(span.dropped_attributes_count, 3);
    assert_eq!((span.events.len(), span.events.dropped_count), (4, 1));
    assert_eq!((span.links.len(), span.links.dropped_count), (3, 2));
    assert_eq!(span.events[3].dropped_attributes_count, 1);
    assert_eq!(span.links[2].dropped_attributes_count, 1);
    assert_eq!(span.attributes[0], KeyValue::new("key.0", "0123"));
}

#[test]
fn provider_logs_at_its_shutdown_and_never_if_spans_keep_within_limits() {
    in_own_process!();
    let log = Log::install();
    let recorder = Recorder::default();
    let provider = build(&recorder, SpanLimits::default().max_events(1));
    let mut span = provider.tracer("t").start("x");
    span.add_event("kept", vec![]);
    span.end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    let provider = build(&recorder, SpanLimits::default().max_events(0));
    let mut span = provider.tracer("t").start("x");
    span.add_event("left out", vec![]);
    span.end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    eventually("the line", || !lines(&log).is_empty());
    assert_eq!(lines(&log), [("events".to_owned(), true, 1)]);
}

/// common/README.md "Attribute Limits": "arrays or map at a depth greater than the limit MUST be
/// replaced with an empty value; otherwise a value MUST NOT be changed due to the depth limit".
#[test]
fn arrays_deeper_than_the_limit_become_empty_values() {
    let attributes = || {
        vec![
            KeyValue::new("plain", 1),
            KeyValue::new("array", Value::Array(Array::I64(vec![1, 2]))),
        ]
    };
    for (depth, left) in [(0, false), (1, true), (64, true)] {
        let recorder = Recorder::default();
        let provider = build(&recorder, SpanLimits::default().max_value_depth(depth));
        let mut span = provider.tracer("t").start("x");
        span.set_attributes(attributes());
        span.add_event("e", attributes());
        span.add_link(remote(1), attributes());
        span.end();
        provider.shutdown(TIMEOUT).expect("shutdown");
        let span = recorder.spans().remove(0);
        let expected = if left {
            attributes()
        } else {
            vec![KeyValue::new("plain", 1), KeyValue::new("array", "")]
        };
        assert_eq!(span.attributes, expected);
        assert_eq!(span.events[0].attributes, expected);
        assert_eq!(span.links[0].attributes, expected);
        assert_eq!(span.dropped_attributes_count, 0);
        let emptied = if left { 0 } else { 3 };
        assert_eq!(balanced(&provider).over_limit.values, emptied);
    }
}

#[test]
fn limits_of_zero_leave_a_span_that_says_what_it_lost() {
    let recorder = Recorder::default();
    let none = SpanLimits::default()
        .max_attributes(0)
        .max_events(0)
        .max_links(0);
    let provider = build(&recorder, none);
    overflow(&provider);
    provider.shutdown(TIMEOUT).expect("shutdown");
    let span = recorder.spans().remove(0);
    assert_eq!(
        (span.attributes.len(), span.dropped_attributes_count),
        (0, 5)
    );
    assert_eq!((span.events.len(), span.events.dropped_count), (0, 5));
    assert_eq!((span.links.len(), span.links.dropped_count), (0, 5));
}
