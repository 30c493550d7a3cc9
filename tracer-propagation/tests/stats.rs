//! The counts are those of the process, so this file is one test, alone in its process.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::baggage::Baggage;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use tracer_propagation::carrier::CarrierExtractor;
use tracer_propagation::{
    CompositePropagator, Propagator, XTraceIdPropagator, baggage, env, stats, tracestate,
};

fn extract(headers: &[(&str, &str)]) {
    CompositePropagator::default().extract_with_context(&Context::new(), &map(headers));
}

fn map(headers: &[(&str, &str)]) -> HashMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
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

    // Each counts once: two headers of one format are one message, and a fallback is a second try.
    let every = env::propagators(Some("b3,jaeger,xray,ottrace,tracer_gcp,tracer_grpc_bin"));
    let extract_every = |headers: &[(&str, &str)]| {
        every
            .propagator
            .extract_with_context(&Context::new(), &map(headers));
    };
    extract_every(&[
        ("b3", "0"),
        (
            "x-amzn-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
        ),
    ]);
    assert_eq!(
        stats(),
        expected,
        "decisions without a caller are not mistakes"
    );
    extract_every(&[("x-b3-sampled", "2"), ("x-b3-traceid", "1")]);
    extract_every(&[("uber-trace-id", "1:1:1")]);
    extract_every(&[("x-amzn-trace-id", "Root=1")]);
    extract_every(&[("ot-tracer-traceid", "1")]);
    extract_every(&[("x-cloud-trace-context", "1/1")]);
    extract_every(&[("grpc-trace-bin", "AA")]);
    expected.trace_headers_refused += 6;
    assert_eq!(stats(), expected);
    extract_every(&[("b3", "1-1-1"), ("x-b3-traceid", "1")]);
    expected.trace_headers_refused += 2;
    assert_eq!(stats(), expected);
    let twice = vec![("uber-trace-id", "1:1:0:1"), ("uber-trace-id", "1:1:0:1")];
    every.propagator.extract_from(&Context::new(), &twice);
    expected.trace_headers_refused += 1;
    assert_eq!(stats(), expected);
    let plain = XTraceIdPropagator::new();
    plain.extract_with_context(
        &Context::new(),
        &map(&[("x-trace-id", "of something else")]),
    );
    assert_eq!(stats(), expected, "a common name alone is no mistake");
    let ids = ("x-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736");
    plain.extract_from(&Context::new(), &vec![ids, ids, ("x-span-id", "1")]);
    expected.trace_headers_refused += 1;
    assert_eq!(stats(), expected);

    // 64 members of the one and one of the other.
    let members = (0..64).map(|n| format!("uberctx-{n}")).collect::<Vec<_>>();
    let mut headers: Vec<_> = members.iter().map(|name| (name.as_str(), "1")).collect();
    headers.push(("ot-baggage-a", "1"));
    extract_every(&headers);
    expected.baggage_members_dropped += 1;
    assert_eq!(stats(), expected);
    let long = "x".repeat(5000);
    extract_every(&[
        ("uberctx-a", &long),
        ("ot-baggage-b", &long),
        ("ot-baggage-", "no key"),
    ]);
    expected.baggage_members_dropped += 2;
    assert_eq!(stats(), expected);

    // Through the traits what is no text is a header all the same.
    let bytes: Vec<(&str, &[u8])> = vec![("traceparent", b"\xff"), ("baggage", b"a=1,b=\xff")];
    CompositePropagator::default().extract_with_context(&Context::new(), &CarrierExtractor(&bytes));
    expected.traceparent_refused += 1;
    expected.baggage_members_dropped += 1;
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

    // 32 members came, one of which `TraceState` cannot hold; a sampler adds one.
    let state: Vec<_> = (0..31).map(|n| format!("k{n}=1")).collect();
    let state = state.join(",") + ",z@@z=1";
    let received = [("traceparent", VALID), ("tracestate", &state)];
    let propagator = CompositePropagator::default();
    let cx = propagator.extract_from(&Context::new(), &received.as_slice());
    let span = cx.span().span_context().clone();
    let (ids, flags) = ((span.trace_id(), span.span_id()), span.trace_flags());
    let state = span.trace_state().insert("ot", "th:8").unwrap();
    let cx = cx.with_remote_span_context(SpanContext::new(ids.0, ids.1, flags, true, state));
    propagator.inject_into(&cx, &mut HashMap::new());
    expected.tracestate_members_dropped += 1;
    assert_eq!(stats(), expected);

    let mut made = Baggage::new();
    made.insert("a", ",".repeat(3000));
    made.insert("b", "1");
    baggage::header(&made);
    expected.baggage_members_dropped += 1;
    assert_eq!(stats(), expected);
}
