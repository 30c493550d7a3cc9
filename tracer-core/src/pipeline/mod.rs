//! From the threads' rings to the exporters.
//!
//! One worker thread drains all rings and forms batches. Each exporter has a lane: a bounded queue
//! and a thread with a runtime of its own, so that no exporter can stop the draining or delay
//! another one.

mod batch;
mod bell;
mod config;
pub(crate) mod control;
#[cfg(not(any(tracer_loom, tracer_shuttle)))]
pub(crate) mod lane;
#[cfg(any(tracer_loom, tracer_shuttle))]
#[path = "lane_model.rs"]
pub(crate) mod lane;
pub(crate) mod lane_stats;
#[cfg(all(test, tracer_loom))]
mod loom_models;
mod losses;
mod outage;
mod state;
pub(crate) mod worker;

pub use self::{
    batch::{SpanBatch, SpanRecord, SpanRecords},
    config::BatchConfig,
};
