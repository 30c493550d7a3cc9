//! Decides which traces are kept, at the moment a span starts.
//!
//! Each sampler implements `opentelemetry_sdk::trace::ShouldSample`, so it works in any provider
//! that accepts this trait, including the provider of the stock SDK.
//!
//! ```
//! use opentelemetry_sdk::trace::ShouldSample;
//! use tracer_sampling::{ParentBased, Probability};
//!
//! // One complete trace in a hundred: children follow their parents, here and in other processes.
//! let sampler = ParentBased::new(Probability::new(0.01)?);
//! let sampler: Box<dyn ShouldSample> = sampler.into();
//! # drop(sampler);
//! # Ok::<(), tracer_sampling::Error>(())
//! ```
//!
//! # Samplers
//!
//! | sampler | samples |
//! | --- | --- |
//! | [`AlwaysOn`], [`AlwaysOff`] | all spans, no spans |
//! | [`ParentBased`] | spans whose parent is sampled; asks another sampler about root spans |
//! | [`Probability`] | a part of all traces, by OTEP 235: services agree, backends can extrapolate |
//! | [`TraceIdRatio`] | a part of all traces, by the algorithm of the stock Rust SDK |
//! | [`RateLimiting`] | at most a given number of spans a second, in total or for each operation |
//! | [`Adaptive`] | a target number of traces a second, and more if requests fail or are slow |
//! | [`Learned`] | a target number of traces a second, preferably failed or slow ones |
//! | [`composable`] | by rules or the threshold of the parent; can explain decisions |
//! | [`DecisionCache`] | as another sampler decided earlier about the same trace |
//! | [`AlwaysRecord`] | as another sampler, but records all spans |
//!
//! [`mod@env`] reads `OTEL_TRACES_SAMPLER`.
//!
//! # Guarantees
//!
//! - The parent's trace state is passed on, even by dropped spans. Samplers change only `th` in its
//!   `ot` member: they set or remove it according to the decision, and [`ParentBased`] removes a
//!   `th` that contradicts the sampled flag. Only a composable sampler of your own can change other
//!   members.
//! - A setting out of range is refused when the sampler is built. A decision never fails or locks,
//!   and panics only if user code does. It allocates only for a trace state that is not empty, for
//!   attributes, and for the name of a new operation.
//! - Memory is bounded for any number of span names.
//!
//! # Modules
//!
//! | path | contents |
//! | --- | --- |
//! | `always.rs`, `always_record.rs`, `parent_based.rs` | all, none, all recorded, as the parent |
//! | `probability.rs`, `threshold.rs`, `otel_trace_state.rs` | consistent probability, and the `ot` member of the trace state |
//! | `trace_id_ratio.rs` | the older ratio sampler |
//! | [`composable`] | composable samplers and rules |
//! | `jaeger_remote/` | strategies of a sampling server |
//! | `rate_limiting/` | the token bucket and its sampler |
//! | `adaptive/` | the adaptive sampler and its controller |
//! | `learned/` | the learned sampler and its model |
//! | `rate_estimate.rs`, `outcome/` | how often requests come, and how they end |
//! | `decision_cache.rs` | the cache of decisions by trace id |
//! | `reason.rs`, `stats.rs` | the reasons of decisions, and how often each is made |
//! | `operations.rs`, `clock.rs`, `atomic_f64.rs`, `sync.rs` | the table of operations, time, atomics |
//! | [`mod@env`] | `OTEL_TRACES_SAMPLER` |
//! | `tail/` | tail sampling |
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `jaeger-remote` | no | module `jaeger_remote`: sampling by strategies from a server |
//! | `tail` | no | module `tail`: decisions about whole traces, as the Collector makes them |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod adaptive;
mod always;
mod always_record;
mod atomic_f64;
mod clock;
pub mod composable;
mod decision_cache;
pub mod env;
mod error;
#[cfg(feature = "jaeger-remote")]
pub mod jaeger_remote;
mod learned;
mod operations;
mod otel_trace_state;
mod outcome;
mod parent;
mod parent_based;
mod probability;
mod rate_estimate;
mod rate_limiting;
mod reason;
mod stats;
mod sync;
#[cfg(feature = "tail")]
pub mod tail;
mod threshold;
mod trace_id_ratio;

pub use self::adaptive::{Adaptive, AdaptiveBuilder, AdaptiveState};
pub use self::always::{AlwaysOff, AlwaysOn};
pub use self::always_record::AlwaysRecord;
pub use self::clock::{Clock, ManualClock};
pub use self::decision_cache::DecisionCache;
pub use self::error::Error;
pub use self::learned::{Learned, LearnedBuilder, Weights};
pub use self::outcome::{Outcome, OutcomeProcessor};
pub use self::parent_based::ParentBased;
pub use self::probability::Probability;
pub use self::rate_limiting::{RateLimiting, RateLimitingBuilder};
pub use self::reason::Reason;
pub use self::stats::{SamplingStats, StrategyStats};
pub use self::threshold::Threshold;
pub use self::trace_id_ratio::TraceIdRatio;
