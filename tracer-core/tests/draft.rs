//! Drafts: spans that learn of their parents late are what they would have been at once.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::time::Duration;

use opentelemetry::{
    Context, KeyValue, TraceId, Value,
    trace::{
        Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SamplingDecision, SamplingResult, ShouldSample, SpanData,
};
use tracer_core::{AttributeRef, TracerProvider, ValueRef, sdk::SdkExporter};

const TIMEOUT: Duration = Duration::from_secs(5);

fn remote(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        flags,
        true,
        "a=1,b=2".parse().expect("a tracestate"),
    ))
}

/// What arrives of `work`, with the ledger.
fn exported(
    sampler: impl ShouldSample + 'static,
    work: impl FnOnce(&tracer_core::Tracer),
) -> (Vec<SpanData>, tracer_core::Stats) {
    let memory = InMemorySpanExporter::default();
    let provider = TracerProvider::builder()
        .sampler(sampler)
        .exporter(SdkExporter::new(memory.clone()))
        .build()
        .expect("provider");
    work(&provider.tracer("test"));
    provider.force_flush(TIMEOUT).expect("flush");
    let spans = memory.get_finished_spans().expect("spans");
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = provider.stats();
    assert_eq!(stats.started, stats.ended, "{stats:?}");
    (spans, stats)
}

#[test]
fn a_draft_is_what_a_span_started_at_once_is() {
    let (spans, _) = exported(
        Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        |tracer| {
            for parent in [Context::new(), remote(TraceFlags::SAMPLED)] {
                let mut at_once = tracer
                    .span_builder("work")
                    .with_kind(SpanKind::Server)
                    .with_attributes([KeyValue::new("n", 1)])
                    .start_with_context(tracer, &parent);
                let mut late = tracer.draft("draft");
                late.set_attribute_ref(AttributeRef::new("n", ValueRef::I64(1)));
                late.set_kind(&SpanKind::Server);
                late.update_name("work");
                assert!(late.is_recording());
                assert_eq!(late.span_context(), &SpanContext::NONE);
                assert!(late.adopt(&parent));
                for span in [&mut at_once, &mut late] {
                    // Behind a tracestate that was put in front of it.
                    span.set_attribute(KeyValue::new("n", 2));
                    span.add_event("event", vec![KeyValue::new("k", "v")]);
                    span.set_status(Status::error("broken"));
                }
            }
        },
    );
    let [first, second, third, fourth] = spans.try_into().expect("four spans");
    for (at_once, late) in [(second, first), (fourth, third)] {
        assert_eq!(at_once.name, late.name);
        assert_eq!(at_once.span_kind, late.span_kind);
        assert_eq!(at_once.parent_span_id, late.parent_span_id);
        assert_eq!(at_once.parent_span_is_remote, late.parent_span_is_remote);
        assert_eq!(at_once.attributes, late.attributes);
        assert_eq!(at_once.attributes, [KeyValue::new("n", 2)]);
        assert_eq!(at_once.status, late.status);
        assert_eq!(at_once.events[0].attributes, late.events[0].attributes);
        let (one, other) = (&at_once.span_context, &late.span_context);
        assert_eq!(one.trace_state(), other.trace_state());
        assert_eq!(one.trace_flags(), other.trace_flags());
        assert_ne!(one.span_id(), other.span_id());
        if late.parent_span_is_remote {
            assert_eq!(other.trace_id(), TraceId::from(7));
            assert_eq!(other.trace_state().header(), "a=1,b=2");
        }
    }
}

#[test]
fn a_refused_draft_keeps_what_it_recorded_for_another_parent() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
    let (spans, stats) = exported(sampler, |tracer| {
        let mut span = tracer.draft("work");
        span.set_attribute(KeyValue::new("n", 1));
        assert!(span.adopt(&Context::new()));
        assert!(!span.is_recording() && !span.span_context().is_sampled());
        assert!(span.span_context().is_valid());
        assert!(span.adopt(&remote(TraceFlags::SAMPLED)));
        assert!(span.is_recording());
        // And another time, and back, with a tracestate to take out again.
        assert!(span.adopt(&Context::new()));
        assert!(span.adopt(&remote(TraceFlags::SAMPLED)));
    });
    assert_eq!(stats.not_sampled, 1);
    let [span] = spans.try_into().expect("one span");
    assert_eq!(span.attributes, [KeyValue::new("n", 1)]);
    assert_eq!(span.parent_span_id, SpanId::from(9));
}

#[test]
fn a_draft_that_nobody_adopts_was_never_there() {
    let (spans, stats) = exported(Sampler::AlwaysOn, |tracer| {
        drop(tracer.draft("dropped"));
        let mut ended = tracer.draft("ended");
        ended.end();
        assert!(!ended.is_recording());
    });
    assert!(spans.is_empty());
    assert_eq!(stats.started, 0);
}

#[test]
fn an_ended_span_is_not_adopted() {
    exported(Sampler::AlwaysOn, |tracer| {
        let mut span = tracer.draft("work");
        assert!(span.adopt(&Context::new()));
        let before = span.span_context().clone();
        span.end();
        assert!(!span.adopt(&remote(TraceFlags::SAMPLED)));
        assert_eq!(span.span_context(), &before);
    });
}

/// Samples what has the attribute `keep`, and says what it saw.
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
fn a_sampler_sees_all_that_a_draft_has() {
    let (spans, _) = exported(ByAttribute, |tracer| {
        for key in ["keep", "other"] {
            let mut span = tracer.draft("draft");
            span.set_attribute(KeyValue::new(key, true));
            span.update_name("work");
            span.set_kind(&SpanKind::Client);
            span.add_link(
                remote(TraceFlags::SAMPLED).span().span_context().clone(),
                vec![],
            );
            assert!(span.adopt(&Context::new()));
        }
    });
    let [span] = spans.try_into().expect("one span");
    let seen = span.attributes.iter().find(|a| a.key.as_str() == "seen");
    assert_eq!(
        seen.map(|seen| &seen.value),
        Some(&Value::from("work Client 1"))
    );
    assert_eq!(span.span_context.trace_state().header(), "s=1");
}

#[test]
fn the_last_noted_end_is_the_end_unless_one_is_given() {
    let (spans, _) = exported(Sampler::AlwaysOn, |tracer| {
        let mut noted = tracer.draft("noted");
        noted.note_end();
        assert!(noted.adopt(&Context::new()));
        noted.note_end();
        let after = std::time::Instant::now();
        while after.elapsed() < Duration::from_millis(20) {}
        drop(noted);
        let mut given = tracer.draft("given");
        assert!(given.adopt(&Context::new()));
        given.note_end();
        given.end_with_timestamp(std::time::SystemTime::now() + Duration::from_secs(60));
    });
    let took = |span: &SpanData| span.end_time.duration_since(span.start_time);
    let [noted, given] = spans.try_into().expect("two spans");
    assert!(took(&noted).expect("in order") < Duration::from_millis(20));
    assert!(took(&given).expect("in order") > Duration::from_secs(59));
}
