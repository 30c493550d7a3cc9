//! A deferred span gets its parent late, and becomes the same span as one that was started with
//! that parent.

use std::time::Duration;

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{
        Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};
use tracer_core::{
    AttributeRef, ValueRef,
    testing::{TestProvider, assert_trace},
};

fn remote(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        flags,
        true,
        "a=1,b=2".parse().expect("a tracestate"),
    ))
}

fn sampled_by(sampler: impl ShouldSample + 'static) -> TestProvider {
    TestProvider::with(|builder| builder.sampler(sampler))
}

#[test]
fn deferred_span_equals_a_span_that_was_started_with_its_parent() {
    let sampler = || Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let trace = sampled_by(sampler());
    let late = sampled_by(sampler());
    for parent in [Context::new(), remote(TraceFlags::SAMPLED)] {
        let tracer = trace.tracer("test");
        let at_once = tracer
            .span_builder("work")
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("n", 1)])
            .start_with_context(&tracer, &parent);
        let mut late = late.tracer("test").start_deferred("early");
        late.set_attribute_ref(AttributeRef::new("n", ValueRef::I64(1)));
        late.set_kind(&SpanKind::Server);
        late.update_name("work");
        assert!(late.is_recording());
        assert_eq!(late.span_context(), &SpanContext::NONE);
        assert!(late.set_parent(&parent));
        for mut span in [at_once, late] {
            // The attribute now lies behind a tracestate that was inserted before it.
            span.set_attribute(KeyValue::new("n", 2));
            span.add_event("event", vec![KeyValue::new("k", "v")]);
            span.set_status(Status::error("broken"));
        }
    }
    // Both have the same ids and times, so all of it is equal.
    assert_eq!(trace.spans(), late.spans());
    assert_trace!(
        late,
        r#"
        exactly
        "work" server error "broken"
            n = 2
            event "event"
                k = "v"
        "work" server remote error "broken"
            n = 2
            event "event"
                k = "v"
        "#
    );
    let joined = &late.spans()[1].span_context;
    assert_eq!(joined.trace_id(), TraceId::from(7));
    assert_eq!(joined.trace_state().header(), "a=1,b=2");
    trace.balance();
    late.balance();
}

#[test]
fn dropped_span_keeps_its_contents_for_another_parent() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
    let trace = sampled_by(sampler);
    let mut span = trace.tracer("test").start_deferred("work");
    span.set_attribute(KeyValue::new("n", 1));
    assert!(span.set_parent(&Context::new()));
    assert!(!span.is_recording() && !span.span_context().is_sampled());
    assert!(span.span_context().is_valid());
    assert!(span.set_parent(&remote(TraceFlags::SAMPLED)));
    assert!(span.is_recording());
    // Once more each way, which removes a tracestate again.
    assert!(span.set_parent(&Context::new()));
    assert!(span.set_parent(&remote(TraceFlags::SAMPLED)));
    span.end();
    assert_eq!(trace.balance().not_sampled, 1);
    assert_trace!(
        trace,
        r#"
        "work" remote
            n = 1
        "#
    );
    assert_eq!(trace.span("work").parent_span_id, SpanId::from(9));
}

#[test]
fn deferred_span_without_a_parent_is_neither_exported_nor_counted() {
    let trace = TestProvider::new();
    drop(trace.tracer("test").start_deferred("dropped"));
    let mut ended = trace.tracer("test").start_deferred("ended");
    ended.end();
    assert!(!ended.is_recording());
    assert_trace!(trace, "");
    assert_eq!(trace.balance().started, 0);
}

#[test]
fn ended_span_gets_no_new_parent() {
    let trace = TestProvider::new();
    let mut span = trace.tracer("test").start_deferred("work");
    assert!(span.set_parent(&Context::new()));
    let before = span.span_context().clone();
    span.end();
    assert!(!span.set_parent(&remote(TraceFlags::SAMPLED)));
    assert_eq!(span.span_context(), &before);
    trace.balance();
}

/// Samples spans with the attribute `keep`, and records its inputs as an attribute.
#[derive(Clone, Debug)]
struct ByAttribute;

impl ShouldSample for ByAttribute {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let keep = attributes.iter().any(|a| a.key.as_str() == "keep");
        SamplingResult {
            decision: if keep {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: vec![KeyValue::new(
                "seen",
                format!("{name} {kind:?} {}", links.len()),
            )],
            trace_state: TraceState::from_key_value([("s", "1")]).expect("valid"),
        }
    }
}

#[test]
fn sampler_sees_everything_that_a_deferred_span_has_recorded() {
    let trace = sampled_by(ByAttribute);
    for key in ["keep", "other"] {
        let mut span = trace.tracer("test").start_deferred("early");
        span.set_attribute(KeyValue::new(key, true));
        span.update_name("work");
        span.set_kind(&SpanKind::Client);
        span.add_link(
            remote(TraceFlags::SAMPLED).span().span_context().clone(),
            vec![],
        );
        assert!(span.set_parent(&Context::new()));
    }
    assert_trace!(
        trace,
        r#"
        "work" client
            keep = true
            seen = "work Client 1"
        "#
    );
    let state = trace.span("work").span_context.trace_state().header();
    assert_eq!(state, "s=1");
    trace.balance();
}

#[test]
fn the_last_noted_end_is_the_end_unless_one_is_given() {
    let trace = TestProvider::new();
    let second = Duration::from_secs(1);
    let mut noted = trace.tracer("test").start_deferred("noted");
    noted.note_end();
    assert!(noted.set_parent(&Context::new()));
    trace.clock().advance(second);
    noted.note_end();
    trace.clock().advance(second);
    drop(noted);
    let mut given = trace.tracer("test").start_deferred("given");
    assert!(given.set_parent(&Context::new()));
    given.note_end();
    given.end_with_timestamp(trace.clock().now() + 60 * second);
    assert_eq!(trace.span("noted").duration(), second);
    assert_eq!(trace.span("given").duration(), 60 * second);
    trace.balance();
}
