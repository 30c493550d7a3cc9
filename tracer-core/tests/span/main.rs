//! The contents of spans, and the programming interface that records them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// The traits of `opentelemetry` record what the stock SDK records.
mod otel_api;

/// The rows of the compliance matrix that no other file tests.
mod compliance_matrix;

/// Rules that the stock SDK does not follow, and hostile input.
mod rules;

/// Limits of attributes, events and links.
mod limits;

/// The inputs and results of samplers, and the sources of ids.
mod samplers_and_ids;

/// Spans that learn their parents late.
mod deferred;

/// Operations that succeed or fail, and the events in them.
mod operation;

/// `Debug` prints no contents of spans and resources.
mod debug;

/// A span allocates nothing beyond what its caller allocates.
mod allocations;
