//! The tail sampler through its public interface.

// Helpers of tests are tests to the reader, though not to the lint.
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
