//! Recording without sampling (OpenTelemetry, *AlwaysRecord*).

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// A sampler that records every span, including the spans that another sampler drops.
///
/// Span processors then see all spans, for example to derive metrics from them. Exporters get only
/// the spans that the other sampler samples. A decision of the other sampler to drop a span becomes
/// *record only*; the rest of its result is unchanged.
///
/// # Cost
///
/// A span that is recorded and not sampled costs its caller as much as a sampled one.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::{AlwaysOff, AlwaysRecord};
///
/// let sampler = AlwaysRecord::new(AlwaysOff);
/// let result = sampler.should_sample(None, TraceId::from(1), "", &SpanKind::Server, &[], &[]);
/// assert_eq!(result.decision, SamplingDecision::RecordOnly);
/// ```
#[derive(Clone, Debug)]
pub struct AlwaysRecord {
    root: Box<dyn ShouldSample>,
}

impl AlwaysRecord {
    /// Creates the sampler. `root` decides which spans are sampled.
    pub fn new(root: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self { root: root.into() }
    }
}

impl ShouldSample for AlwaysRecord {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let root = &self.root;
        let mut result =
            root.should_sample(parent_context, trace_id, name, kind, attributes, links);
        if result.decision == SamplingDecision::Drop {
            result.decision = SamplingDecision::RecordOnly;
        }
        result
    }
}
