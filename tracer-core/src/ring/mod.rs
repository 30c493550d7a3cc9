//! Per-thread rings: how ended spans leave the thread that ended them.
//!
//! Each thread owns one [`byte_ring`] per provider and is its only producer; the provider's worker
//! is the only consumer of all of them. [`registry`] is where a thread's first span makes its ring
//! known to the worker, and where the ring of a thread that is gone is adopted until it is empty.

pub(crate) mod byte_ring;
pub(crate) mod registry;
pub(crate) mod storage;

#[cfg(all(test, tracer_loom))]
mod loom_models;
#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod properties;
