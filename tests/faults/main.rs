//! What happens to services and spans when the backend is absent, dies, comes back or misbehaves.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod services;

mod answers;
mod latency;
mod outage;
