//! Tests of the tail sampler through its public interface.

// The lints do not recognise the helpers of tests as test code.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod configuration;
mod decisions;
mod documented;
mod hostile;
mod late;
mod limits;
mod model;
mod properties;
mod support;
