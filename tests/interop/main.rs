//! Clients and servers that are not ours: the OpenTelemetry Python SDK sends to our collector and
//! trades headers with our propagators, and our exporters send to a receiver of stock parts.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod deviations;
mod expected;
mod program;
mod propagation;
mod python;
mod stock;
