//! Atomics and cells, from std or, under `--cfg tracer_loom`, from the model checker.

#[cfg(tracer_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
#[cfg(not(tracer_loom))]
pub(crate) use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
