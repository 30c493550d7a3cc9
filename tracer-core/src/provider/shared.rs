//! What a provider, its tracers, its spans and its worker have in common.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{SpanBuilder, SpanContext, SpanKind, TraceId},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SamplingDecision, SamplingResult, ShouldSample},
};
use parking_lot::Mutex;

use crate::{
    clock::Clock,
    error::{FlushError, ShutdownError},
    local::Outlet,
    pipeline::{
        control::{Control, Request},
        lane::LaneStats,
    },
    ring::registry::Registry,
    span::SpanLimits,
    stats::{Dropped, Stats},
};

#[derive(Debug)]
pub(crate) struct Shared {
    /// Unlike an address, never used again by a later provider.
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) limits: SpanLimits,
    pub(crate) sampler: Sampler,
    pub(crate) resource: Arc<Resource>,
    pub(crate) registry: Registry,
    pub(crate) ring_bytes: usize,
    pub(crate) control: Control,
    pub(crate) lanes: OnceLock<Vec<Arc<LaneStats>>>,
    /// Spans that no exporter was there for, or that came too late for one.
    pub(crate) undelivered: Undelivered,
    closed: AtomicBool,
    scopes: Mutex<Arc<[InstrumentationScope]>>,
    fallback: Mutex<Option<Outlet>>,
}

/// What the worker counts itself.
#[derive(Debug, Default)]
pub(crate) struct Undelivered {
    /// Spans the worker took out of rings.
    pub(crate) drained: AtomicU64,
    /// Set when the worker has taken its last span: what is in a ring then stays there.
    pub(crate) sealed: AtomicBool,
    pub(crate) sampler_panics: AtomicU64,
}

/// Who decides whether a span is recorded and sent.
#[derive(Debug)]
pub(crate) enum Sampler {
    /// `parentbased_always_on`, the specification's default, without a call through a trait.
    ParentOrAlways,
    Custom(Box<dyn ShouldSample>),
}

impl Shared {
    pub(crate) fn new(
        limits: SpanLimits,
        sampler: Sampler,
        resource: Resource,
        ring_bytes: usize,
    ) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            // Relaxed: only uniqueness matters.
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            clock: Clock::new(),
            limits,
            sampler,
            resource: Arc::new(resource),
            registry: Registry::default(),
            ring_bytes,
            control: Control::default(),
            lanes: OnceLock::new(),
            undelivered: Undelivered::default(),
            closed: AtomicBool::new(false),
            scopes: Mutex::new(Arc::from([])),
            fallback: Mutex::new(None),
        }
    }

    /// Whether the provider is shut down, or about to be.
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. A span that misses it stays in its ring and is counted from there.
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), ShutdownError> {
        // Relaxed: only who is first matters.
        if self.closed.swap(true, Ordering::Relaxed) {
            return Err(ShutdownError::AlreadyShutdown);
        }
        match self.control.call(Request::Shutdown, timeout) {
            // No worker: it could not be started, or there is no exporter to send to.
            Ok(()) | Err(FlushError::AlreadyShutdown) => Ok(()),
            Err(error) => Err(ShutdownError::Flush(error)),
        }
    }

    /// Runs `use_outlet` with the ring that threads without locals share.
    pub(crate) fn with_fallback<T>(&self, use_outlet: impl FnOnce(&mut Outlet) -> T) -> T {
        let mut fallback = self.fallback.lock();
        use_outlet(fallback.get_or_insert_with(|| Outlet::new(self)))
    }

    /// The place of a scope in the provider's list. Equal scopes share one.
    pub(crate) fn scope_index(&self, scope: InstrumentationScope) -> u32 {
        let mut scopes = self.scopes.lock();
        let at = scopes.iter().position(|known| *known == scope);
        let at = at.unwrap_or_else(|| {
            *scopes = scopes.iter().cloned().chain([scope]).collect();
            scopes.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    pub(crate) fn scopes(&self) -> Arc<[InstrumentationScope]> {
        Arc::clone(&self.scopes.lock())
    }

    /// Asks the sampler. One that panics costs the span, not the caller: it is not recorded.
    pub(crate) fn sample(
        &self,
        parent: Option<&SpanContext>,
        parent_cx: &Context,
        trace_id: TraceId,
        builder: &SpanBuilder,
    ) -> SamplingResult {
        let sampler = match &self.sampler {
            Sampler::Custom(sampler) => sampler,
            Sampler::ParentOrAlways => {
                return SamplingResult {
                    decision: match parent {
                        Some(parent) if !parent.is_sampled() => SamplingDecision::Drop,
                        _ => SamplingDecision::RecordAndSample,
                    },
                    attributes: Vec::new(),
                    trace_state: parent
                        .map(|parent| parent.trace_state().clone())
                        .unwrap_or_default(),
                };
            }
        };
        let decide = || {
            sampler.should_sample(
                Some(parent_cx),
                trace_id,
                &builder.name,
                builder.span_kind.as_ref().unwrap_or(&SpanKind::Internal),
                builder.attributes.as_deref().unwrap_or_default(),
                builder.links.as_deref().unwrap_or_default(),
            )
        };
        catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|_| {
            // Relaxed: a statistic.
            self.undelivered
                .sampler_panics
                .fetch_add(1, Ordering::Relaxed);
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: parent
                    .map(|parent| parent.trace_state().clone())
                    .unwrap_or_default(),
            }
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        // The order matters for a snapshot under load: later stages first, so that no span is
        // seen at a later stage without having been counted at the earlier ones.
        let exporters: Vec<_> = self
            .lanes
            .get()
            .map(|lanes| lanes.iter().map(|lane| lane.snapshot()).collect())
            .unwrap_or_default();
        // Acquire: pairs with the worker's Release store, after its last update of `drained`.
        let sealed = self.undelivered.sealed.load(Ordering::Acquire);
        // Relaxed: a statistic.
        let drained = self.undelivered.drained.load(Ordering::Relaxed);
        let totals = self.registry.totals();
        let sampled = totals.ended - totals.not_sampled;
        let in_rings = sampled
            .saturating_sub(totals.full + totals.oversized + totals.late)
            .saturating_sub(drained);
        Stats {
            started: totals.started,
            ended: totals.ended,
            not_sampled: totals.not_sampled,
            dropped: Dropped {
                queue_full: totals.full,
                byte_budget: totals.oversized,
                already_shutdown: totals.late + if sealed { in_rings } else { 0 },
            },
            waiting: if sealed { 0 } else { in_rings },
            drained,
            sampler_panics: self.undelivered.sampler_panics.load(Ordering::Relaxed),
            rings: self.registry.len() as u64,
            exporters,
        }
    }
}
