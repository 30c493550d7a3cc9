//! Starting, changing and ending a span allocates nothing beyond what the caller allocates.

use std::{
    future::Future as _,
    pin::pin,
    task::{self, Waker},
};

use allocation_counter::measure;
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer as _, TracerProvider as _, get_active_span,
    },
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tracer_core::{
    InSpan as _, Span, SpanProcessor, SpanRecord, TracerProvider, current, span, start_span,
};

use crate::support::{Recorder, TIMEOUT, balanced, provider, remote};

/// Returns the number of allocations of one run of `work` on this thread, after some runs that warm
/// the pools.
fn warm(mut work: impl FnMut()) -> u64 {
    for _ in 0..100 {
        work();
    }
    measure(work).count_total
}

fn parent(flags: u8) -> Context {
    Context::new().with_remote_span_context(remote(flags))
}

#[test]
fn native_spans_of_a_warm_thread_allocate_nothing() {
    fn tree(depth: usize) {
        if depth > 0 {
            let _span = span!("node");
            tree(depth - 1);
        }
    }
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    assert_eq!(warm(|| tree(10)), 0);
    let attributed = || {
        let span = span!("root", "http.request.method" = "GET", "size" = 200);
        current().set_attribute(KeyValue::new("later", true));
        span.set_status(Status::Ok);
        drop(start_span!("owned").enter().exit());
    };
    assert_eq!(warm(attributed), 0);
    assert_eq!(warm(|| drop(span!(parent: &remote(0), "unsampled"))), 0);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

/// One allocation for the boxed span and one for the context, as for a span that is put into a
/// `Context` by hand.
#[test]
fn guards_that_activate_a_context_allocate_what_the_api_does_and_no_more() {
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .context_activation(true)
        .exporter(recorder)
        .build()
        .expect("provider");
    let _default = provider.set_thread_default();
    let api = warm(|| {
        let _active = Context::current_with_span(start_span!("x")).attach();
    });
    assert_eq!(api, 2);
    assert_eq!(warm(|| drop(span!("x"))), api);
    let attributed = || {
        let span = span!("root", "http.request.method" = "GET", "size" = 200);
        current().set_attribute(KeyValue::new("later", true));
        get_active_span(|active| active.set_attribute(KeyValue::new("by others", 1)));
        span.set_status(Status::Ok);
    };
    assert_eq!(warm(attributed), api);
    let nested = || {
        let _outer = span!("outer");
        let _inner = span!("inner");
    };
    assert_eq!(warm(nested), 2 * api);
    // A span that does not record has nothing to share.
    assert_eq!(warm(|| drop(span!(parent: &remote(0), "unsampled"))), 1);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

#[test]
fn future_with_a_span_allocates_as_much_as_the_api_does_and_none_at_a_poll() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    let span = || drop(Context::current_with_span(start_span!("x")));
    let api = warm(span);
    assert_eq!(warm(|| drop(async {}.in_span(start_span!("x")))), api);
    let mut future = pin!(std::future::pending::<()>().in_span(start_span!("x")));
    let mut task = task::Context::from_waker(Waker::noop());
    let poll = || assert!(future.as_mut().poll(&mut task).is_pending());
    assert_eq!(warm(poll), 0);
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
    for flags in [1, 0] {
        let parent = parent(flags);
        assert_eq!(warm(|| tracer.start_with_context("x", &parent).end()), 0);
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

/// Recording a tracestate allocates no more than passing it on does.
#[test]
fn tracestate_of_a_parent_costs_one_copy_of_it() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    let state = TraceState::from_key_value([("a", "1"), ("b", "2")]).expect("valid");
    let copy = warm(|| drop(state.clone()));
    for flags in [1, 0] {
        let (trace_id, span_id) = (TraceId::from(1), SpanId::from(2));
        let parent = SpanContext::new(
            trace_id,
            span_id,
            TraceFlags::new(flags),
            true,
            state.clone(),
        );
        let parent = Context::new().with_remote_span_context(parent);
        let counted = warm(|| tracer.start_with_context("x", &parent).end());
        assert_eq!((counted, copy), (5, 5), "{flags:?}");
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

#[derive(Debug)]
struct Looks;

impl SpanProcessor for Looks {
    fn on_start(&self, span: &mut Span, _parent: &Context) {
        assert_eq!(span.scope().map(InstrumentationScope::name), Some("t"));
    }

    fn on_ending(&self, span: &mut Span) {
        assert!(span.record().is_some_and(|record| record.name() == "x"));
    }

    fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        assert!(span.trace_flags().is_sampled() && scope.name() == "t");
    }
}

#[test]
fn processors_and_a_meter_add_no_allocation_of_ours() {
    let recorder = Recorder::default();
    let meters = SdkMeterProvider::builder().build();
    let provider = TracerProvider::builder()
        .exporter(recorder)
        .processor(Looks)
        .meter_provider(&meters)
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    assert_eq!(warm(|| tracer.start("x").end()), 0);
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).processor_panics, 0);
}

/// `Context` allocates a box for the span and the context itself, whatever implements the span.
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
