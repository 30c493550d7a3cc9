//! Atomics, cells, locks and threads. They are those of std or, under `--cfg tracer_loom` or `--cfg
//! tracer_shuttle`, those of a checker that runs the same code in many interleavings.

mod lock;
#[cfg(any(tracer_loom, tracer_shuttle))]
pub(crate) mod model;
mod queue;

pub(crate) use self::{
    lock::{Condvar, Mutex, MutexGuard},
    queue::Queue,
};

#[cfg(tracer_loom)]
pub(crate) use self::model::UnsafeCell;
#[cfg(any(tracer_loom, tracer_shuttle))]
pub(crate) use self::model::{Arc, AtomicBool, AtomicU64, Ordering, thread, thread_local};
#[cfg(not(any(tracer_loom, tracer_shuttle)))]
pub(crate) use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread, thread_local,
};
