//! Spans of the macros and functions of this crate, and their guards.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// Parents, contents and providers of native spans.
mod spans;

/// Guards that are dropped, leaked or unwound in unusual places.
mod guards;

/// Futures, streams, tasks and closures carry a span.
mod futures;

/// Samplers and processors that see or start native spans.
mod callbacks;

/// The provider that records a native span.
mod providers;

/// A guard can be the active span of `Context`.
mod context_activation;

/// The current span is that of a simple model, for random programs.
mod random_programs;
