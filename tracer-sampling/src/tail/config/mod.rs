//! The configuration of a tail sampler.

mod duration;
mod policy;
mod sections;

use std::time::Duration;

use serde::Deserialize;

pub use self::policy::{PolicyConfig, PolicyKind};
pub use self::sections::{
    AndConfig, BooleanAttributeConfig, BytesLimitingConfig, CompositeConfig, CriticalServiceConfig,
    CustomConfig, DropConfig, ErrorMode, LatencyConfig, NotConfig, NumericAttributeConfig,
    OttlConditionConfig, ProbabilisticConfig, RareOperationConfig, RateAllocation,
    RateLimitingConfig, SlowerThanP99Config, SpanCountConfig, StatusCodeConfig,
    StringAttributeConfig, TraceStateConfig,
};

/// The configuration of a [`TailSampler`](super::TailSampler).
///
/// The keys are those of the Collector's `tail_sampling` processor, except for the last four keys
/// of this table, which only this crate has.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `policies` | empty, which is refused | the policies that decide; see [`PolicyKind`] |
/// | `decision_wait` | 30 s | the time from the first span of a trace to its decision |
/// | `decision_wait_after_root_received` | 0, off | the same from the first root, if earlier |
/// | `num_traces` | 50,000 | the most traces in the buffer, including decided ones |
/// | `expected_new_traces_per_sec` | 0 | allocates for this traffic in advance |
/// | `decision_cache` | 0 and 0, off | how many ids of sampled and of other traces to remember |
/// | `sample_on_first_match` | `false` | stops at the first policy that samples |
/// | `drop_pending_traces_on_shutdown` | `false` | drops waiting traces without a decision |
/// | `block_on_overflow` | `false` | refuses spans instead of evicting traces |
/// | `maximum_trace_size_bytes` | 0, off | larger traces are dropped at once |
/// | `maximum_buffered_spans` | 2,000,000 | the most waiting spans; 0 is no bound |
/// | `maximum_buffered_bytes` | 1 GiB | the largest sum of `size_bytes` that waits; 0 is no bound |
/// | `maximum_decision_age` | 0, off | how long the buffer remembers a decision |
/// | `sketch_seed` | 0 | seed of the hashes in `rare_operation` and `slower_than_p99` |
///
/// The configuration can be deserialized from any format of serde. Unknown keys are refused.
///
/// # Examples
///
/// ```
/// use tracer_sampling::tail::TailSamplingConfig;
///
/// let config: TailSamplingConfig = serde_json::from_str(
///     r#"{
///         "decision_wait": "10s",
///         "num_traces": 100,
///         "policies": [
///             {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
///             {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1}}
///         ]
///     }"#,
/// )?;
/// assert_eq!(config.policies[1].name, "some");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TailSamplingConfig {
    /// The time from the first span of a trace to its decision. Default: 30 s.
    #[serde(deserialize_with = "duration::deserialize")]
    pub decision_wait: Duration,
    /// The time from the first root span of a trace to its decision, if that is earlier than
    /// `decision_wait`. Default: 0, which turns it off.
    #[serde(deserialize_with = "duration::deserialize")]
    pub decision_wait_after_root_received: Duration,
    /// The most traces in the buffer, 1 to 2^31. A further trace evicts the oldest decided trace
    /// or, if all traces wait, the oldest trace. Default: 50,000.
    pub num_traces: usize,
    /// New traces a second to allocate for in advance, `num_traces` at most. Default: 0.
    pub expected_new_traces_per_sec: u64,
    /// How many trace ids to remember after the buffer has released their traces. Default: none.
    pub decision_cache: DecisionCacheConfig,
    /// Whether the first policy that samples ends the evaluation. Default: `false`.
    pub sample_on_first_match: bool,
    /// Whether [`shutdown`](super::TailSampler::shutdown) drops the traces that wait. Default:
    /// `false`.
    pub drop_pending_traces_on_shutdown: bool,
    /// Whether a full buffer returns a new span as [`Admission::Full`](super::Admission::Full)
    /// instead of evicting a trace that waits. Default: `false`.
    pub block_on_overflow: bool,
    /// The largest size of a trace. A larger trace is dropped at once, and so are its later spans.
    /// Default: 0, which turns this limit off.
    pub maximum_trace_size_bytes: u64,
    /// The most spans that wait. A further span evicts the oldest waiting trace. Default:
    /// 2,000,000; 0 is no bound.
    pub maximum_buffered_spans: u64,
    /// The most bytes that wait. A further span evicts the oldest waiting traces until it fits.
    /// Default: 1 GiB; 0 is no bound.
    pub maximum_buffered_bytes: u64,
    /// How long the buffer remembers a decision. Default: 0, which keeps a decision until
    /// `num_traces` evicts it.
    #[serde(deserialize_with = "duration::deserialize")]
    pub maximum_decision_age: Duration,
    /// The seed of the hashes in `rare_operation` and `slower_than_p99`. Default: 0. Give each
    /// process a random seed if clients can choose the names of operations.
    pub sketch_seed: u64,
    /// The policies, at least one. Their names must not be empty, and must differ.
    pub policies: Vec<PolicyConfig>,
}

impl Default for TailSamplingConfig {
    fn default() -> Self {
        Self {
            decision_wait: Duration::from_secs(30),
            decision_wait_after_root_received: Duration::ZERO,
            num_traces: 50_000,
            expected_new_traces_per_sec: 0,
            decision_cache: DecisionCacheConfig::default(),
            sample_on_first_match: false,
            drop_pending_traces_on_shutdown: false,
            block_on_overflow: false,
            maximum_trace_size_bytes: 0,
            maximum_buffered_spans: 2_000_000,
            maximum_buffered_bytes: 1 << 30,
            maximum_decision_age: Duration::ZERO,
            sketch_seed: 0,
            policies: Vec::new(),
        }
    }
}

/// How many trace ids to remember after the buffer has released their traces.
///
/// Each id takes about 100 bytes. The documentation of the Collector recommends at least ten times
/// `num_traces`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionCacheConfig {
    /// The most ids of sampled traces. Default: 0.
    pub sampled_cache_size: usize,
    /// The most ids of traces that were dropped or not sampled. Default: 0.
    pub non_sampled_cache_size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_collector() {
        let config: TailSamplingConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, TailSamplingConfig::default());
        assert_eq!(config.decision_wait, Duration::from_secs(30));
        assert_eq!(config.num_traces, 50_000);
        assert_eq!(config.decision_cache, DecisionCacheConfig::default());
    }

    #[test]
    fn unknown_keys_and_values_of_other_types_are_refused() {
        for text in [
            r#"{"num_shards": 2}"#,
            r#"{"sampling_strategy": "span-ingest"}"#,
            r#"{"tail_storage": "pebble"}"#,
            r#"{"decision_cache": {"size": 5}}"#,
            r#"{"decision_wait": 10}"#,
            r#"{"num_traces": -1}"#,
        ] {
            assert!(
                serde_json::from_str::<TailSamplingConfig>(text).is_err(),
                "{text}"
            );
        }
    }
}
