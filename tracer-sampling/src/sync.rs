//! Atomics of the standard library, or of loom under `--cfg tracer_loom`.

#[cfg(tracer_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(tracer_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
