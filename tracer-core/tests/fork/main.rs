//! Processes that fork. Each test runs in a process of its own, because the standard library takes
//! a lock when a thread starts, and the thread of another test could hold it at the fork.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

#[path = "../support/mod.rs"]
mod support;

/// A child exports its own spans, and the parent exports those of the parent.
mod provider;

/// A fork inside user code.
mod callback;

/// A fork while a guard is entered.
mod guard;

/// The live view of a process that forks.
mod live_view;
