//! The test kit, used as a test of instrumented code uses it. Expected trees and messages are
//! written by hand.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// The spans that a provider shows, and its isolation.
mod provider;

/// Trees with fewer details than the trace, and trees that cannot be parsed.
mod language;

/// The messages of assertions that fail.
mod messages;

/// The spans of other threads.
mod threads;

/// A printed trace matches itself, and no other trace.
mod properties;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the message with which a piece of code panics.
#[track_caller]
fn panic_of(code: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(code)).expect_err("no panic");
    panic.downcast_ref::<String>().expect("text").clone()
}
