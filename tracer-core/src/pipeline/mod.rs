//! The pipeline that carries ended spans from the threads' rings to the exporters.
//!
//! ```text
//! thread: RingWriter -> ring \                   / ExportQueue -> export thread -> SpanExporter
//! thread: RingWriter -> ring --> Worker: batches --> ExportQueue -> export thread -> SpanExporter
//! ```
//!
//! One [`worker`] thread drains the rings of all threads and forms batches. Each exporter has a
//! bounded [`export_queue`] and a thread with a tokio runtime, so that no exporter stops the worker
//! or delays another exporter. [`lifecycle`] starts, flushes and shuts down the pipeline. `state`
//! holds the state that a forked child creates anew.
//!
//! The pipeline takes spans as records and depends on neither the span types nor the provider.
//! [`host`] defines the services that it needs from the provider.

mod config;
pub(crate) mod control;
pub(crate) mod export_metrics;
#[cfg(not(any(tracer_loom, tracer_shuttle)))]
pub(crate) mod export_queue;
#[cfg(any(tracer_loom, tracer_shuttle))]
#[path = "export_queue_model.rs"]
pub(crate) mod export_queue;
pub(crate) mod export_queue_stats;
#[cfg(not(any(tracer_loom, tracer_shuttle)))]
mod export_thread;
mod flush_barrier;
pub(crate) mod host;
pub(crate) mod lifecycle;
mod losses;
mod outage;
pub(crate) mod ring_registry;
pub(crate) mod ring_writer;
mod schedule;
pub(crate) mod span_counters;
pub(crate) mod state;
pub(crate) mod thread;
mod wakeup;
pub(crate) mod worker;

#[cfg(all(test, tracer_loom))]
mod loom_models;
#[cfg(all(test, tracer_shuttle))]
pub(crate) mod shuttle_models;
#[cfg(test)]
mod test_host;

pub use self::config::BatchConfig;
pub(crate) use self::{
    host::Host,
    lifecycle::{Pipeline, PipelineOwner},
    state::PipelineState,
};
