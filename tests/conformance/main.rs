//! What the W3C asks of a service: the requests of its Trace Context harness, the rules of its
//! Baggage specification and the examples of both, sent over loopback through the axum layer and
//! the reqwest client as an application uses them.
//!
//! Expected values come from the specifications. What a service sent is read here by code that
//! shares nothing with the propagators.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected fails"
)]

mod baggage;
mod carriers;
mod examples;
mod service;
mod spans;
mod traceparent;
mod tracestate;
mod vectors;
