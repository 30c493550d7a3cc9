//! The counts are those of the process, so this file is one test, alone in its process.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::baggage::Baggage;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceState;
use tracer_propagation::{CompositePropagator, baggage, stats, tracestate};

fn extract(headers: &[(&str, &str)]) {
    let map: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    CompositePropagator::default().extract_with_context(&Context::new(), &map);
}

#[test]
fn everything_refused_or_left_out_is_counted_once() {
    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<CompositePropagator>();

    extract(&[
        ("traceparent", VALID),
        ("tracestate", "a=1"),
        ("baggage", "a=1"),
    ]);
    extract(&[]);
    let mut expected = stats();
    assert_eq!(
        expected,
        Default::default(),
        "nothing to complain about yet"
    );

    extract(&[
        ("traceparent", "00-1-1-1"),
        ("tracestate", "also=bad,"),
        ("baggage", "a=1"),
    ]);
    expected.traceparent_refused += 1;
    assert_eq!(stats(), expected);

    extract(&[("traceparent", VALID), ("tracestate", "A=1,b=2")]);
    expected.tracestate_refused += 1;
    assert_eq!(stats(), expected);

    extract(&[("baggage", "a,b,c=1")]);
    expected.baggage_members_dropped += 2;
    assert_eq!(stats(), expected);

    tracestate::header(&TraceState::from_key_value([("a", "\n"), ("b", "1")]).unwrap());
    expected.tracestate_members_dropped += 1;
    let large: Vec<_> = (10..30)
        .map(|n| (format!("k{n}"), "x".repeat(256)))
        .collect();
    // 20 x 260 bytes and 19 commas; 15 of them and 14 commas are the most below 4,096.
    tracestate::header(&TraceState::from_key_value(large).unwrap());
    expected.tracestate_members_dropped += 5;
    assert_eq!(stats(), expected);

    let mut made = Baggage::new();
    made.insert("a", ",".repeat(3000));
    made.insert("b", "1");
    baggage::header(&made);
    expected.baggage_members_dropped += 1;
    assert_eq!(stats(), expected);
}
