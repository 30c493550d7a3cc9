//! Processors of spans, of this crate and of the stock SDK.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// The calls of processors, and the changes that they may make.
mod callbacks;

/// Processors that panic, or call their own provider.
mod faults;

/// Processors with many threads.
mod load;

/// A processor that hangs occupies one thread.
#[cfg(target_os = "linux")]
mod threads;

/// Processors of the stock SDK in a provider of this crate.
mod sdk_processor;

/// The pipeline of this crate in the stock provider.
mod ring_processor;
