//! Every ended span is exported, or dropped and counted.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// Flush, shutdown and drop.
mod lifecycle;

/// Exporters and samplers that fail, hang or panic.
mod failures;

/// More spans than an exporter takes.
mod overload;

/// Bursts of spans stay within bounds.
mod bursts;

/// A hung exporter does not disturb another one.
mod neighbours;

/// Threads that start and end in all ways.
mod threads;

/// Calls into a provider from its own callbacks.
mod reentry;

/// Spans that exporters start are not recorded.
mod suppression;

/// The last drop of a provider runs user code.
#[cfg(target_os = "linux")]
mod last_drop;

/// Every loss is logged.
mod losses;

/// A subscriber that panics on every message.
mod subscriber;

/// The pipeline behaves as a simple model of it.
mod properties;
