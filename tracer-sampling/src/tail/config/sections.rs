//! The section of each type of policy, with the keys and defaults of the Collector.
//!
//! The structs may get new fields. Create them with `default()` and set fields.

use serde::Deserialize;

use super::PolicyConfig;
use crate::tail::span::StatusCode;

/// Section `and`: samples if all of its policies sample.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AndConfig {
    /// The policies, at least one.
    pub and_sub_policy: Vec<PolicyConfig>,
}

/// Section `boolean_attribute`: samples if a span or its resource has this value.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BooleanAttributeConfig {
    /// The key of the attribute.
    pub key: String,
    /// The value. Default: `false`.
    #[serde(default)]
    pub value: bool,
    /// Samples the traces that do not match instead. Default: `false`.
    #[serde(default)]
    pub invert_match: bool,
}

/// Section `bytes_limiting`: samples up to a number of bytes a second, by a token bucket.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BytesLimitingConfig {
    /// Bytes a second, at least 1.
    pub bytes_per_second: u64,
    /// The most bytes at once, and therefore the largest trace that can be sampled. Default: 0,
    /// which is twice the rate.
    #[serde(default)]
    pub burst_capacity: u64,
}

/// Section `composite`: divides a rate of spans among policies.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositeConfig {
    /// The most spans in a second, at least 1, for all policies together.
    pub max_total_spans_per_second: u64,
    /// The names of policies in the order in which they are evaluated. Policies that are not listed
    /// follow in the order of `composite_sub_policy`. Default: empty.
    #[serde(default)]
    pub policy_order: Vec<String>,
    /// The policies, at least one. Their names must not be empty, and must differ.
    pub composite_sub_policy: Vec<PolicyConfig>,
    /// The shares of policies. The policies without an entry divide the rest of the rate equally.
    /// Default: empty.
    #[serde(default)]
    pub rate_allocation: Vec<RateAllocation>,
}

/// An entry of `rate_allocation`: the share of one policy.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateAllocation {
    /// The name of the policy.
    pub policy: String,
    /// Percent of `max_total_spans_per_second`, from 0 to 100. 0 means the total divided by the
    /// number of policies. Default: 0.
    #[serde(default)]
    pub percent: u8,
}

/// Section `critical_service`, not in the Collector: samples if a listed service takes part.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticalServiceConfig {
    /// Values of `service.name`, at least one.
    pub services: Vec<String>,
}

/// Section `custom`, not in the Collector: a policy that the caller implements.
///
/// See [`TailSamplingConfig::build_with`](super::TailSamplingConfig::build_with).
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomConfig {
    /// Identifies the policy that the caller creates.
    pub id: String,
}

/// Section `drop`: drops the trace if all of its policies sample.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropConfig {
    /// The policies, at least one.
    pub drop_sub_policy: Vec<PolicyConfig>,
}

/// Section `latency`: samples by the time from the first start to the last end in the trace.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyConfig {
    /// The duration in milliseconds above which a trace is sampled.
    pub threshold_ms: u64,
    /// The longest duration in milliseconds at which a trace is sampled. Default: 0, which is no
    /// bound.
    #[serde(default)]
    pub upper_threshold_ms: u64,
}

/// Section `not`: samples if its policy does not sample.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotConfig {
    /// The policy.
    pub not_sub_policy: Box<PolicyConfig>,
}

impl NotConfig {
    /// Creates the section that negates a policy.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_sampling::tail::{NotConfig, PolicyConfig, PolicyKind};
    ///
    /// let never = NotConfig::new(PolicyConfig::new("always", PolicyKind::AlwaysSample));
    /// assert_eq!(never.not_sub_policy.name, "always");
    /// ```
    pub fn new(policy: PolicyConfig) -> Self {
        Self {
            not_sub_policy: Box::new(policy),
        }
    }
}

/// Section `numeric_attribute`: samples if a span or its resource has a number in this range.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericAttributeConfig {
    /// The key of the attribute.
    pub key: String,
    /// The smallest value. Default: none, but one of the bounds must be set.
    #[serde(default)]
    pub min_value: Option<i64>,
    /// The largest value. Default: none, but one of the bounds must be set.
    #[serde(default)]
    pub max_value: Option<i64>,
    /// Samples the traces that do not match instead. Default: `false`.
    #[serde(default)]
    pub invert_match: bool,
}

/// Section `ottl_condition`: conditions in the Collector's language, which the caller evaluates.
///
/// See [`TailSamplingConfig::build_with`](super::TailSamplingConfig::build_with).
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OttlConditionConfig {
    /// The effect of an error in a condition. Default: `None`, which leaves it to the policy.
    #[serde(default)]
    pub error_mode: Option<ErrorMode>,
    /// Conditions on spans.
    #[serde(default)]
    pub span: Vec<String>,
    /// Conditions on span events.
    #[serde(default)]
    pub spanevent: Vec<String>,
}

/// The effect of an error in an OTTL condition.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorMode {
    /// The error is logged and the condition does not hold.
    Ignore,
    /// The policy fails.
    Propagate,
    /// The condition does not hold.
    Silent,
}

/// Section `probabilistic`: samples a percentage of the traces, by a hash of the trace id.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbabilisticConfig {
    /// The percentage. 0 and less samples no trace, 100 and more samples all traces.
    pub sampling_percentage: f64,
    /// Text that is hashed before the id, so that layers of collectors with different salts decide
    /// independently. Default: empty, which is `default-hash-seed`.
    #[serde(default)]
    pub hash_salt: String,
}

/// Section `rare_operation`, not in the Collector: samples operations while they are rare.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RareOperationConfig {
    /// The number of traces a minute below which an operation is rare, at least 1. Default: 10.
    pub traces_per_minute: u32,
}

impl Default for RareOperationConfig {
    fn default() -> Self {
        Self {
            traces_per_minute: 10,
        }
    }
}

/// Section `rate_limiting`: samples up to a number of spans a second, by a token bucket.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitingConfig {
    /// Spans a second, at least 1.
    pub spans_per_second: u64,
    /// The most spans at once, and therefore the largest trace that can be sampled. Default: 0,
    /// which is twice the rate.
    #[serde(default)]
    pub burst_capacity: u64,
}

/// Section `slower_than_p99`, not in the Collector: samples the slowest hundredth of an operation.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlowerThanP99Config {
    /// The fewest observations of an operation, at least 1. With fewer, the operation has no p99
    /// and the policy does not sample it. Default: 100.
    pub min_observations: u32,
    /// The most operations, at least 1. A further operation evicts the least recently used one.
    /// Each takes 2 KiB. Default: 1000.
    pub max_operations: usize,
}

impl Default for SlowerThanP99Config {
    fn default() -> Self {
        Self {
            min_observations: 100,
            max_operations: 1000,
        }
    }
}

/// Section `span_count`: samples by the number of spans.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanCountConfig {
    /// The fewest spans. Default: 0.
    #[serde(default)]
    pub min_spans: u32,
    /// The most spans. Default: 0, which is no bound.
    #[serde(default)]
    pub max_spans: u32,
}

/// Section `status_code`: samples if a span has one of these codes.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusCodeConfig {
    /// `ERROR`, `OK` or `UNSET`, at least one.
    pub status_codes: Vec<StatusCode>,
}

/// Section `string_attribute`: samples if a span or its resource has one of these values.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StringAttributeConfig {
    /// The key of the attribute.
    pub key: String,
    /// The values or patterns, at least one. An empty value matches nothing.
    pub values: Vec<String>,
    /// Whether `values` are regular expressions that match anywhere in the attribute. Default:
    /// `false`.
    #[serde(default)]
    pub enabled_regex_matching: bool,
    /// The number of attribute values whose match results are cached. Default: 0, which means 128.
    #[serde(default)]
    pub cache_max_size: usize,
    /// Samples the traces that do not match instead. Default: `false`.
    #[serde(default)]
    pub invert_match: bool,
}

/// Section `trace_state`: samples if a span's trace state has one of these values.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceStateConfig {
    /// The key of the list-member.
    pub key: String,
    /// The values, at least one.
    pub values: Vec<String>,
}
