//! From the threads' rings to the exporters.
//!
//! One worker thread drains all rings and forms batches. Each exporter has a lane: a bounded queue
//! and a thread with a runtime of its own, so that no exporter can stop the draining or delay
//! another one.

mod batch;
mod config;
pub(crate) mod control;
pub(crate) mod lane;
pub(crate) mod lane_stats;
mod outage;
mod state;
pub(crate) mod worker;

pub use self::{
    batch::{SpanBatch, SpanRecord, SpanRecords},
    config::BatchConfig,
};
