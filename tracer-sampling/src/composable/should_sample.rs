//! `ShouldSample` for the composable samplers that decide by their own intent.

/// Implements `ShouldSample` for composable samplers, so that they can also be used without
/// [`Composite`]: the decision follows from the intent, without counts and explanation.
macro_rules! should_sample_by_intent {
    ($($sampler:ty),+) => {$(
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
    )+};
}

should_sample_by_intent!(crate::Adaptive, crate::Learned, crate::RateLimiting);
