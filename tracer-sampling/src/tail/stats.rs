//! What a tail sampler counts.

use std::sync::Arc;

/// The counts of a [`TailSampler`](super::TailSampler) since it was made, and what it holds now.
///
/// Each span that [`add`](super::TailSampler::add) did not hand back as
/// [`Full`](super::Admission::Full) is in exactly one of `spans_kept`, `spans_dropped`,
/// `spans_evicted` and `spans_waiting`; the same holds for traces. [`balances`](Self::balances)
/// checks it.
///
/// | here | name in the Collector, after `otelcol_processor_tail_sampling_` |
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
    /// Spans of sampled traces, late ones included.
    pub spans_kept: u64,
    /// Spans of traces that were dropped or not sampled, late ones included.
    pub spans_dropped: u64,
    /// Spans that gave way to others before a decision, or were larger than the whole buffer.
    pub spans_evicted: u64,
    /// Spans that wait for a decision now.
    pub spans_waiting: u64,

    /// Traces that a span has started. A trace that comes back after it was forgotten counts again.
    pub traces_received: u64,
    /// Traces that were sampled.
    pub traces_kept: u64,
    /// Traces that no policy sampled.
    pub traces_not_sampled: u64,
    /// Traces that were dropped: by a policy, by their size, or at shutdown.
    pub traces_dropped: u64,
    /// Those of `traces_dropped` that were larger than `maximum_trace_size_bytes`.
    pub traces_too_large: u64,
    /// Traces that gave way to others before a decision.
    pub traces_evicted: u64,
    /// Traces that wait for a decision now.
    pub traces_waiting: u64,
    /// Traces in the buffer now, decided ones included.
    pub traces_in_memory: u64,

    /// The sum of the sizes of the spans that wait now, in bytes.
    pub bytes_waiting: u64,
    /// Late spans that followed the decision in the buffer or the cache to be kept.
    pub late_kept_spans: u64,
    /// Late spans that followed the decision in the buffer or the cache to be dropped.
    pub late_dropped_spans: u64,
    /// Those of `late_kept_spans` whose decision was in the cache.
    pub cache_kept_spans: u64,
    /// Those of `late_dropped_spans` whose decision was in the cache.
    pub cache_dropped_spans: u64,
    /// Verdicts that a policy could not give, panics included.
    pub policy_evaluation_errors: u64,
}

impl TailStats {
    /// Whether each received span and trace is accounted for.
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

/// How often a policy gave each verdict.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStats {
    /// The name of the policy.
    pub name: Arc<str>,
    /// Traces that it sampled.
    pub sampled: u64,
    /// Traces that it did not sample.
    pub not_sampled: u64,
    /// Traces that it dropped.
    pub dropped: u64,
    /// Traces that it could not judge or learn from.
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
