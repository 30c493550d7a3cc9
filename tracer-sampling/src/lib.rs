//! Decides which traces are kept, at the moment a span starts.
//!
//! Each sampler implements `opentelemetry_sdk::trace::ShouldSample`, so it works in any provider
//! that takes one, the stock SDK's too.
//!
//! ```
//! use opentelemetry_sdk::trace::ShouldSample;
//! use tracer_sampling::{ParentBased, Probability};
//!
//! // One trace in a hundred, whole: children follow their parents, in this process and in others.
//! let sampler = ParentBased::new(Probability::new(0.01)?);
//! let sampler: Box<dyn ShouldSample> = sampler.into();
//! # drop(sampler);
//! # Ok::<(), tracer_sampling::Error>(())
//! ```
//!
//! # Which one
//!
//! | sampler | samples |
//! | --- | --- |
//! | [`AlwaysOn`], [`AlwaysOff`] | all spans, none |
//! | [`ParentBased`] | spans whose parent is sampled; asks another sampler about root spans |
//! | [`Probability`] | a part of all traces, by OTEP 235: services agree, backends can extrapolate |
//! | [`TraceIdRatio`] | a part of all traces, by the algorithm of the stock Rust SDK |
//! | [`composable`] | by rules, by the threshold of the parent, with attributes; each decision explained and counted |
//! | [`AlwaysRecord`] | as another sampler, but records all spans |
//!
//! [`mod@env`] reads `OTEL_TRACES_SAMPLER`.
//!
//! # Guarantees
//!
//! - The parent's trace state is passed on, dropped spans included. Only samplers that know a
//!   probability change it, and [`ParentBased`] where it contradicts itself; of the `ot` member
//!   they touch `th` only.
//! - A setting out of range is refused when the sampler is made. A decision never fails, locks or
//!   panics, and allocates only for a trace state that is not empty.
//! - Memory is bounded whatever the names of spans are.
//!
//! # Modules
//!
//! | path | what |
//! | --- | --- |
//! | `always.rs`, `always_record.rs`, `parent_based.rs` | all, none, all recorded, as the parent |
//! | `probability.rs`, `threshold.rs`, `otel_trace_state.rs` | consistent probability, and the `ot` member of the trace state |
//! | `trace_id_ratio.rs` | the older ratio |
//! | [`composable`] | composable samplers and rules |
//! | `reason.rs`, `stats.rs` | why, and how often |
//! | [`mod@env`] | `OTEL_TRACES_SAMPLER` |
//!
//! # Features
//!
//! None.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod always;
mod always_record;
pub mod composable;
pub mod env;
mod error;
mod otel_trace_state;
mod parent;
mod parent_based;
mod probability;
mod reason;
mod stats;
mod threshold;
mod trace_id_ratio;

pub use self::always::{AlwaysOff, AlwaysOn};
pub use self::always_record::AlwaysRecord;
pub use self::error::Error;
pub use self::parent_based::ParentBased;
pub use self::probability::Probability;
pub use self::reason::Reason;
pub use self::stats::{SamplingStats, StrategyStats};
pub use self::threshold::Threshold;
pub use self::trace_id_ratio::TraceIdRatio;
