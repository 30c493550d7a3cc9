//! Reading the parent's span context, and building the result of a sampler.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

/// Calls `f` with the parent's span context, or with an empty one if there is no parent.
///
/// An invalid parent is passed to `f`, too. An application uses one to give a root span a trace
/// state, for example with `rv` (OpenTelemetry, *Do not overwrite explicit randomness*).
pub(crate) fn with_parent<R>(parent: Option<&Context>, f: impl FnOnce(&SpanContext) -> R) -> R {
    match parent {
        Some(cx) => f(cx.span().span_context()),
        None => f(&SpanContext::NONE),
    }
}

/// Returns the decision with the parent's trace state. A result with an empty trace state would
/// clear the trace state.
pub(crate) fn keep_trace_state(
    decision: SamplingDecision,
    parent: Option<&Context>,
) -> SamplingResult {
    result(
        decision,
        with_parent(parent, |parent| parent.trace_state().clone()),
    )
}

/// Returns the decision with this trace state, and without attributes.
pub(crate) fn result(decision: SamplingDecision, trace_state: TraceState) -> SamplingResult {
    SamplingResult {
        decision,
        attributes: Vec::new(),
        trace_state,
    }
}
