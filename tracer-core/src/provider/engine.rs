//! The moving parts of a provider: rings, worker, lanes and counts.

use std::sync::{Arc, Weak};

use opentelemetry::Context;

use super::Shared;
use crate::{
    error::ConfigError,
    exporter::{ExportError, ExportFuture, SpanExporter},
    foreign::isolated,
    local::Outlet,
    pipeline::{
        BatchConfig, SpanBatch, control::Control, lane::Lane, lane_stats::LaneStats, worker::Worker,
    },
    processor::Passes,
    ring::{registry::Registry, segment::SegmentPool},
    stats::{Dropped, OverLimit, Stats},
    sync::{AtomicBool, AtomicU64, Mutex, Ordering, thread},
};

/// What every process has anew: nothing in here outlives a fork. Its ledger starts at zero.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) registry: Registry,
    pub(crate) control: Control,
    /// One for each exporter, in the order in which they were added.
    pub(crate) lanes: Vec<Arc<LaneStats>>,
    pub(crate) counts: Counts,
    pub(crate) passes: Passes,
    /// The ring that threads without locals share.
    pub(super) fallback: Mutex<Option<Outlet>>,
    worker: AtomicU64,
}

/// The states of `Engine::worker`. A child that makes no span starts no thread.
const IDLE: u64 = 0;
const STARTED: u64 = 1;
const CLOSED: u64 = 2;

/// What is counted at no ring and for no exporter.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Spans the worker took out of rings.
    pub(crate) drained: AtomicU64,
    /// Set at the end of a shutdown: what is in a ring then is dropped.
    pub(crate) sealed: AtomicBool,
    pub(super) sampler_panics: AtomicU64,
    /// Spans that started or ended without a ring because the provider was closed.
    pub(super) late_started: AtomicU64,
    pub(super) late_ended: AtomicU64,
    /// Spans that started or ended on a thread without a ring while there was no memory for the
    /// shared ring either.
    pub(super) unplaced_started: AtomicU64,
    pub(super) unplaced_ended: AtomicU64,
    /// Spans of the parent process that ended in this one.
    pub(super) forked: AtomicU64,
}

impl Engine {
    /// The parts of the process that builds the provider.
    pub(super) fn new(
        component_types: impl Iterator<Item = &'static str>,
        config: &BatchConfig,
    ) -> Self {
        let control = Control::default();
        let limits = config.queue();
        let lane =
            |component_type| Arc::new(LaneStats::new(component_type, limits, control.bell()));
        Self {
            registry: Registry::new(SegmentPool::new(config.ring_bytes())),
            lanes: component_types.map(lane).collect(),
            control,
            counts: Counts::default(),
            passes: Passes::default(),
            fallback: Mutex::new(None),
            worker: AtomicU64::new(IDLE),
        }
    }

    /// The parts of a process forked from one that has this.
    pub(super) fn renewed(&self, config: &BatchConfig) -> Self {
        Self::new(self.lanes.iter().map(|lane| lane.component_type), config)
    }

    /// Starts the lanes, with the exporters that the provider was built with, and returns their
    /// worker.
    pub(super) fn worker(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        exporters: Vec<Arc<dyn SpanExporter>>,
    ) -> Result<Worker, ConfigError> {
        self.claim(STARTED);
        let lanes = self.start_lanes(shared, exporters)?;
        Ok(Worker::new(Arc::clone(shared), Arc::clone(self), lanes))
    }

    /// Starts the worker of a forked child, unless it runs or the provider is closed.
    pub(super) fn start_in_child(self: &Arc<Self>, shared: &Arc<Shared>) {
        if !self.claim(STARTED) {
            return;
        }
        let (engine, shared_there) = (Arc::clone(self), Arc::clone(shared));
        // The exporters are foreign code, and threads take their time: not on the caller's path.
        let spawned = spawn(move || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            let exporters = shared_there.exporters.iter().zip(&engine.lanes);
            let exporters = exporters
                .map(|(parents, lane)| forked(parents, lane, &shared_there))
                .collect();
            match engine.start_lanes(&shared_there, exporters) {
                Ok(lanes) => Worker::new(shared_there, engine, lanes).run(),
                Err(error) => shared_there.give_up(&engine, &error),
            }
        });
        if let Err(error) = spawned {
            shared.give_up(self, &error);
        }
    }

    /// Closes parts that never started; false if they have.
    pub(super) fn close_idle(&self) -> bool {
        let idle = self.claim(CLOSED);
        if idle {
            self.close();
        }
        idle
    }

    /// Whether a worker was started.
    pub(super) fn is_started(&self) -> bool {
        // Acquire: pairs with the exchange in `claim`. Whoever ended a span has seen it started.
        self.worker.load(Ordering::Acquire) == STARTED
    }

    /// Gives up whatever has no outcome. A worker that is late may still take spans from rings,
    /// and counts them as failed by the deadline.
    pub(super) fn seal(&self) {
        for lane in &self.lanes {
            lane.seal();
        }
        // Release: as in `close`.
        self.counts.sealed.store(true, Ordering::Release);
    }

    /// What is left in rings stays there, and nobody is answered any more.
    pub(crate) fn close(&self) {
        // Release: pairs with the Acquire load in `stats`; nothing is drained later.
        self.counts.sealed.store(true, Ordering::Release);
        self.control.close();
        self.registry.clear();
    }

    pub(crate) fn stats(&self) -> Stats {
        // The order matters for a snapshot under load: later stages first, so that no span is
        // seen at a later stage without having been counted at the earlier ones. Each load of a
        // count is an Acquire that pairs with the Release of its updates; only the earliest stage,
        // the starts, needs none.
        let exporters: Vec<_> = self.lanes.iter().map(|lane| lane.snapshot()).collect();
        let counts = &self.counts;
        // Acquire: pairs with the Release store in `close`, after the last update of `drained`.
        let sealed = counts.sealed.load(Ordering::Acquire);
        let drained = counts.drained.load(Ordering::Acquire);
        let late_ended = counts.late_ended.load(Ordering::Acquire);
        let forked = counts.forked.load(Ordering::Acquire);
        let unplaced = counts.unplaced_ended.load(Ordering::Acquire);
        let totals = self.registry.totals();
        let late_started = counts.late_started.load(Ordering::Relaxed);
        let unplaced_started = counts.unplaced_started.load(Ordering::Relaxed);
        let elsewhere =
            totals.not_sampled + totals.full + totals.oversized + totals.discarded + totals.late;
        let in_rings = totals.ended.saturating_sub(elsewhere + drained);
        Stats {
            started: totals.started + late_started + forked + unplaced_started,
            ended: totals.ended + late_ended + forked + unplaced,
            not_sampled: totals.not_sampled,
            dropped: Dropped {
                queue_full: totals.full + unplaced,
                span_too_large: totals.oversized,
                discarded: totals.discarded,
                already_shutdown: totals.late + late_ended + if sealed { in_rings } else { 0 },
                forked,
            },
            waiting: if sealed { 0 } else { in_rings },
            drained,
            sampler_panics: counts.sampler_panics.load(Ordering::Relaxed),
            processor_panics: 0,
            over_limit: OverLimit::default(),
            id_failures: 0,
            rings: self.registry.len() as u64,
            ring_bytes: self.registry.segments.bytes(),
            exporters,
        }
    }

    /// Leaves the idle state; false if that is done.
    fn claim(&self, next: u64) -> bool {
        // AcqRel, Acquire: between threads that start and close, the first one decides.
        self.worker
            .compare_exchange(IDLE, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn start_lanes(
        &self,
        shared: &Shared,
        exporters: Vec<Arc<dyn SpanExporter>>,
    ) -> Result<Vec<Lane>, ConfigError> {
        exporters
            .into_iter()
            .zip(&self.lanes)
            .map(|(exporter, stats)| Lane::start(exporter, Arc::clone(stats), shared))
            .collect()
    }
}

pub(super) fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), ConfigError> {
    thread::Builder::new()
        .name("tracer-worker".to_owned())
        .spawn(run)
        .map_err(ConfigError::Spawn)?;
    Ok(())
}

/// An exporter for this process to the destination of one that the parent had.
fn forked(
    parents: &Weak<dyn SpanExporter>,
    lane: &LaneStats,
    shared: &Shared,
) -> Arc<dyn SpanExporter> {
    let fresh = || {
        let mut fresh = parents.upgrade()?.fork()?;
        fresh.set_resource(&shared.resource());
        Some(Arc::<dyn SpanExporter>::from(fresh))
    };
    isolated(fresh)
        .flatten()
        .unwrap_or_else(|| Arc::new(Lost(lane.component_type)))
}

/// Stands for an exporter that stayed in the parent process. Its lane counts and tells the loss as
/// any other.
#[derive(Debug)]
struct Lost(&'static str);

impl SpanExporter for Lost {
    fn component_type(&self) -> &'static str {
        self.0
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async { Err(ExportError::Forked) })
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
#[allow(clippy::expect_used, reason = "a test may fail")]
mod tests {
    use super::*;
    use crate::TracerProvider;

    /// The shared ring's outlet once held the engine that holds it.
    #[test]
    fn engine_goes_with_its_provider_after_use_of_the_shared_ring() {
        let (shared, worker) = TracerProvider::builder().idle().expect("provider");
        assert!(shared.start_elsewhere().is_none(), "keeps no spare");
        let engine = Arc::downgrade(&shared.engine());
        assert!(engine.upgrade().is_some());
        drop((shared, worker));
        assert!(engine.upgrade().is_none());
    }
}
