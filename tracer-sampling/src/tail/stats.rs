//! The counts of a tail sampler.

use std::sync::Arc;

/// The counts of a [`TailSampler`](super::TailSampler) since it was built, and of the spans and
/// traces that it holds now.
///
/// Each span that [`add`](super::TailSampler::add) did not return as
/// [`Full`](super::Admission::Full) is counted in exactly one of `spans_kept`, `spans_dropped`,
/// `spans_evicted` and `spans_waiting`. Traces are counted in the same way.
/// [`balances`](Self::balances) checks this.
///
/// | field | name in the Collector, after `otelcol_processor_tail_sampling_` |
/// | --- | --- |
/// | `traces_received` | `new_trace_id_received` |
/// | `traces_kept`, `traces_not_sampled`, `traces_dropped` | `global_count_traces_sampled` |
/// | `traces_evicted` | `sampling_trace_dropped_too_early` |
/// | `traces_too_large` | `traces_dropped_too_large` |
/// | `traces_in_memory` | `sampling_traces_on_memory` |
/// | `policy_evaluation_errors` | `sampling_policy_evaluation_error` |
/// | `cache_kept_spans`, `cache_dropped_spans` | `early_releases_from_cache_decision` |
/// | [`PolicyStats`] | `count_traces_sampled` |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TailStats {
    /// Spans that were accepted.
    pub spans_received: u64,
    /// Spans of sampled traces, including late spans.
    pub spans_kept: u64,
    /// Spans of traces that were dropped or not sampled, including late spans.
    pub spans_dropped: u64,
    /// Spans that were evicted before a decision, or were larger than the whole buffer.
    pub spans_evicted: u64,
    /// Spans that wait for a decision now.
    pub spans_waiting: u64,

    /// Traces that a span has started. A trace that returns after it was forgotten counts again.
    pub traces_received: u64,
    /// Traces that were sampled.
    pub traces_kept: u64,
    /// Traces that no policy sampled.
    pub traces_not_sampled: u64,
    /// Traces that were dropped: by a policy, by their size, or at shutdown.
    pub traces_dropped: u64,
    /// The part of `traces_dropped` that was larger than `maximum_trace_size_bytes`.
    pub traces_too_large: u64,
    /// Traces that were evicted before a decision.
    pub traces_evicted: u64,
    /// Traces that wait for a decision now.
    pub traces_waiting: u64,
    /// Traces in the buffer now, including decided ones.
    pub traces_in_memory: u64,

    /// The sum of the sizes of the spans that wait now, in bytes.
    pub bytes_waiting: u64,
    /// Late spans that were kept by a decision in the buffer or the cache.
    pub late_kept_spans: u64,
    /// Late spans that were dropped by a decision in the buffer or the cache.
    pub late_dropped_spans: u64,
    /// The part of `late_kept_spans` whose decision was in the cache.
    pub cache_kept_spans: u64,
    /// The part of `late_dropped_spans` whose decision was in the cache.
    pub cache_dropped_spans: u64,
    /// Traces that a policy could not judge or learn from, including panics.
    pub policy_evaluation_errors: u64,
}

impl TailStats {
    /// Returns whether each received span and trace is accounted for.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(tracer_sampling::tail::TailStats::default().balances());
    /// ```
    pub fn balances(&self) -> bool {
        let spans = [
            self.spans_kept,
            self.spans_dropped,
            self.spans_evicted,
            self.spans_waiting,
        ];
        let traces = [
            self.traces_kept,
            self.traces_not_sampled,
            self.traces_dropped,
            self.traces_evicted,
            self.traces_waiting,
        ];
        spans.iter().sum::<u64>() == self.spans_received
            && traces.iter().sum::<u64>() == self.traces_received
    }
}

/// The counts of the verdicts of one policy.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStats {
    /// The name of the policy.
    pub name: Arc<str>,
    /// Traces that the policy sampled.
    pub sampled: u64,
    /// Traces that the policy did not sample.
    pub not_sampled: u64,
    /// Traces that the policy dropped.
    pub dropped: u64,
    /// Traces that the policy could not judge or learn from.
    pub failed: u64,
}

impl PolicyStats {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            sampled: 0,
            not_sampled: 0,
            dropped: 0,
            failed: 0,
        }
    }
}
