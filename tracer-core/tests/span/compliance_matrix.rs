//! The rows "Traces" of the specification's compliance matrix that belong to this crate, by number
//! and name.
//!
//! Other files test the remaining rows: `otel_api.rs` compares spans with those of the stock SDK
//! field by field (10, 20 to 27, 36 to 51), `limits.rs` tests limits (32 to 34, 57, 59),
//! `samplers_and_ids.rs` tests rows 52, 53, 55 and 56, `processors/` tests processors (23, 35, 58),
//! `delivery/lifecycle.rs` tests flush and shutdown (6, 7). Rows 54 and 61 to 63 are samplers of
//! other crates.

use std::{collections::HashSet, thread};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId,
    trace::{
        Link, Span as _, SpanContext, Status, TraceContextExt as _, TraceFlags, TraceState,
        Tracer as _, TracerProvider as _,
    },
};
use tracer_core::testing::{TestProvider, assert_trace};

use crate::support::remote;

#[test]
fn rows_0_to_4_tracers_carry_name_version_schema_url_and_attributes() {
    let scope = InstrumentationScope::builder("library")
        .with_version("1.2")
        .with_schema_url("https://example.test/schema")
        .with_attributes([KeyValue::new("k", "v")])
        .build();
    let made = scope.clone();
    let trace = TestProvider::new();
    trace.tracer("plain").start("a");
    trace.provider().tracer_with_scope(made).start("b");
    assert_eq!(trace.span("a").scope.name(), "plain");
    // Row 60: Fetch InstrumentationScope from ReadableSpan.
    assert_eq!(trace.span("b").scope, scope);
}

#[test]
fn rows_5_and_14_providers_and_tracers_are_safe_for_concurrent_calls() {
    let trace = TestProvider::new();
    let provider = trace.provider();
    thread::scope(|scope| {
        for thread in 0..8 {
            let shared = provider.tracer("shared");
            scope.spawn(move || {
                for turn in 0..50 {
                    shared.start("x");
                    // The same scope from two threads each, and new ones all the time.
                    let name = format!("scope {} {turn}", thread / 2);
                    provider.tracer(name).start("y");
                    provider.stats();
                }
            });
        }
    });
    let spans = trace.spans();
    let ids: HashSet<_> = spans.iter().map(|span| span.span_id()).collect();
    assert_eq!(ids.len(), 800);
    let scopes: HashSet<_> = spans.into_iter().map(|span| span.scope).collect();
    assert_eq!(scopes.len(), 1 + 4 * 50);
    trace.balance();
}

#[test]
fn rows_8_9_12_and_13_active_span_is_set_got_and_restored() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    assert!(!Context::current().has_active_span());
    let span = tracer.start("active");
    let id = span.span_context().span_id();
    let guard = Context::current_with_span(span).attach();
    assert_eq!(Context::current().span().span_context().span_id(), id);
    tracer.start("child");
    drop(guard);
    assert!(!Context::current().has_active_span());
    // Row 20: Create with default parent (active span).
    assert_trace!(
        trace,
        r#"
        "active"
            "child"
        "#
    );
}

#[test]
fn rows_15_and_16_contexts_are_valid_and_local_and_know_a_remote_parent() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let parent = Context::new().with_remote_span_context(remote(1));
    let child = tracer.start_with_context("child", &parent);
    assert!(child.span_context().is_valid());
    assert!(!child.span_context().is_remote());
    // Row 22: only a context may be the parent; one without a span makes a root (19, 21).
    let root = tracer.start_with_context("root", &Context::new());
    assert_ne!(root.span_context().trace_id(), remote(1).trace_id());
    drop((child, root));
    assert_trace!(
        trace,
        r#"
        "child" remote
        "root"
        "#
    );
    let child = trace.span("child");
    assert_eq!(child.trace_id(), remote(1).trace_id());
    assert_eq!(child.parent_span_id, remote(1).span_id());
}

#[test]
fn rows_28_and_29_span_records_until_its_end_and_only_once() {
    let trace = TestProvider::new();
    let mut span = trace.tracer("t").start("x");
    assert!(span.is_recording());
    span.end();
    assert!(!span.is_recording());
    span.update_name("late");
    span.set_attribute(KeyValue::new("late", 1));
    span.add_event("late", vec![]);
    span.add_link(remote(1), vec![]);
    span.set_status(Status::Ok);
    span.end();
    assert_trace!(trace, r#" "x" exactly "#);
}

/// trace/api.md "Set Status".
#[test]
fn row_30_status_ok_is_final_the_last_error_wins_and_unset_is_ignored() {
    let (a, b) = (Status::error("a"), Status::error("b"));
    for (set, expected) in [
        (vec![], Status::Unset),
        (vec![Status::Ok], Status::Ok),
        (vec![Status::Ok, a.clone()], Status::Ok),
        (vec![Status::Ok, Status::Unset], Status::Ok),
        (vec![a.clone(), Status::Ok], Status::Ok),
        (vec![a.clone(), Status::Unset], a.clone()),
        (vec![a.clone(), b.clone()], b.clone()),
        (vec![b, a.clone()], a.clone()),
        (vec![a.clone(), Status::error("")], Status::error("")),
    ] {
        let trace = TestProvider::new();
        let mut span = trace.tracer("t").start("x");
        for status in set.clone() {
            span.set_status(status);
        }
        span.end();
        assert_eq!(trace.span("x").status, expected, "{set:?}");
    }
}

#[test]
fn rows_31_and_49_one_span_takes_calls_of_many_threads() {
    let trace = TestProvider::new();
    let context = Context::new().with_span(trace.tracer("t").start("x"));
    thread::scope(|scope| {
        for thread in 0..8 {
            let context = &context;
            scope.spawn(move || {
                for turn in 0..10 {
                    let key = format!("{thread}.{turn}");
                    context.span().set_attribute(KeyValue::new(key, turn));
                    context.span().add_event("e", vec![]);
                }
            });
        }
    });
    context.span().end();
    let span = trace.span("x");
    assert_eq!((span.attributes.len(), span.events.len()), (80, 80));
}

#[test]
fn row_43_keys_and_values_may_be_any_unicode() {
    let long = "日本語".repeat(100);
    let texts = ["ключ", "🦀🔑", "e\u{301}", "\u{10ffff}", "a b\tc\n", &long];
    let trace = TestProvider::new();
    let mut span = trace.tracer("t").start("имя 🦀");
    for text in texts {
        span.set_attribute(KeyValue::new(text.to_owned(), text.to_owned()));
    }
    // Keys that differ only in normal form or case are different keys.
    span.set_attribute(KeyValue::new("\u{e9}", 1));
    span.set_attribute(KeyValue::new("É", 2));
    span.end();
    let mut expected: Vec<_> = texts
        .iter()
        .map(|text| KeyValue::new((*text).to_owned(), (*text).to_owned()))
        .collect();
    expected.extend([KeyValue::new("\u{e9}", 1), KeyValue::new("É", 2)]);
    assert_eq!(trace.span("имя 🦀").attributes, expected);
}

#[test]
fn rows_44_to_46_links_keep_their_order_from_before_and_after_the_start() {
    let target = |n: u64| {
        let id = remote(1).trace_id();
        SpanContext::new(
            id,
            SpanId::from(n),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        )
    };
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let mut span = tracer
        .span_builder("x")
        .with_links((1..4).map(|n| Link::new(target(n), vec![], 0)).collect())
        .start(&tracer);
    for n in [6, 5, 4] {
        span.add_link(target(n), vec![]);
    }
    span.end();
    let links = trace.span("x").links.into_iter();
    let order: Vec<_> = links.map(|link| link.span_context).collect();
    assert_eq!(order, [1, 2, 3, 6, 5, 4].map(target));
}
