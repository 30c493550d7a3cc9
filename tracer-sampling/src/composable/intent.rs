//! The intent that a composable sampler returns.

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceState;
use smallvec::SmallVec;

use crate::{Reason, Threshold};

/// The result of a composable sampler: how a span should be sampled (OpenTelemetry,
/// *SamplingIntent*).
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SamplingIntent<'a> {
    /// The span is sampled if the randomness of its trace reaches this threshold. Without a
    /// threshold the span is dropped.
    pub threshold: Option<Threshold>,
    /// Whether a sampled span represents 1/probability spans, so that backends may extrapolate from
    /// the threshold. If not, the trace state gets no `th`, and the threshold is compared with a
    /// new random number instead of the randomness of the trace.
    pub adjusted_count_reliable: bool,
    /// The trace state of the new span; `None` keeps the trace state of the parent. The `ot` member
    /// always comes from the parent, because a composable sampler must not change it.
    pub trace_state: Option<TraceState>,
    /// The reason for the decision.
    pub reason: Reason<'a>,
    /// Attributes of the span if it is sampled.
    attributes: SmallVec<[&'a [KeyValue]; 2]>,
}

impl<'a> SamplingIntent<'a> {
    /// Creates the intent to drop the span.
    pub fn drop_span(reason: Reason<'a>) -> Self {
        Self {
            threshold: None,
            adjusted_count_reliable: false,
            trace_state: None,
            reason,
            attributes: SmallVec::new(),
        }
    }

    /// Creates the intent to sample by a threshold from which backends may extrapolate.
    pub fn sample(threshold: Threshold, reason: Reason<'a>) -> Self {
        Self {
            threshold: Some(threshold),
            adjusted_count_reliable: true,
            ..Self::drop_span(reason)
        }
    }

    /// Creates the intent to sample the span for a reason that has no probability, such as a rate
    /// limit that is not yet reached.
    pub fn sample_uncounted(reason: Reason<'a>) -> Self {
        Self {
            threshold: Some(Threshold::ALWAYS),
            ..Self::drop_span(reason)
        }
    }

    /// Adds attributes for the span, if it is sampled.
    pub fn add_attributes(&mut self, attributes: &'a [KeyValue]) {
        self.attributes.push(attributes);
    }

    /// Returns the added attributes in the order in which they were added.
    pub fn attributes(&self) -> impl Iterator<Item = &'a KeyValue> {
        self.attributes.iter().copied().flatten()
    }
}
