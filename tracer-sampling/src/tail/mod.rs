//! Tail sampling: decides which traces are kept once their spans have arrived.
//!
//! A [`TailSampler`] is a state machine that gets spans and the time, and returns decided traces.
//! It has the policies, the decision rules and the configuration of the `tail_sampling` processor of
//! the OpenTelemetry Collector, so that it serves a collector and a process alike. It is generic
//! over the span that it holds, see [`TailSpan`].
//!
//! # Decisions
//!
//! A trace is decided `decision_wait` after its first span, or `decision_wait_after_root_received`
//! after its root if that is earlier. If a `drop` policy drops it, it is dropped. Otherwise, it is
//! sampled if any policy samples it.
//!
//! A late span follows the decision about its trace while the buffer or the decision cache
//! remembers it. After that it starts the trace anew. Without a decision cache, the buffer remembers
//! a decision until `num_traces` other traces have come, or for `maximum_decision_age`.
//!
//! A full buffer forgets the oldest decision or, if only traces that wait are left or spans or
//! bytes are the limit, drops the trace that has waited longest. [`TailStats`] counts each of them.
//!
//! # Policies
//!
//! | type | samples a trace |
//! | --- | --- |
//! | `always_sample` | always |
//! | `and`, `not` | if all of its policies do; if its policy does not |
//! | `boolean_attribute`, `numeric_attribute`, `string_attribute` | if a span or a resource has such an attribute |
//! | `bytes_limiting`, `rate_limiting` | while a token bucket has as many tokens as it has bytes or spans |
//! | `composite` | if the first policy that samples it has spans left in this second |
//! | `latency` | that takes longer than a threshold |
//! | `probabilistic` | whose id hashes below a percentage |
//! | `span_count` | with so many spans |
//! | `status_code` | if a span has such a status |
//! | `trace_flags`, `trace_state` | if a span has the sampled flag, or such a list-member |
//! | `critical_service` (ours) | if a listed service takes part |
//! | `rare_operation` (ours) | if one of its operations is in few traces a minute |
//! | `slower_than_p99` (ours) | that is slower than 99 % of its operation |
//!
//! `drop` drops the traces that all of its policies sample. `ottl_condition` is read, but not
//! evaluated here: a caller passes its own evaluator to [`TailSamplingConfig::build_with`], as it
//! does for policies of type `custom`.
//!
//! # Differences from the Collector
//!
//! - `invert_match` turns the verdict of its own policy round and has no say beyond that. The
//!   Collector deprecates the other meaning, by which it overrules all policies.
//! - The `latency` threshold is exact to a nanosecond, where the Collector cuts to milliseconds.
//! - An attribute matches by its own type only. `numeric_attribute` reads doubles, too. In the
//!   Collector other types count as 0, `false` or an empty string.
//! - Policies inside of `composite` are asked in the order of `policy_order`. Those without a rate
//!   share what the others leave, and the total bounds them all together.
//! - `bytes_limiting` and `maximum_trace_size_bytes` use [`TailSpan::size_bytes`], not the size of a
//!   protobuf message.
//! - A malformed list-member of a trace state does not hide the others.
//! - The total of spans and bytes in the buffer is bounded, and the oldest decision is forgotten
//!   before a trace that waits is dropped.
//! - `sampling_strategy`, `num_shards` and `tail_storage` are unknown keys: a caller with shards has
//!   a sampler for each of them.
//! - A section that does not belong to the type of its policy is refused.

mod buffer;
mod config;
mod decision;
mod decision_cache;
mod error;
mod list;
mod lru;
mod outcome;
mod policies;
mod policy;
mod sampler;
mod sketch;
mod span;
mod stats;
mod trace;

pub use self::config::{
    AndConfig, BooleanAttributeConfig, BytesLimitingConfig, CompositeConfig, CriticalServiceConfig,
    CustomConfig, DecisionCacheConfig, DropConfig, ErrorMode, LatencyConfig, NotConfig,
    NumericAttributeConfig, OttlConditionConfig, PolicyConfig, PolicyKind, ProbabilisticConfig,
    RareOperationConfig, RateAllocation, RateLimitingConfig, SlowerThanP99Config, SpanCountConfig,
    StatusCodeConfig, StringAttributeConfig, TailSamplingConfig, TraceStateConfig,
};
pub use self::decision::{Decision, DropReason, Policy, SampledBy, Verdict};
pub use self::error::{ConfigError, PatternError};
pub use self::outcome::{Admission, DecidedTrace, LateDecision};
pub use self::sampler::{DecidedTraces, TailSampler};
pub use self::span::{AttributeValue, StatusCode, TailSpan};
pub use self::stats::{PolicyStats, TailStats};
pub use self::trace::BufferedTrace;
