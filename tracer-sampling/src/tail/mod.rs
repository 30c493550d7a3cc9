//! Tail sampling: decides which traces are kept after their spans have arrived.
//!
//! A [`TailSampler`] is a state machine that takes spans and the time, and returns decided traces.
//! It has the policies, the decision rules and the configuration of the `tail_sampling` processor
//! of the OpenTelemetry Collector. It can run in a collector or inside an application, because it
//! is generic over the span type (see [`TailSpan`]).
//!
//! # Decisions
//!
//! A trace is decided `decision_wait` after its first span, or `decision_wait_after_root_received`
//! after its root if that is earlier. If a `drop` policy drops it, it is dropped. Otherwise, it is
//! sampled if any policy samples it.
//!
//! A late span follows the decision about its trace while the buffer or the decision cache
//! remembers that decision. After that, a late span starts the trace anew. Without a decision
//! cache, the buffer remembers a decision for `maximum_decision_age`, or until newer traces
//! displace it (see `num_traces`).
//!
//! If the buffer is full of traces, it forgets the oldest decision to make room for a new trace. If
//! it holds no decisions, or if spans or bytes reach their limit, it drops the trace that has
//! waited longest. [`TailStats`] counts the dropped traces and spans.
//!
//! # Policies
//!
//! | type | samples a trace |
//! | --- | --- |
//! | `always_sample` | always |
//! | `and`, `not` | if all of its policies sample it; if its policy does not |
//! | `boolean_attribute`, `numeric_attribute`, `string_attribute` | if a span or a resource has such an attribute |
//! | `bytes_limiting`, `rate_limiting` | if a bucket has a token for each byte or span |
//! | `composite` | if the first policy that samples it has spans left in this second |
//! | `latency` | if it takes longer than a threshold |
//! | `probabilistic` | if the hash of its id is below a percentage of the range |
//! | `span_count` | if the number of its spans is within bounds |
//! | `status_code` | if a span has a listed status |
//! | `trace_flags`, `trace_state` | if a span has the sampled flag, or a listed value |
//! | `critical_service` (this crate only) | if a listed service takes part |
//! | `rare_operation` (this crate only) | if one of its operations is in few traces a minute |
//! | `slower_than_p99` (this crate only) | if it is slower than 99 % of its operation |
//!
//! `drop` drops the traces that all of its policies sample. The configuration of `ottl_condition`
//! is read, but this crate does not evaluate the conditions. The caller passes an evaluator to
//! [`TailSamplingConfig::build_with`], as for policies of type `custom`.
//!
//! # Differences from the Collector
//!
//! - `invert_match` inverts the verdict of its own policy only. The other meaning, which overrules
//!   all policies, is deprecated in the Collector.
//! - The `latency` threshold is exact to a nanosecond. The Collector truncates durations to
//!   milliseconds.
//! - An attribute of another type than the policy's does not match; `numeric_attribute` reads
//!   integers and doubles. In the Collector, other types count as 0, `false` or an empty string.
//! - Policies inside of `composite` are evaluated in the order of `policy_order`. Policies without
//!   a rate share the rest, and the total bounds all policies together.
//! - `bytes_limiting` and `maximum_trace_size_bytes` use [`TailSpan::size_bytes`], not the size of
//!   a protobuf message.
//! - A malformed list-member of a trace state does not hide the other list-members.
//! - The total of spans and bytes in the buffer is bounded. To make room for a new trace, the
//!   oldest decision is forgotten before a waiting trace is dropped.
//! - `sampling_strategy`, `num_shards` and `tail_storage` are unknown keys. A caller with shards
//!   creates one sampler for each shard.
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
