//! The threshold of the parent (OpenTelemetry, *ComposableParentThreshold*).

use std::sync::Arc;

use super::{ComposableSampler, SamplingIntent, SpanToSample};
use crate::{Reason, otel_trace_state};

/// A sampler that samples a child by the threshold or the sampled flag of its parent, and a root by
/// another sampler.
///
/// | parent | threshold | backends may extrapolate from it |
/// | --- | --- | --- |
/// | none or invalid | from the sampler for roots | as that sampler says |
/// | valid, with a valid `th` in its trace state | the threshold of the parent | yes |
/// | valid, sampled, without `th` | samples every span | no |
/// | valid, not sampled, without `th` | drops every span | |
///
/// This is the composable counterpart of [`ParentBased`](crate::ParentBased).
#[derive(Clone, Debug)]
pub struct ParentThreshold {
    root: Arc<dyn ComposableSampler>,
}

impl ParentThreshold {
    /// Creates the sampler. `root` is the sampler for root spans.
    pub fn new(root: impl ComposableSampler + 'static) -> Self {
        Self {
            root: Arc::new(root),
        }
    }
}

impl ComposableSampler for ParentThreshold {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let reason = Reason::new("parent");
        let of_parent = span.with_parent(|parent| {
            parent.is_valid().then(|| {
                let threshold = otel_trace_state::threshold(parent.trace_state());
                (threshold, parent.is_sampled())
            })
        });
        match of_parent {
            None => self.root.sampling_intent(span),
            Some((Some(threshold), _)) => SamplingIntent::sample(threshold, reason),
            Some((None, true)) => SamplingIntent::sample_uncounted(reason),
            Some((None, false)) => SamplingIntent::drop_span(reason),
        }
    }
}
