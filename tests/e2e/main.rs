//! The collector's page in a real browser: first against canned answers, which pins what the page
//! does with large, broken and hostile traces, then against the real collector and the demo.
//!
//! `TRACER_SCREENSHOTS=<folder>` keeps pictures of what the browser showed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod page;

mod fixture;

mod cleanup;
mod collector;
mod functions;
mod hostile;
mod large;
mod search;
mod shop;
mod trace;
