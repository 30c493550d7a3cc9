//! What samplers take from the parent.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

/// Shows the parent's span context, an empty one if there is none.
///
/// A parent that is not valid is shown too: it is how an application gives a root span a trace
/// state, `rv` above all (OpenTelemetry, *Do not overwrite explicit randomness*).
pub(crate) fn show<R>(parent: Option<&Context>, look: impl FnOnce(&SpanContext) -> R) -> R {
    match parent {
        Some(cx) => look(cx.span().span_context()),
        None => look(&SpanContext::NONE),
    }
}

/// A decision that leaves the trace state alone. An empty one in the result would clear it.
pub(crate) fn pass_on(decision: SamplingDecision, parent: Option<&Context>) -> SamplingResult {
    result(
        decision,
        show(parent, |parent| parent.trace_state().clone()),
    )
}

/// A decision without attributes.
pub(crate) fn result(decision: SamplingDecision, trace_state: TraceState) -> SamplingResult {
    SamplingResult {
        decision,
        attributes: Vec::new(),
        trace_state,
    }
}
