//! The results that a tail sampler returns for spans and for decided traces.

use std::time::Duration;

use opentelemetry::trace::TraceId;

use super::decision::Decision;

/// The result of adding a span.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission<S> {
    /// The buffer is full, and `block_on_overflow` is set. Add the span again after a decision.
    Full(S),
    /// The trace was decided earlier. The span is returned, and the decision applies to it.
    Late {
        /// The span.
        span: S,
        /// The remembered decision.
        decision: LateDecision,
    },
    /// The span is dropped, because it is larger than `maximum_buffered_bytes`, or because it made
    /// its trace larger than `maximum_trace_size_bytes`. In the second case, the trace is dropped,
    /// too.
    TooLarge,
    /// The span waits for the decision about its trace.
    Waiting,
}

/// The decision that a late span follows.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LateDecision {
    /// A decision that the buffer remembers.
    Buffered {
        /// The decision.
        decision: Decision,
        /// The time since the decision, which the Collector records as `sampling_late_span_age`.
        age: Duration,
    },
    /// A decision that the cache remembers. The Collector records `tailsampling.cached_decision` on
    /// spans that are kept by such a decision.
    Cached {
        /// Whether the trace was sampled.
        sampled: bool,
    },
}

impl LateDecision {
    /// Returns whether the trace was sampled.
    pub fn is_sampled(&self) -> bool {
        match self {
            Self::Buffered { decision, .. } => decision.is_sampled(),
            Self::Cached { sampled } => *sampled,
        }
    }
}

/// A trace whose decision has been made.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedTrace<S> {
    /// The id of the trace.
    pub trace_id: TraceId,
    /// The spans in the order of their arrival, even if the trace is not sampled.
    pub spans: Vec<S>,
    /// The decision.
    pub decision: Decision,
}
