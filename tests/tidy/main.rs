//! Checks what a lint cannot: the structure of the workspace.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a check that cannot run is to fail"
)]

mod crates;
mod features;
mod files;
mod modules;
mod unsafe_code;
mod workspace;
