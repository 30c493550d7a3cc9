//! A shop of five services that shows a trace end to end.
//!
//! ```text
//! POST /api/orders                                   GET /stock/{sku}
//!   client ──> gateway ──> orders ──┬──────────────> inventory
//!                     POST /orders  ├──────────────> payment        POST /payments
//!                                   └──────────────> notification   POST /notifications
//! ```
//!
//! Each service is a process of its own, an axum router in the server layer of `tracer-instrument`, calling the next one
//! through its client, set up by `tracer_export::init()` and nothing else. Business code starts spans of its own in
//! the way that suits it, and all of them meet in one trace: orders and notification through the API of `opentelemetry`,
//! payment with `#[traced]`, inventory with `#[tracing::instrument]`.
//!
//! Every service logs lines of JSON through `tracing`, in the format of `tracer-instrument`, so each line carries the ids
//! of the span in which it was written: from a line to its trace and from a trace to its lines is one search. The check
//! at the end does both.
//!
//! Runs on Unix: it uses process groups and SIGTERM.
//!
//! An order whose card the network cannot reach fails in payment with `503`. Orders then tells the customer through
//! notification and answers `502`, which the gateway passes on, so a failing trace shows all five services and the error
//! all the way up. An order of the one thing that is kept in a far warehouse is slow in inventory.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod demo;
pub mod fleet;
pub mod load;
pub mod service;

pub mod api;
pub mod check;
pub mod logs;
pub mod tree;

mod error;
mod expected;
mod summary;

pub use self::error::Error;
