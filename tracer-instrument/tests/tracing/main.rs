//! The layer for `tracing`. Where it is to behave as `tracing-opentelemetry`, both run the same code
//! and what they export is compared.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod events;
mod events_contexts;
mod fields;
mod hostile;
mod lifecycle;
mod parents;
mod set_parent;
mod special;
mod support;
