//! The samplers that sample all spans or none.

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::parent;

/// Records and samples every span (OpenTelemetry, *AlwaysOn*).
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::AlwaysOn;
///
/// let result =
///     AlwaysOn.should_sample(None, TraceId::from(1), "GET", &SpanKind::Server, &[], &[]);
/// assert_eq!(result.decision, SamplingDecision::RecordAndSample);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOn;

/// Drops every span (OpenTelemetry, *AlwaysOff*).
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::AlwaysOff;
///
/// let result =
///     AlwaysOff.should_sample(None, TraceId::from(1), "GET", &SpanKind::Server, &[], &[]);
/// assert_eq!(result.decision, SamplingDecision::Drop);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOff;

impl ShouldSample for AlwaysOn {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        _trace_id: TraceId,
        _name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        parent::keep_trace_state(SamplingDecision::RecordAndSample, parent_context)
    }
}

impl ShouldSample for AlwaysOff {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        _trace_id: TraceId,
        _name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        parent::keep_trace_state(SamplingDecision::Drop, parent_context)
    }
}
