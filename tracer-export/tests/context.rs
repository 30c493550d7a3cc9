//! After `init`, code that is written for the `opentelemetry` crate works under native guards too.
//! In a test program of its own, because globals are set.
#![allow(clippy::expect_used, reason = "a test that meets the unexpected fails")]

use std::{collections::HashMap, time::Duration};

use opentelemetry::{
    Context, KeyValue, SpanId, global,
    trace::{Span as _, TraceContextExt as _, Tracer as _, get_active_span},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SpanData};
use tracer_core::{sdk::SdkExporter, span, traced};
use tracer_export::Builder;

const PATIENCE: Duration = Duration::from_secs(20);

fn builder(memory: &InMemorySpanExporter) -> Builder {
    tracer_export::builder()
        .env(|name| (name == "OTEL_TRACES_EXPORTER").then(|| "none".to_owned()))
        .exporter(SdkExporter::new(memory.clone()))
}

/// A library that uses only OpenTelemetry: it makes spans with the global tracer, and its client
/// injects the current context.
fn library() -> HashMap<String, String> {
    let tracer = global::tracer("library");
    let parent = Context::current();
    tracer.start_with_context("library call", &parent).end();
    get_active_span(|active| active.set_attribute(KeyValue::new("library.cache", "miss")));
    let mut headers = HashMap::new();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Context::current(), &mut headers);
    });
    headers
}

#[traced]
fn handle() -> HashMap<String, String> {
    library()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found = spans.iter().find(|span| span.name == name);
    found.expect("exported")
}

#[test]
fn opentelemetry_code_works_unchanged_under_guards_unless_that_is_turned_off() {
    let memory = InMemorySpanExporter::default();
    let guard = builder(&memory).init().expect("init");
    let request = span!("request");
    let headers = handle();
    drop(request);
    guard.provider().force_flush(PATIENCE).expect("flush");
    let spans = memory.get_finished_spans().expect("spans");
    let [request, handle, call] =
        ["request", "handle", "library call"].map(|name| find(&spans, name));
    assert_eq!(spans.len(), 3);
    assert_eq!(handle.parent_span_id, request.span_context.span_id());
    assert_eq!(call.parent_span_id, handle.span_context.span_id());
    assert_eq!(handle.attributes, [KeyValue::new("library.cache", "miss")]);
    let context = &handle.span_context;
    // W3C Trace Context, "traceparent Header Field Values".
    let traceparent = format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags()
    );
    assert_eq!(headers.get("traceparent"), Some(&traceparent));

    let memory = InMemorySpanExporter::default();
    let guard = builder(&memory)
        .context_activation(false)
        .install_global(false)
        .init()
        .expect("init");
    let _default = guard.provider().set_thread_default();
    let request = span!("request");
    assert_eq!(
        get_active_span(|active| active.span_context().span_id()),
        SpanId::INVALID
    );
    assert!(!Context::current().has_active_span());
    drop(request);
    guard.provider().force_flush(PATIENCE).expect("flush");
    assert_eq!(memory.get_finished_spans().expect("spans").len(), 1);
}
