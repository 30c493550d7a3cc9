//! Processes that fork, start and end, with exporters that send over real sockets.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

use tracer_tests::poll::PATIENCE as TIMEOUT;

#[path = "../../tracer-core/tests/support/forked.rs"]
mod forked;

mod exit;
mod fork;
