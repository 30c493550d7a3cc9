//! The state of the pipeline in one process: rings, requests, export queues and counters.

use std::sync::Arc;

use super::{
    config::BatchConfig, control::Control, export_queue_stats::ExportQueueStats,
    ring_registry::RingRegistry, ring_writer::RingWriter,
};
use crate::{
    ring::segment::SegmentPool,
    stats::{Dropped, ProviderCounts, Stats},
    sync::{AtomicBool, AtomicU64, Mutex, Ordering},
};

/// The state of one process. A forked child creates its own, with counters that start at zero.
#[derive(Debug)]
pub(crate) struct PipelineState {
    pub(crate) registry: Arc<RingRegistry>,
    pub(crate) control: Control,
    /// One for each exporter, in the order in which the exporters were added.
    pub(crate) export_queues: Vec<Arc<ExportQueueStats>>,
    pub(super) counts: Counts,
    /// The ring shared by the threads that have no ring of their own.
    shared_writer: Mutex<Option<RingWriter>>,
    worker: AtomicU64,
}

/// The values of `PipelineState::worker`. A child that makes no span starts no thread.
const IDLE: u64 = 0;
const STARTED: u64 = 1;
const CLOSED: u64 = 2;

/// The counters that belong to neither a ring nor an exporter.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Spans that the worker took out of rings.
    pub(super) queued: AtomicU64,
    /// Set at the end of a shutdown. Spans that are in a ring at that time are dropped.
    sealed: AtomicBool,
    without_ring: WithoutRing,
}

/// The counters of spans on threads without a ring.
#[derive(Debug, Default)]
struct WithoutRing {
    /// Spans that started or ended here because the provider was closed.
    already_shutdown: StartedAndEnded,
    /// Spans for which there was no memory, not even for the shared ring.
    queue_full: StartedAndEnded,
    /// Spans that started in the parent process. They count as started where they end.
    forked: AtomicU64,
}

#[derive(Debug, Default)]
struct StartedAndEnded {
    started: AtomicU64,
    ended: AtomicU64,
}

impl PipelineState {
    /// Creates the state for the process that builds the provider.
    pub(super) fn new(
        component_types: impl Iterator<Item = &'static str>,
        config: &BatchConfig,
    ) -> Self {
        let control = Control::default();
        let limits = config.queue();
        let export_queue = |component_type| {
            let wakeup = Arc::clone(control.wakeup());
            Arc::new(ExportQueueStats::new(component_type, limits, wakeup))
        };
        Self {
            registry: Arc::new(RingRegistry::new(SegmentPool::new(config.ring_bytes()))),
            export_queues: component_types.map(export_queue).collect(),
            control,
            counts: Counts::default(),
            shared_writer: Mutex::new(None),
            worker: AtomicU64::new(IDLE),
        }
    }

    /// Creates the state for a process that was forked from the process with this state.
    pub(super) fn renewed(&self, config: &BatchConfig) -> Self {
        let queues = self.export_queues.iter();
        Self::new(queues.map(|queue| queue.component_type), config)
    }

    /// Marks the worker as started. Returns false if it was started before, or if the pipeline is
    /// closed.
    pub(super) fn start(&self) -> bool {
        self.leave_idle(STARTED)
    }

    /// Closes a pipeline whose worker was never started. Returns false if it was started.
    pub(super) fn close_idle(&self) -> bool {
        let was_idle = self.leave_idle(CLOSED);
        if was_idle {
            self.close();
        }
        was_idle
    }

    fn leave_idle(&self, next: u64) -> bool {
        // AcqRel, Acquire: of the threads that start and close the pipeline, the first one wins.
        self.worker
            .compare_exchange(IDLE, next, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Returns whether a worker was started.
    pub(super) fn is_started(&self) -> bool {
        // Acquire: pairs with the exchange in `leave_idle`. A thread that ended a span sees the
        // worker as started.
        self.worker.load(Ordering::Acquire) == STARTED
    }

    /// Counts every span without an outcome as failed because of the deadline. A worker that is
    /// late may still take spans from rings, and counts them in the same way.
    pub(super) fn seal(&self) {
        for queue in &self.export_queues {
            queue.seal();
        }
        // Release: pairs with the Acquire load in `stats`, as in `close`.
        self.counts.sealed.store(true, Ordering::Release);
    }

    /// Ends the pipeline. Spans in rings stay there, and requests are refused.
    pub(super) fn close(&self) {
        // Release: pairs with the Acquire load in `stats`; nothing is queued after this store.
        self.counts.sealed.store(true, Ordering::Release);
        self.control.close();
        self.registry.clear();
    }

    /// Takes a ring for the calling thread. Returns `None` if no ring is left.
    pub(super) fn writer(&self) -> Option<RingWriter> {
        RingWriter::new(&self.registry, self.control.wakeup())
    }

    /// Counts spans that the worker takes out of rings.
    pub(super) fn count_queued(&self, spans: u64) {
        // Release: pairs with the Acquire load in `stats`, so that a snapshot that counts these
        // spans as queued also counts their ends.
        self.counts.queued.fetch_add(spans, Ordering::Release);
    }

    /// Counts the start of a span on a thread without a ring while the provider is closed.
    pub(crate) fn count_start_after_shutdown(&self) {
        let counts = &self.counts.without_ring;
        // Relaxed: a statistic.
        counts
            .already_shutdown
            .started
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a span on a thread without a ring while the provider is closed.
    pub(crate) fn count_end_after_shutdown(&self) {
        let counts = &self.counts.without_ring;
        // Release: pairs with the Acquire load in `stats`, so that a snapshot that counts the end
        // of a span also counts its start.
        counts
            .already_shutdown
            .ended
            .fetch_add(1, Ordering::Release);
    }

    /// Counts a span that started in the parent process and ended in this one.
    pub(crate) fn count_forked(&self) {
        // Release: as in `count_end_after_shutdown`.
        self.counts
            .without_ring
            .forked
            .fetch_add(1, Ordering::Release);
    }

    /// Counts the start of a span on a thread without a ring.
    pub(crate) fn count_start_without_ring(&self) {
        if self.with_shared_writer(RingWriter::count_start).is_none() {
            let counts = &self.counts.without_ring;
            // Relaxed: a statistic.
            counts.queue_full.started.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends a span on a thread without a ring; `end` writes it to the shared ring. Returns false if
    /// there is no memory for the shared ring. The span then counts as dropped.
    pub(crate) fn end_without_ring(&self, end: impl FnOnce(&mut RingWriter)) -> bool {
        let ended = self.with_shared_writer(end).is_some();
        if !ended {
            let counts = &self.counts.without_ring;
            // Release: as in `count_end_after_shutdown`.
            counts.queue_full.ended.fetch_add(1, Ordering::Release);
        }
        ended
    }

    /// Calls `write` with the ring shared by the threads that have no ring of their own. Returns
    /// `None` if there is no memory for it.
    pub(crate) fn with_shared_writer<T>(
        &self,
        write: impl FnOnce(&mut RingWriter) -> T,
    ) -> Option<T> {
        let mut shared = self.shared_writer.lock();
        if shared.is_none() {
            *shared = RingWriter::beyond_budget(&self.registry, self.control.wakeup());
        }
        Some(write(shared.as_mut()?))
    }

    /// Takes a snapshot of all counters, together with those of the provider.
    ///
    /// Later stages are read first. So a snapshot under load counts no span at a later stage
    /// without counting it at the earlier ones.
    pub(crate) fn stats(&self, provider: ProviderCounts) -> Stats {
        // Each load of a counter is an Acquire that pairs with the Release of its updates. Only the
        // earliest stage, the starts, needs none.
        let exporters: Vec<_> = self.export_queues.iter().map(|q| q.snapshot()).collect();
        let Counts {
            queued,
            sealed,
            without_ring,
        } = &self.counts;
        // Acquire: pairs with the Release store in `close`, after the last update of `queued`.
        let sealed = sealed.load(Ordering::Acquire);
        let queued = queued.load(Ordering::Acquire);
        let ended_after_shutdown = without_ring.already_shutdown.ended.load(Ordering::Acquire);
        let forked = without_ring.forked.load(Ordering::Acquire);
        let ended_without_memory = without_ring.queue_full.ended.load(Ordering::Acquire);
        let totals = self.registry.totals();
        let started_after_shutdown = without_ring
            .already_shutdown
            .started
            .load(Ordering::Relaxed);
        let started_without_memory = without_ring.queue_full.started.load(Ordering::Relaxed);
        let in_rings = totals.ended.saturating_sub(totals.not_in_ring() + queued);
        let sealed_in_rings = if sealed { in_rings } else { 0 };
        Stats {
            started: totals.started + started_after_shutdown + forked + started_without_memory,
            ended: totals.ended + ended_after_shutdown + forked + ended_without_memory,
            not_sampled: totals.not_sampled,
            dropped: Dropped {
                queue_full: totals.queue_full + ended_without_memory,
                span_too_large: totals.span_too_large,
                discarded: totals.discarded,
                already_shutdown: totals.already_shutdown + ended_after_shutdown + sealed_in_rings,
                forked,
            },
            waiting: in_rings - sealed_in_rings,
            queued,
            sampler_panics: provider.sampler_panics,
            processor_panics: provider.processor_panics,
            id_failures: provider.id_failures,
            over_limit: provider.over_limit,
            rings: self.registry.len() as u64,
            ring_bytes: self.registry.segments.bytes(),
            exporters,
        }
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod tests {
    use super::*;
    use crate::pipeline::test_host::TestHost;

    /// Regression test: the writer of the shared ring once held a reference to the state that owns
    /// it.
    #[test]
    fn state_is_freed_with_its_provider_after_use_of_the_shared_ring() {
        let (host, worker) = TestHost::start(BatchConfig::default(), Vec::new());
        host.state().count_start_without_ring();
        assert_eq!(host.stats().started, 1);
        let state = Arc::downgrade(&host.state());
        assert!(state.upgrade().is_some());
        drop((host, worker));
        assert!(state.upgrade().is_none());
    }
}
