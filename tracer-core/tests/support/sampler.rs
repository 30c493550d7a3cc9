//! Samplers that call a function of the test.

use std::fmt;

use opentelemetry::{
    Context, KeyValue, TraceId,
    trace::{Link, SpanKind, TraceState},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// A sampler that calls a function with the name of each span. Clones share its captured values,
/// which live as long as the provider.
#[derive(Clone)]
pub struct SamplerFn<F>(F);

impl<F> SamplerFn<F>
where
    F: Fn(&str) -> SamplingDecision + Clone + Send + Sync + 'static,
{
    pub fn new(decide: F) -> Self {
        Self(decide)
    }
}

/// Returns a sampler that always makes this decision.
pub fn always(decision: SamplingDecision) -> impl ShouldSample {
    SamplerFn::new(move |_: &str| decision.clone())
}

/// Returns a sampler that samples every span, and keeps a value as long as its provider lives.
pub fn keeping<T: Clone + Send + Sync + 'static>(value: T) -> impl ShouldSample {
    SamplerFn::new(move |_: &str| {
        let _kept = &value;
        SamplingDecision::RecordAndSample
    })
}

/// Returns a sampling result with this decision, without attributes or tracestate.
pub fn decided(decision: SamplingDecision) -> SamplingResult {
    SamplingResult {
        decision,
        attributes: Vec::new(),
        trace_state: TraceState::NONE,
    }
}

impl<F> ShouldSample for SamplerFn<F>
where
    F: Fn(&str) -> SamplingDecision + Clone + Send + Sync + 'static,
{
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        decided((self.0)(name))
    }
}

impl<F> fmt::Debug for SamplerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplerFn").finish_non_exhaustive()
    }
}
