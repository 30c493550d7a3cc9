//! What is allocated: nothing beyond the context that takes the result, and on the way out nothing
//! beyond what the carrier does.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "support/names.rs"]
mod names;
mod support;

use std::borrow::Cow;
use std::hint::black_box;

use allocation_counter::measure;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use tracer_propagation::carrier::CarrierMut;
use tracer_propagation::{
    BaggagePropagator, CompositePropagator, Propagator, SamplingState, TraceContextPropagator,
    global,
};

use names::NAMES;
use support::{Headers, propagators};

/// Takes what it is given and keeps none of it.
struct Nowhere;

impl CarrierMut for Nowhere {
    fn set(&mut self, _name: &str, value: Cow<'_, str>) {
        black_box(value);
    }

    fn remove(&mut self, _name: &str) {}
}

fn headers(list: &[(&str, &str)]) -> Headers {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// All formats, and one after the other in a composite.
fn all() -> Vec<(&'static str, Box<dyn Propagator>)> {
    let composite = propagators()
        .into_iter()
        .map(|(_, propagator, _)| propagator);
    let composite = Box::new(CompositePropagator::new(composite.collect()));
    let mut all: Vec<(&str, Box<dyn Propagator>)> = vec![("composite", composite)];
    all.extend(
        propagators()
            .into_iter()
            .map(|(format, propagator, _)| (format, propagator)),
    );
    all
}

const SAMPLED: [(&str, &str); 14] = [
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"),
    ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("x-b3-spanid", "00f067aa0ba902b7"),
    ("x-b3-sampled", "1"),
    (
        "x-cloud-trace-context",
        "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1",
    ),
    ("grpc-trace-bin", "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3AgE"),
    (
        "x-amzn-trace-id",
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
    ),
    (
        "uber-trace-id",
        "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1",
    ),
    ("ot-tracer-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("ot-tracer-spanid", "00f067aa0ba902b7"),
    ("ot-tracer-sampled", "true"),
    ("x-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("x-span-id", "00f067aa0ba902b7"),
];

#[test]
fn nothing_is_allocated_for_headers_that_are_not_there() {
    let headers = headers(&[
        ("accept", "*/*"),
        ("x-request-id", "1"),
        ("user-agent", "curl"),
    ]);
    let cx = Context::new();
    for (format, propagator) in all() {
        let counted = measure(|| {
            black_box(propagator.extract_from(&cx, &headers));
            black_box(propagator.extract_span_context(&headers));
        });
        assert_eq!(counted.count_total, 0, "{format}");
    }
}

/// The direct way: from a carrier to a span context and from there to a carrier, each format from
/// its own headers alone, and the composite from those of the last one too.
#[test]
fn a_span_context_is_read_and_written_without_any_allocation() {
    let of = |names: &[&str]| {
        let lines = SAMPLED.iter().filter(|(name, _)| names.contains(name));
        headers(&lines.copied().collect::<Vec<_>>())
    };
    let b3_multi = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled"];
    let plain = ["x-trace-id", "x-span-id"];
    let mut seen = 0;
    for (format, propagator) in all() {
        let own: Vec<Headers> = match format {
            "b3" | "b3multi" | "b3both" => vec![of(&["b3"]), of(&b3_multi)],
            "composite" => vec![of(&["traceparent"]), of(&["uber-trace-id"]), of(&plain)],
            "gcp" => vec![of(&["x-cloud-trace-context"])],
            "grpc_bin" => vec![of(&["grpc-trace-bin"])],
            "jaeger" => vec![of(&["uber-trace-id"])],
            "ottrace" => vec![of(&[
                "ot-tracer-traceid",
                "ot-tracer-spanid",
                "ot-tracer-sampled",
            ])],
            "x_trace_id" => vec![of(&plain)],
            "tracecontext" => vec![of(&["traceparent"])],
            "xray" => vec![of(&["x-amzn-trace-id"])],
            other => panic!("no headers for {other}"),
        };
        for headers in own {
            let mut found = None;
            let read = measure(|| found = black_box(propagator.extract_span_context(&headers)));
            assert_eq!(read.count_total, 0, "{format}");
            let found = found.expect(format);
            assert!(found.is_sampled() && found.is_remote(), "{format}");
            let written = measure(|| propagator.inject_span_context(&found, &mut Nowhere));
            assert_eq!(written.count_total, 0, "{format}");
            seen += 1;
        }
    }
    assert_eq!(seen, 16);
}

/// Nor is it for what a span context has no place for.
#[test]
fn baggage_is_not_read_for_a_span_context() {
    let headers = headers(&[
        ("baggage", "a=1"),
        ("uberctx-a", "1"),
        ("ot-baggage-a", "1"),
        ("x-baggage-a", "1"),
    ]);
    let default = Box::new(CompositePropagator::default());
    for (format, propagator) in all().into_iter().chain([("default", default as _)]) {
        let mut found = None;
        let read = measure(|| found = black_box(propagator.extract_span_context(&headers)));
        assert_eq!((read.count_total, found), (0, None), "{format}");
    }
}

#[test]
fn a_parent_costs_what_the_context_costs() {
    let cx = Context::new();
    let headers = headers(&SAMPLED);
    for (format, propagator, _) in propagators() {
        let extracted = propagator.extract_from(&cx, &headers);
        let span_context = extracted.span().span_context().clone();
        assert!(span_context.is_sampled(), "{format}");
        let context = measure(|| {
            black_box(cx.with_remote_span_context(span_context));
        });
        let counted = measure(|| {
            black_box(propagator.extract_from(&cx, &headers));
        });
        assert_eq!(counted.count_total, context.count_total, "{format}");
        assert_eq!(counted.bytes_total, context.bytes_total, "{format}");
    }
}

#[test]
fn nothing_is_allocated_on_the_way_out_without_baggage() {
    let cx = Context::new();
    for b3 in ["-0", "-1", "-d", ""] {
        let value = format!("4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7{b3}");
        let headers = headers(&[("b3", &value)]);
        let cx = tracer_propagation::B3Propagator::single().extract_from(&cx, &headers);
        for (format, propagator) in all() {
            let counted = measure(|| propagator.inject_into(&cx, &mut Nowhere));
            assert_eq!(
                counted.count_total,
                0,
                "{format} {:?}",
                SamplingState::of(&cx)
            );
        }
    }
}

/// The API holds a state as a deque of strings; nothing of ours comes on top.
#[test]
fn a_state_costs_what_the_api_costs() {
    let cx = Context::new();
    let members = [
        ("ot", "th:c"),
        ("congo", "t61rcWkgMzE"),
        ("rojo", "00f067aa0ba902b7"),
    ];
    let headers = headers(&[
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        (
            "tracestate",
            "ot=th:c,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        ),
    ]);
    let propagator = TraceContextPropagator::new();
    let extracted = propagator.extract_from(&cx, &headers);
    let span = extracted.span().span_context().clone();
    let (trace_id, span_id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    let by_hand = measure(|| {
        let state = TraceState::from_key_value(members).unwrap();
        let span = SpanContext::new(trace_id, span_id, flags, true, state);
        black_box(cx.with_remote_span_context(span));
    });
    let counted = measure(|| {
        black_box(propagator.extract_from(&cx, &headers));
    });
    assert_eq!(counted.count_total, by_hand.count_total);
    assert_eq!(counted.bytes_total, by_hand.bytes_total);

    // The header value, which the carrier then owns.
    let sent = measure(|| propagator.inject_into(&extracted, &mut Nowhere));
    assert_eq!(sent.count_total, 1);
}

/// The traits of `opentelemetry` would cost a vector a name and a string a header.
#[test]
fn the_global_propagator_costs_what_it_costs_without_being_global() {
    let cx = Context::new();
    let headers = headers(&[
        SAMPLED[0],
        (
            "tracestate",
            "ot=th:c,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
        ),
        ("baggage", "tenant=7"),
    ]);
    let propagator = CompositePropagator::default();
    let extracted = propagator.extract_from(&cx, &headers);
    let extraction = measure(|| {
        black_box(propagator.extract_from(&cx, &headers));
    });
    let injection = measure(|| propagator.inject_into(&extracted, &mut Nowhere));

    global::set_text_map_propagator(propagator);
    let counted = measure(|| {
        black_box(global::extract_from(&cx, &headers));
    });
    assert_eq!(counted.count_total, extraction.count_total);
    assert_eq!(counted.bytes_total, extraction.bytes_total);
    let counted = measure(|| global::inject_into(&extracted, &mut Nowhere));
    assert_eq!(counted.count_total, injection.count_total);
    assert_eq!(counted.bytes_total, injection.bytes_total);
}

/// What a hostile peer sends costs memory in proportion, whatever it is made of.
#[test]
fn memory_is_bounded_by_the_input() {
    const LEN: usize = 64 * 1024;
    // The most members, as the API holds them.
    const FIXED: usize = 32 * 1024;
    for unit in [
        "a", "a=1,", "a=%41,", ",", ";", "=", "a=1;b;", " ", "%", "0", "-", ":", "\u{e9}",
    ] {
        let value = unit.repeat(LEN / unit.len());
        for name in NAMES {
            let lines = [(name, value.as_str()), SAMPLED[0]];
            let headers = headers(&lines);
            let baggage: Box<dyn Propagator> = Box::new(BaggagePropagator::new());
            for (format, propagator) in all().into_iter().chain([("baggage", baggage)]) {
                let counted = measure(|| {
                    black_box(propagator.extract_from(&Context::new(), &headers));
                });
                let allowed = (4 * LEN + FIXED) as u64;
                assert!(counted.bytes_total <= allowed, "{format} {name} {unit}");
            }
        }
    }
}

/// Strings that grow while a member is decoded cost twice what they end up with, and once more for
/// the copy that the API makes.
#[test]
fn one_member_costs_at_most_four_times_its_bytes() {
    // An entry in the map of `Baggage`.
    const FIXED: u64 = 1024 + 512;
    for (unit, end) in [
        ("%o", "%ff"),
        ("%ff", ""),
        ("%c3%a9", ""),
        ("x", ";p"),
        ("x;p=%", ""),
    ] {
        let value = format!("a={}{end}", unit.repeat(6000 / unit.len()));
        let headers = [("baggage", value.as_str())];
        let counted = measure(|| {
            let baggage = BaggagePropagator::new().extract_baggage(headers.as_slice());
            assert_eq!(black_box(baggage).map(|baggage| baggage.len()), Some(1));
        });
        let allowed = 4 * value.len() as u64 + FIXED;
        assert!(
            counted.bytes_total <= allowed,
            "{unit}: {}",
            counted.bytes_total
        );
    }
}
