//! What a composable sampler returns.

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceState;
use smallvec::SmallVec;

use crate::{Reason, Threshold};

/// How a span is to be sampled (OpenTelemetry, *SamplingIntent*).
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct SamplingIntent<'a> {
    /// The span is sampled if the randomness of its trace reaches this threshold. Without a
    /// threshold it is dropped.
    pub threshold: Option<Threshold>,
    /// Whether a sampled span stands for 1/probability spans, so that backends may count by it.
    /// If not, the trace state gets no `th`, and the threshold is compared with a random number of
    /// this span's own.
    pub adjusted_count_reliable: bool,
    /// The trace state of the new span; `None` keeps the parent's. Its `ot` member is ignored and
    /// the parent's is kept, because a composable sampler must not change it.
    pub trace_state: Option<TraceState>,
    /// Why the sampler decided so.
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

    /// Creates the intent to sample by a threshold that backends may count by.
    pub fn sample(threshold: Threshold, reason: Reason<'a>) -> Self {
        Self {
            threshold: Some(threshold),
            adjusted_count_reliable: true,
            ..Self::drop_span(reason)
        }
    }

    /// Creates the intent to sample the span for a reason that has no probability, such as a limit
    /// that is not yet reached.
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

    /// Returns the attributes that were added, in that order.
    pub fn attributes(&self) -> impl Iterator<Item = &'a KeyValue> {
        self.attributes.iter().copied().flatten()
    }
}
