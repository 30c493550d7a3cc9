//! The caller's path allocates nothing of its own.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use allocation_counter::measure;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer as _, TracerProvider as _,
    },
};
use support::{Recorder, TIMEOUT, balanced, provider};

/// Allocations of one run of `work` on this thread, after a few runs that warm the pools.
fn warm(mut work: impl FnMut()) -> u64 {
    for _ in 0..100 {
        work();
    }
    measure(work).count_total
}

fn parent(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        flags,
        true,
        TraceState::NONE,
    ))
}

#[test]
fn spans_of_a_warm_thread_allocate_nothing() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    assert_eq!(warm(|| tracer.start("root").end()), 0);
    let attributed = || {
        let mut span = tracer.start("root");
        span.set_attribute(KeyValue::new("http.request.method", "GET"));
        span.set_attribute(KeyValue::new("http.response.status_code", 200));
        span.set_attribute(KeyValue::new("http.request.method", "PUT"));
        span.add_event("event", vec![]);
        span.update_name("renamed");
        span.set_status(Status::error("static"));
    };
    assert_eq!(warm(attributed), 0);
    for flags in [TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED] {
        let parent = parent(flags);
        assert_eq!(warm(|| tracer.start_with_context("x", &parent).end()), 0);
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

/// What `Context` costs whatever implements the span: a box for the span, and the context itself.
#[test]
fn activating_a_span_allocates_what_the_api_does_and_no_more() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    let activated = warm(|| {
        let span = tracer.start("active");
        let _active = Context::current_with_span(span).attach();
    });
    // A context with a span that carries a context only, for comparison.
    let bare = warm(|| {
        let _active = Context::current()
            .with_remote_span_context(SpanContext::NONE)
            .attach();
    });
    assert!(activated <= bare + 1, "{activated} against {bare}");
}
