//! Attributes for sampled spans (OpenTelemetry, *ComposableAnnotating*).

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::{ComposableSampler, SamplingIntent, SpanToSample};

/// A sampler that adds fixed attributes to the spans that another sampler samples.
///
/// # Cost
///
/// Each decision takes one more call. The attributes are cloned for sampled spans only.
///
/// # Examples
///
/// ```
/// use opentelemetry::KeyValue;
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::ShouldSample;
/// use tracer_sampling::AlwaysOn;
/// use tracer_sampling::composable::{Annotating, Composite};
///
/// let policy = KeyValue::new("sampling.policy", "everything");
/// let sampler = Composite::new(Annotating::new(AlwaysOn, [policy.clone()]));
/// let result = sampler.should_sample(None, TraceId::from(1), "", &SpanKind::Client, &[], &[]);
/// assert_eq!(result.attributes, [policy]);
/// ```
#[derive(Clone, Debug)]
pub struct Annotating {
    delegate: Arc<dyn ComposableSampler>,
    attributes: Arc<[KeyValue]>,
}

impl Annotating {
    /// Creates a sampler that adds `attributes` to the spans that `delegate` samples.
    pub fn new(
        delegate: impl ComposableSampler + 'static,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) -> Self {
        Self {
            delegate: Arc::new(delegate),
            attributes: attributes.into_iter().collect(),
        }
    }
}

impl ComposableSampler for Annotating {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let mut intent = self.delegate.sampling_intent(span);
        intent.add_attributes(&self.attributes);
        intent
    }
}
