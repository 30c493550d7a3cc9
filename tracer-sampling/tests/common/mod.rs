//! Helpers that ask a sampler about a span with or without a parent.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};

pub const SAMPLED: u8 = 1;

pub fn parent(trace_id: u128, flags: u8, remote: bool, state: &str) -> Context {
    let state: TraceState = state.parse().unwrap();
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(trace_id),
        SpanId::from(1),
        TraceFlags::new(flags),
        remote,
        state,
    ))
}

/// Returns whether the sampler samples the span, and the trace state of the span.
pub fn ask(sampler: &dyn ShouldSample, parent: Option<&Context>, trace_id: u128) -> (bool, String) {
    let trace_id = TraceId::from(trace_id);
    let result = sampler.should_sample(parent, trace_id, "", &SpanKind::Server, &[], &[]);
    assert!(result.attributes.is_empty());
    let sampled = match result.decision {
        SamplingDecision::Drop => false,
        SamplingDecision::RecordAndSample => true,
        SamplingDecision::RecordOnly => panic!("no sampler here records only"),
    };
    (sampled, result.trace_state.header())
}
