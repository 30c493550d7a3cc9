//! Sampling by the first rule that matches (OpenTelemetry, *ComposableRuleBased*).

use std::sync::Arc;

use super::{ComposableSampler, Rule, SamplingIntent, SpanToSample};
use crate::Reason;

/// A sampler that uses the intent of the first rule that matches the span, or of a default sampler.
///
/// The order of the rules is their priority.
///
/// A decision by a rule has the reason `rule:NAME`. A decision by the default sampler keeps the
/// reason of that sampler.
///
/// # Cost
///
/// The rules are tried one after the other. This takes no lock, and no allocation as long as the
/// attributes in conditions are strings.
///
/// # Examples
///
/// ```
/// use opentelemetry::KeyValue;
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::composable::{Composite, Rule, RuleBased};
/// use tracer_sampling::{AlwaysOff, AlwaysOn};
///
/// let gold = Rule::new("gold").attribute_values("user.tier", ["gold"]);
/// let sampler = Composite::new(RuleBased::new(AlwaysOff).rule(gold, AlwaysOn));
/// let decide = |tier: &'static str| {
///     let attributes = [KeyValue::new("user.tier", tier)];
///     let id = TraceId::from(1);
///     sampler.should_sample(None, id, "GET", &SpanKind::Server, &attributes, &[]).decision
/// };
/// assert_eq!(decide("gold"), SamplingDecision::RecordAndSample);
/// assert_eq!(decide("silver"), SamplingDecision::Drop);
/// ```
#[derive(Clone, Debug)]
pub struct RuleBased {
    rules: Vec<(Rule, Arc<dyn ComposableSampler>)>,
    default: Arc<dyn ComposableSampler>,
}

impl RuleBased {
    /// Creates the sampler without rules. `default` decides about spans that no rule matches.
    pub fn new(default: impl ComposableSampler + 'static) -> Self {
        Self {
            rules: Vec::new(),
            default: Arc::new(default),
        }
    }

    /// Appends a rule, which is tried after the rules that were added before.
    pub fn rule(mut self, rule: Rule, sampler: impl ComposableSampler + 'static) -> Self {
        self.rules.push((rule, Arc::new(sampler)));
        self
    }
}

impl ComposableSampler for RuleBased {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let found = self.rules.iter().find(|(rule, _)| rule.matches(span));
        let Some((rule, sampler)) = found else {
            return self.default.sampling_intent(span);
        };
        let mut intent = sampler.sampling_intent(span);
        intent.reason = Reason::new("rule").with_name(rule.name());
        intent
    }
}
