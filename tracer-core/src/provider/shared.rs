//! What a provider, its tracers, its spans and its worker have in common.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock, atomic},
    time::Duration,
};

use opentelemetry::{
    InstrumentationScope,
    trace::{SpanContext, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SamplingDecision, SamplingResult, ShouldSample},
};

use crate::{
    clock::Clock,
    error::{FlushError, ShutdownError},
    local::Outlet,
    pipeline::{
        control::{Control, Request},
        lane_stats::LaneStats,
    },
    processor::{Closing, Processors},
    provider::scopes::Scopes,
    ring::registry::Registry,
    span::{SpanLimits, recording::Recording},
    stats::{Dropped, Stats},
    sync::{AtomicBool, AtomicU64, Mutex, Ordering},
};

#[derive(Debug)]
pub(crate) struct Shared {
    /// Unlike an address, never used again by a later provider.
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) limits: SpanLimits,
    pub(crate) sampler: Sampler,
    pub(crate) processors: Processors,
    pub(crate) resource: Arc<Resource>,
    pub(crate) registry: Registry,
    pub(crate) ring_bytes: usize,
    pub(crate) control: Control,
    pub(crate) lanes: OnceLock<Vec<Arc<LaneStats>>>,
    pub(crate) counts: Counts,
    closed: AtomicBool,
    /// Whether there never was a worker. Such a provider is closed from the start.
    disabled: bool,
    scopes: Mutex<Scopes>,
    fallback: Mutex<Option<Outlet>>,
}

/// What is counted at no ring and for no exporter.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Spans the worker took out of rings.
    pub(crate) drained: AtomicU64,
    /// Set when the worker has taken its last span: what is in a ring then stays there.
    pub(crate) sealed: AtomicBool,
    sampler_panics: AtomicU64,
    /// Spans that started or ended without a ring because the provider was closed.
    late_started: AtomicU64,
    late_ended: AtomicU64,
}

/// Who decides whether a span is recorded and sent.
#[derive(Debug)]
pub(crate) enum Sampler {
    /// `parentbased_always_on`, the specification's default, without a call through a trait.
    ParentOrAlways,
    Custom(Box<dyn ShouldSample>),
}

/// A span has its parent's tracestate, unless a sampler changes it.
pub(crate) fn trace_state_of(parent: Option<&SpanContext>) -> TraceState {
    parent
        .map(|parent| parent.trace_state().clone())
        .unwrap_or_default()
}

impl Shared {
    pub(crate) fn new(
        limits: SpanLimits,
        sampler: Sampler,
        processors: Processors,
        resource: Resource,
        ring_bytes: usize,
    ) -> Self {
        static NEXT_ID: atomic::AtomicU64 = atomic::AtomicU64::new(1);
        Self {
            // Relaxed: only uniqueness matters.
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            clock: Clock::new(),
            limits,
            sampler,
            processors,
            resource: Arc::new(resource),
            registry: Registry::default(),
            ring_bytes,
            control: Control::default(),
            lanes: OnceLock::new(),
            counts: Counts::default(),
            closed: AtomicBool::new(false),
            disabled: false,
            scopes: Mutex::default(),
            fallback: Mutex::new(None),
        }
    }

    /// What a provider has that records nothing and has no worker.
    pub(crate) fn disabled() -> Self {
        let mut shared = Self::new(
            SpanLimits::default(),
            Sampler::ParentOrAlways,
            Processors::new(Vec::new()),
            Resource::builder_empty().build(),
            0,
        );
        shared.closed = AtomicBool::new(true);
        shared.disabled = true;
        shared
    }

    /// Whether there is a processor or an exporter.
    pub(crate) fn has_audience(&self) -> bool {
        let lanes = self.lanes.get();
        !self.processors.is_empty() || lanes.is_some_and(|lanes| !lanes.is_empty())
    }

    /// Whether the provider is shut down, or about to be.
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. A span that misses it stays in its ring and is counted from there.
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn flush(self: &Arc<Self>, timeout: Duration) -> Result<(), FlushError> {
        if self.disabled {
            return Ok(());
        }
        let processors = Closing::begin(self, Request::Flush, timeout);
        let exported = self.control.call(Request::Flush, timeout);
        exported.and(processors.wait())
    }

    pub(crate) fn shutdown(self: &Arc<Self>, timeout: Duration) -> Result<(), ShutdownError> {
        if self.disabled {
            return Ok(());
        }
        // Relaxed: only who is first matters.
        if self.closed.swap(true, Ordering::Relaxed) {
            return Err(ShutdownError::AlreadyShutdown);
        }
        let processors = Closing::begin(self, Request::Shutdown, timeout);
        let exported = self.control.call(Request::Shutdown, timeout);
        // Whatever still hangs is given up now, so that every span is accounted for.
        for lane in self.lanes.get().into_iter().flatten() {
            lane.seal();
        }
        let closed = exported.and(processors.wait());
        closed.map_err(ShutdownError::Flush)
    }

    /// Counts a span as started on a thread that has no ring.
    pub(crate) fn start_elsewhere(&self) -> Option<Box<Recording>> {
        if self.is_closed() {
            // Relaxed: a statistic.
            self.counts.late_started.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.with_fallback(Outlet::start)
    }

    /// Ends a span on a thread that has no ring: its locals are gone, or the provider is closed.
    pub(crate) fn end_elsewhere(&self, recording: Box<Recording>, sampled: bool) {
        if self.is_closed() {
            // Release: pairs with the Acquire load in `stats`: who sees the end sees the start.
            self.counts.late_ended.fetch_add(1, Ordering::Release);
            return;
        }
        self.with_fallback(|outlet| outlet.end(recording, sampled));
    }

    /// Runs `use_outlet` with the ring that threads without locals share.
    fn with_fallback<T>(&self, use_outlet: impl FnOnce(&mut Outlet) -> T) -> T {
        let mut fallback = self.fallback.lock();
        // No spare recordings: each holds this, so none would ever be freed.
        use_outlet(fallback.get_or_insert_with(|| Outlet::new(self, 0)))
    }

    /// The place of a scope in the provider's list.
    pub(crate) fn scope_index(&self, scope: InstrumentationScope) -> u32 {
        self.scopes.lock().index(scope)
    }

    pub(crate) fn scopes(&self) -> Arc<[InstrumentationScope]> {
        self.scopes.lock().list()
    }

    /// Asks the sampler. One that panics costs the span, not the caller: it is not recorded.
    pub(crate) fn sample(
        &self,
        parent: Option<&SpanContext>,
        decide: impl FnOnce() -> SamplingResult,
    ) -> SamplingResult {
        catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|payload| {
            // What a panic carries may panic again when it is dropped.
            mem::forget(payload);
            // Relaxed: a statistic.
            self.counts.sampler_panics.fetch_add(1, Ordering::Relaxed);
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: trace_state_of(parent),
            }
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        // The order matters for a snapshot under load: later stages first, so that no span is
        // seen at a later stage without having been counted at the earlier ones. Each load of a
        // count is an Acquire that pairs with the Release of its updates; only the earliest stage,
        // the starts, needs none.
        let exporters: Vec<_> = self
            .lanes
            .get()
            .map(|lanes| lanes.iter().map(|lane| lane.snapshot()).collect())
            .unwrap_or_default();
        // Acquire: pairs with the worker's Release store, after its last update of `drained`.
        let sealed = self.counts.sealed.load(Ordering::Acquire);
        let drained = self.counts.drained.load(Ordering::Acquire);
        let late_ended = self.counts.late_ended.load(Ordering::Acquire);
        let totals = self.registry.totals();
        let late_started = self.counts.late_started.load(Ordering::Relaxed);
        let elsewhere =
            totals.not_sampled + totals.full + totals.oversized + totals.discarded + totals.late;
        let in_rings = totals.ended.saturating_sub(elsewhere + drained);
        Stats {
            started: totals.started + late_started,
            ended: totals.ended + late_ended,
            not_sampled: totals.not_sampled,
            dropped: Dropped {
                queue_full: totals.full,
                byte_budget: totals.oversized,
                discarded: totals.discarded,
                already_shutdown: totals.late + late_ended + if sealed { in_rings } else { 0 },
            },
            waiting: if sealed { 0 } else { in_rings },
            drained,
            sampler_panics: self.counts.sampler_panics.load(Ordering::Relaxed),
            processor_panics: self.processors.panics(),
            rings: self.registry.len() as u64,
            exporters,
        }
    }
}
