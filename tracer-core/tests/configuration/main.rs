//! The configuration that a provider takes from its environment.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// The environment variables.
mod environment;

/// Detectors of resources.
mod resource;

/// Messages wait until a subscriber is installed.
mod diagnostics;
