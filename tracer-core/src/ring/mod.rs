//! Per-thread rings: how ended spans leave the thread that ended them.
//!
//! Each thread has one [`byte_ring`] per provider and is its only producer; the provider's worker
//! is the only consumer of all of them. A ring grows by [`segment`]s from a pool, within one budget
//! for all rings. The [`registry`] gives each thread its ring, and passes the ring on to another
//! thread when that thread has ended.

pub(crate) mod byte_ring;
pub(crate) mod counters;
pub(crate) mod registry;
pub(crate) mod segment;
mod storage;

#[cfg(all(test, tracer_loom))]
mod loom_models;
#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod properties;
