//! The test kit, as somebody uses it who tests instrumented code. Expected trees and messages are
//! written by hand.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod language;
mod messages;
mod properties;
mod provider;
#[path = "../support/mod.rs"]
mod support;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a piece of code panics with.
#[track_caller]
fn panic_of(code: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(code)).expect_err("no panic");
    panic.downcast_ref::<String>().expect("text").clone()
}
