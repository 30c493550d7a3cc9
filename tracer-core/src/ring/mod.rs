//! Growing byte rings: queues of records between two threads.
//!
//! A [`byte_ring`] has one producer and one consumer. It grows by [`segment`]s from a pool, within
//! one budget for all rings of the pool. The ring does not know what the records are. `pipeline`
//! gives each thread a ring, and its worker reads all rings.

pub(crate) mod byte_ring;
pub(crate) mod segment;
mod storage;

#[cfg(all(test, tracer_loom))]
mod loom_models;
#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod properties;
