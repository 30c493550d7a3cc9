//! The decision that follows from an intent (OpenTelemetry, *CompositeSampler*).

use std::sync::Arc;

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::fresh_randomness::fresh_randomness;
use super::{ComposableSampler, SamplingIntent, SpanToSample};
use crate::{SamplingStats, otel_trace_state, parent};

/// A sampler that decides by the intent of a composable sampler.
///
/// | intent | decision | `th` in the trace state |
/// | --- | --- | --- |
/// | no threshold | dropped | removed |
/// | reliable threshold | sampled if the trace's randomness reaches it | the threshold if sampled |
/// | another threshold | sampled if a new random number reaches it | removed |
///
/// A threshold is reliable if [`SamplingIntent::adjusted_count_reliable`] is set. The randomness of
/// a trace is `rv` in its trace state or, without it, the last seven bytes of its id.
///
/// # Cost
///
/// A decision takes one virtual call. A sampled span gets a trace state with an `ot` member, which
/// takes a few allocations.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::composable::{Composite, ParentThreshold};
/// use tracer_sampling::{Probability, SamplingStats};
///
/// let stats = SamplingStats::new();
/// let sampler = Composite::new(ParentThreshold::new(Probability::new(0.25)?))
///     .stats(&stats)
///     .explain(true);
/// let trace_id = TraceId::from(0x4bf92f3577b34da6_a3ce929d0e0e4736);
/// let result = sampler.should_sample(None, trace_id, "GET", &SpanKind::Server, &[], &[]);
/// assert_eq!(result.decision, SamplingDecision::RecordAndSample);
/// assert_eq!(result.trace_state.header(), "ot=th:c");
/// assert_eq!(result.attributes[0].value.as_str(), "probability");
/// assert_eq!(stats.snapshot()[0].sampled, 1);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Composite {
    sampler: Arc<dyn ComposableSampler>,
    explains: bool,
    stats: Option<SamplingStats>,
}

impl Composite {
    /// Creates the sampler that decides by the intents of `sampler`.
    pub fn new(sampler: impl ComposableSampler + 'static) -> Self {
        Self {
            sampler: Arc::new(sampler),
            explains: false,
            stats: None,
        }
    }

    /// Sets whether sampled spans get the attributes `sampling.reason`, a string, and
    /// `sampling.probability`, a number from 0 to 1. The probability is left out if the decision
    /// has none. Default: `false`.
    pub fn explain(mut self, explains: bool) -> Self {
        self.explains = explains;
        self
    }

    /// Counts the decisions of this sampler and its clones in `stats`. By default they are not
    /// counted.
    pub fn stats(mut self, stats: &SamplingStats) -> Self {
        self.stats = Some(stats.clone());
        self
    }
}

impl ShouldSample for Composite {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = SpanToSample {
            parent_context,
            name,
            kind,
            attributes,
            links,
        };
        let intent = self.sampler.sampling_intent(&span);
        let mut result = decide(&intent, parent_context, trace_id);
        let is_sampled = result.decision == SamplingDecision::RecordAndSample;
        if let Some(stats) = &self.stats {
            stats.count(intent.reason.strategy(), is_sampled);
        }
        if self.explains && is_sampled {
            let reason = KeyValue::new("sampling.reason", intent.reason.to_string());
            result.attributes.push(reason);
            let probability = intent.threshold.filter(|_| intent.adjusted_count_reliable);
            result.attributes.extend(
                probability.map(|threshold| {
                    KeyValue::new("sampling.probability", threshold.probability())
                }),
            );
        }
        result
    }
}

/// Returns the decision that follows from an intent.
pub(crate) fn decide(
    intent: &SamplingIntent<'_>,
    parent_context: Option<&Context>,
    trace_id: TraceId,
) -> SamplingResult {
    parent::with_parent(parent_context, |parent| {
        let of_parent = parent.trace_state();
        let mut state = of_parent;
        let replaced = intent
            .trace_state
            .as_ref()
            .map(|given| with_ot_of(of_parent, given));
        if let Some(replaced) = &replaced {
            state = replaced;
        }
        let threshold = intent.threshold.filter(|threshold| {
            threshold.samples(if intent.adjusted_count_reliable {
                otel_trace_state::randomness(of_parent, trace_id).value
            } else {
                fresh_randomness()
            })
        });
        let Some(threshold) = threshold else {
            let state = otel_trace_state::without_threshold(state);
            return parent::result(SamplingDecision::Drop, state);
        };
        let counted = intent
            .adjusted_count_reliable
            .then(|| otel_trace_state::with_threshold(state, &threshold.to_string()))
            .flatten();
        // If the right threshold does not fit, remove the old one: the threshold is then unknown.
        let state = counted.unwrap_or_else(|| otel_trace_state::without_threshold(state));
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: intent.attributes().cloned().collect(),
            trace_state: state,
        }
    })
}

/// Returns the given trace state with the `ot` member of the parent's trace state.
fn with_ot_of(parent: &TraceState, given: &TraceState) -> TraceState {
    let member = parent.get(otel_trace_state::MEMBER);
    if given.get(otel_trace_state::MEMBER) == member {
        return given.clone();
    }
    let state = match member {
        Some(member) => given.insert(otel_trace_state::MEMBER, member),
        None => given.delete(otel_trace_state::MEMBER),
    };
    state.unwrap_or_else(|_| parent.clone())
}
