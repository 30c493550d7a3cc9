//! The live view: the spans that run now, and a summary of the ended ones.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// The spans and the summary that the view shows.
mod view;

/// Each span leaves the view however it ends.
mod ends;

/// The view is bounded, and correct under many threads.
mod bounds;
