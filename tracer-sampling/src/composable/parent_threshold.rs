//! The threshold of the parent (OpenTelemetry, *ComposableParentThreshold*).

use std::sync::Arc;

use super::{ComposableSampler, SamplingIntent, SpanToSample};
use crate::{Reason, otel_trace_state};

/// Samples a child by the threshold or the sampled flag of its parent, and a root by another
/// sampler.
///
/// | parent | threshold | backends may count by it |
/// | --- | --- | --- |
/// | none or not valid | that of the sampler for roots | as that sampler says |
/// | with a valid `th` in the `ot` member of its trace state | the same | yes |
/// | without, sampled | samples | no |
/// | without, not sampled | drops | |
///
/// It takes the place of [`ParentBased`](crate::ParentBased) among composable samplers.
#[derive(Clone, Debug)]
pub struct ParentThreshold {
    root: Arc<dyn ComposableSampler>,
}

impl ParentThreshold {
    /// Takes the sampler for root spans.
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
