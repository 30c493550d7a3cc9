//! *ComposableAlwaysOn*, *ComposableAlwaysOff* and *ComposableProbability*: samplers that are both
//! composable and ordinary samplers.

use super::{ComposableSampler, SamplingIntent, SpanToSample};
use crate::{AlwaysOff, AlwaysOn, Probability, Reason, Threshold};

impl ComposableSampler for AlwaysOn {
    fn sampling_intent<'a>(&'a self, _: &SpanToSample<'a>) -> SamplingIntent<'a> {
        SamplingIntent::sample(Threshold::ALWAYS, Reason::new("always_on"))
    }
}

impl ComposableSampler for AlwaysOff {
    fn sampling_intent<'a>(&'a self, _: &SpanToSample<'a>) -> SamplingIntent<'a> {
        SamplingIntent::drop_span(Reason::new("always_off"))
    }
}

impl ComposableSampler for Probability {
    fn sampling_intent<'a>(&'a self, _: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let reason = Reason::new("probability");
        match self.threshold() {
            Some(threshold) => SamplingIntent::sample(threshold, reason),
            None => SamplingIntent::drop_span(reason),
        }
    }
}
