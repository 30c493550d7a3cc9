//! What a tail sampler returns: what became of a span, and decided traces.

use std::time::Duration;

use opentelemetry::trace::TraceId;

use super::decision::Decision;

/// What became of a span.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission<S> {
    /// The buffer is full, and `block_on_overflow` is set: add the span again after a decision.
    Full(S),
    /// The trace was decided before, and the decision holds for the span, which comes back.
    Late {
        /// The span.
        span: S,
        /// The decision that is remembered.
        decision: LateDecision,
    },
    /// The span is dropped. It is larger than `maximum_buffered_bytes`, or it made its trace larger
    /// than `maximum_trace_size_bytes`, and the trace is dropped, too.
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
        /// The time since then, which the Collector records as `sampling_late_span_age`.
        age: Duration,
    },
    /// A decision that the cache remembers; the Collector records `tailsampling.cached_decision` on
    /// the spans that are kept.
    Cached {
        /// Whether the trace was sampled.
        sampled: bool,
    },
}

impl LateDecision {
    /// Whether the trace was sampled.
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
    /// The spans in the order of their arrival; also of a trace that is not sampled.
    pub spans: Vec<S>,
    /// The decision.
    pub decision: Decision,
}
