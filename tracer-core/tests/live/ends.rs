//! The live view shows the spans that it should, and each span leaves it however the span ends.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, TraceContextExt as _, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::SamplingDecision;
use tracer_core::{
    Span, SpanProcessor, TracerProvider,
    live::{Bucket, LiveView, RunningSpan},
};

use crate::support::{
    TIMEOUT, balanced,
    live::{names, only, viewed},
    remote,
    sampler::{self},
};

#[test]
fn recorded_spans_are_shown_sampled_or_not_and_others_are_not() {
    for (decision, shown) in [
        (SamplingDecision::RecordOnly, 1),
        (SamplingDecision::Drop, 0),
    ] {
        let live = LiveView::default();
        let provider = TracerProvider::builder()
            .sampler(sampler::always(decision))
            .live_view(&live)
            .build()
            .expect("provider");
        let span = provider.tracer("t").start("x");
        let running = live.running();
        assert_eq!(running.len(), shown);
        let sampled = |span: &RunningSpan| span.record().trace_flags().is_sampled();
        assert!(!running.iter().any(sampled));
        drop(span);
        assert!(live.running().is_empty());
        assert_eq!(live.summary().names.len(), shown);
        balanced(&provider);
    }
}

#[test]
fn discarded_span_is_listed_and_counted_and_says_so() {
    let (live, provider, tracer) = viewed();
    let mut span = tracer.start("health");
    span.discard();
    assert_eq!(names(&live), ["health"]);
    drop(span);
    assert!(live.running().is_empty());
    assert_eq!(live.summary().names[0].ended(), 1);
    let kept: Vec<_> = Bucket::ALL
        .into_iter()
        .flat_map(|bucket| live.recent("health", bucket))
        .collect();
    assert!(!kept[0].record().trace_flags().is_sampled());
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(balanced(&provider).dropped.discarded, 1);
}

#[test]
fn span_that_outlives_the_shutdown_is_listed_to_its_end_and_not_counted() {
    let (live, provider, tracer) = viewed();
    let mut span = tracer.start("open");
    provider.shutdown(TIMEOUT).expect("shutdown");
    span.set_attribute(KeyValue::new("late", true));
    assert_eq!(only(&live).record().attribute("late"), Some(true.into()));
    drop(tracer.start("after"));
    drop(provider);
    assert_eq!(only(&live).record().name(), "open");
    drop(span);
    assert!(live.running().is_empty());
    assert!(live.summary().names.is_empty());
}

#[test]
fn deferred_span_is_listed_once_it_has_a_parent_and_again_under_another() {
    let (live, provider, tracer) = viewed();
    let mut span = tracer.start_deferred("bridged");
    span.set_attribute(KeyValue::new("early", true));
    assert!(live.running().is_empty());
    let mut adopt = |parent: SpanContext| {
        assert!(span.set_parent(&Context::new().with_remote_span_context(parent.clone())));
        let shown = only(&live);
        assert_eq!(shown.record().trace_id(), parent.trace_id());
        assert_eq!(shown.record().attribute("early"), Some(true.into()));
    };
    adopt(remote(1));
    let second = SpanContext::new(
        opentelemetry::TraceId::from(7),
        opentelemetry::SpanId::from(8),
        opentelemetry::trace::TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    adopt(second);
    // Under a parent that is not sampled, the span no longer records.
    assert!(span.set_parent(&Context::new().with_remote_span_context(remote(0))));
    assert!(live.running().is_empty());
    drop(span);
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

#[test]
fn native_spans_are_shown() {
    let (live, provider, _) = viewed();
    let _default = provider.set_thread_default();
    let outer = tracer_core::span!("outer", "a" = 1);
    let inner = tracer_core::start_span!("inner");
    tracer_core::current().set_attribute(KeyValue::new("b", 2));
    outer.update_name("renamed");
    assert_eq!(names(&live), ["renamed", "inner"]);
    let shown = live.running();
    let attributes: Vec<_> = shown[0].record().attributes().collect();
    assert_eq!(attributes, [KeyValue::new("a", 1), KeyValue::new("b", 2)]);
    assert_eq!(
        shown[1].record().parent_span_id(),
        shown[0].record().span_id()
    );
    drop(inner);
    drop(outer);
    assert!(live.running().is_empty());
    assert_eq!(live.summary().names.len(), 2);
}

/// Takes spans out of their handles.
#[derive(Clone, Debug, Default)]
struct Thief(Arc<Mutex<Vec<Span>>>);

impl SpanProcessor for Thief {
    fn on_ending(&self, span: &mut Span) {
        let disabled = TracerProvider::builder().disabled(true).build();
        let other = disabled.expect("provider").tracer("t").start("none");
        self.0.lock().expect("lock").push(mem::replace(span, other));
    }
}

#[test]
fn span_that_a_processor_takes_leaves_the_list_when_it_is_dropped() {
    let live = LiveView::default();
    let thief = Thief::default();
    let provider = TracerProvider::builder()
        .processor(thief.clone())
        .live_view(&live)
        .build()
        .expect("provider");
    provider.tracer("t").start("x").end();
    assert_eq!(names(&live), ["x"]);
    thief.0.lock().expect("lock").clear();
    assert!(live.running().is_empty());
    balanced(&provider);
}

#[test]
fn providers_may_share_a_view_and_each_has_its_own_clock_and_scopes() {
    let live = LiveView::default();
    let build = || {
        let builder = TracerProvider::builder().live_view(&live);
        builder.build().expect("provider")
    };
    let (first, second) = (build(), build());
    let _a = first.tracer("scope a").start("a");
    let b = second.tracer("scope b").start("b");
    let running = live.running();
    let scopes = [&running[0], &running[1]].map(|span| span.scope().expect("scope").name());
    assert_eq!(scopes, ["scope a", "scope b"]);
    drop(b);
    drop(second);
    assert_eq!(names(&live), ["a"]);
}
