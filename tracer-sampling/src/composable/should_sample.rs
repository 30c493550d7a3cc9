//! `ShouldSample` for composable samplers that can also be used without `Composite`.

/// Implements `ShouldSample` for a composable sampler: the decision follows from its intent, without
/// counts and explanation.
macro_rules! should_sample_by_intent {
    ($sampler:ty) => {
        impl opentelemetry_sdk::trace::ShouldSample for $sampler {
            fn should_sample(
                &self,
                parent_context: Option<&opentelemetry::Context>,
                trace_id: opentelemetry::TraceId,
                name: &str,
                kind: &opentelemetry::trace::SpanKind,
                attributes: &[opentelemetry::KeyValue],
                links: &[opentelemetry::trace::Link],
            ) -> opentelemetry_sdk::trace::SamplingResult {
                use $crate::composable::{ComposableSampler as _, SpanToSample, decide};
                let span = SpanToSample {
                    parent_context,
                    name,
                    kind,
                    attributes,
                    links,
                };
                decide(&self.sampling_intent(&span), parent_context, trace_id)
            }
        }
    };
}
pub(crate) use should_sample_by_intent;
