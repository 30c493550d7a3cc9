//! What a provider, its tracers, its spans and its worker have in common.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak, atomic},
    time::Duration,
};

use opentelemetry::{InstrumentationScope, Key, trace::SpanContext};
use opentelemetry_sdk::{
    Resource,
    trace::{SamplingDecision, SamplingResult, ShouldSample},
};

use super::{
    Engine,
    scope_table::ScopeTable,
    scopes::Scopes,
    shutdown_report::{report_late_start, report_shutdown},
};
use crate::{
    clock::Clock,
    diagnostics::{self, report},
    error::{ConfigError, FlushError, ShutdownError},
    exporter::SpanExporter,
    foreign::isolated,
    fork::{self, PerProcess},
    ids::CustomIds,
    live::LiveView,
    pipeline::{
        BatchConfig,
        control::{Request, works_for},
    },
    processor::{Passes, Processors, SpanProcessor},
    resource,
    span::{SpanLimits, over_limit::Limits},
    stats::Stats,
    sync::{AtomicBool, Ordering},
};

/// What is the same for the whole life of a provider, and what forked children take over.
pub(crate) struct Shared {
    /// Unlike an address, never used again by a later provider.
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) sampler: Sampler,
    /// `None` for random ids.
    pub(crate) custom_ids: Option<CustomIds>,
    pub(crate) processors: Processors,
    /// Whether starts are counted by kind.
    pub(crate) is_metered: bool,
    /// Whether a native span that is entered is the active one of `Context`.
    pub(crate) context_activation: bool,
    /// Who lists the running spans. Its watcher is the last of the processors.
    pub(crate) live: Option<LiveView>,
    resource: PerProcess<Resource>,
    pub(crate) batch: BatchConfig,
    /// Those that the provider was built with, for the children; the lanes own them.
    pub(super) exporters: Vec<Weak<dyn SpanExporter>>,
    engine: PerProcess<Engine>,
    closed: AtomicBool,
    /// Whether no span has started after the shutdown yet, so that the next one is logged.
    must_report_late_start: AtomicBool,
    /// The last clone of the provider is gone; threads and spans still hold this.
    abandoned: AtomicBool,
    /// Whether there never was a worker. Such a provider is closed from the start.
    disabled: bool,
    /// Locked when undisturbed only: a child goes on with the same scopes.
    scopes: Mutex<Scopes>,
    /// The same by their places, without a lock.
    scope_table: ScopeTable,
}

/// Who decides whether a span is recorded and sent.
#[derive(Debug)]
pub(crate) enum Sampler {
    /// `parentbased_always_on`, the specification's default, without a call through a trait.
    ParentOrAlways,
    Custom(Box<dyn ShouldSample>),
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counts only: a resource and scopes may hold secrets.
        f.debug_struct("Shared")
            .field("id", &self.id)
            .field("exporters", &self.exporters.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        limits: SpanLimits,
        sampler: Sampler,
        custom_ids: Option<CustomIds>,
        processors: Vec<Box<dyn SpanProcessor>>,
        resource: Resource,
        batch: BatchConfig,
        exporters: &[(&'static str, Arc<dyn SpanExporter>)],
    ) -> Self {
        static NEXT_ID: atomic::AtomicU64 = atomic::AtomicU64::new(1);
        let component_types = exporters.iter().map(|(component_type, _)| *component_type);
        // Relaxed: only uniqueness matters.
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            clock: Clock::new(),
            limits: limits.into(),
            sampler,
            custom_ids,
            processors: Processors::new(id, processors),
            is_metered: false,
            context_activation: false,
            live: None,
            resource: PerProcess::new(resource),
            engine: PerProcess::new(Engine::new(component_types, &batch)),
            batch,
            exporters: exporters
                .iter()
                .map(|(_, exporter)| Arc::downgrade(exporter))
                .collect(),
            closed: AtomicBool::new(false),
            must_report_late_start: AtomicBool::new(true),
            abandoned: AtomicBool::new(false),
            disabled: false,
            scopes: Mutex::default(),
            scope_table: ScopeTable::new(),
        }
    }

    /// What a provider has that records nothing and has no worker.
    pub(crate) fn disabled() -> Self {
        let mut shared = Self::new(
            SpanLimits::default(),
            Sampler::ParentOrAlways,
            None,
            Vec::new(),
            Resource::builder_empty().build(),
            BatchConfig::default(),
            &[],
        );
        shared.closed = AtomicBool::new(true);
        shared.must_report_late_start = AtomicBool::new(false);
        shared.disabled = true;
        shared
    }

    /// What the spans of this process describe.
    pub(crate) fn resource(&self) -> Arc<Resource> {
        self.resource.get(resource::in_child)
    }

    /// `service.name` of the resource.
    pub(crate) fn service_name(&self) -> String {
        let name = self.resource().get(&Key::from_static_str("service.name"));
        name.map_or_else(|| "unknown_service".to_owned(), |name| name.to_string())
    }

    /// The moving parts, those of this process.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.engine.get(|parents| {
            self.processors.forget_panics();
            if let Some(ids) = &self.custom_ids {
                ids.forget_failures();
            }
            self.limits.forget();
            parents.renewed(&self.batch)
        })
    }

    /// The same, with a worker that takes what is put into rings.
    pub(crate) fn running_engine(self: &Arc<Self>) -> Arc<Engine> {
        let engine = self.engine();
        engine.start_in_child(self);
        engine
    }

    /// Whether nobody sees a span at its start: no sampler, id generator, processor and no meter.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.sampler, Sampler::ParentOrAlways)
            && self.custom_ids.is_none()
            && self.processors.is_empty()
            && !self.is_metered
    }

    /// Whether there is a processor or an exporter.
    pub(crate) fn has_audience(&self) -> bool {
        !self.processors.is_empty() || !self.exporters.is_empty()
    }

    /// Whether there is a processor beside the live view's.
    pub(crate) fn has_foreign_processors(&self) -> bool {
        self.processors.len() > usize::from(self.live.is_some())
    }

    /// Whether the provider is shut down, or about to be.
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: a hint. A span that misses it stays in its ring and is counted from there.
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether the next span that starts after the shutdown is the first one, which is logged.
    #[inline]
    pub(crate) fn must_report_late_start(&self) -> bool {
        // Relaxed: a hint.
        self.must_report_late_start.load(Ordering::Relaxed)
    }

    /// Logs that a span was started after the shutdown, unless that was logged before.
    #[cold]
    pub(crate) fn report_late_start(&self) {
        // Relaxed: only who is first matters.
        if self.must_report_late_start.swap(false, Ordering::Relaxed) {
            report_late_start();
        }
    }

    /// Nobody asks for the counts any more.
    pub(super) fn abandon(&self) {
        // Relaxed: as above.
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        // Relaxed: as above.
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(crate) fn flush(self: &Arc<Self>, timeout: Duration) -> Result<(), FlushError> {
        diagnostics::deliver_pending();
        if self.disabled {
            return Ok(());
        }
        if works_for(self.id) {
            return Err(FlushError::InsideExporter);
        }
        let engine = self.engine();
        let processors = Passes::begin(self, &engine, Request::Flush, timeout);
        let exported = if engine.is_started() {
            engine.control.call(Request::Flush, timeout)
        } else if self.is_closed() {
            Err(FlushError::AlreadyShutdown)
        } else {
            // A forked child that has made no spans.
            Ok(())
        };
        exported.and(processors.wait())
    }

    pub(crate) fn shutdown(self: &Arc<Self>, timeout: Duration) -> Result<(), ShutdownError> {
        diagnostics::deliver_pending();
        if self.disabled {
            return Ok(());
        }
        // Relaxed: only who is first matters.
        if self.closed.swap(true, Ordering::Relaxed) {
            return Err(ShutdownError::AlreadyShutdown);
        }
        let engine = self.engine();
        let processors = Passes::begin(self, &engine, Request::Shutdown, timeout);
        if works_for(self.id) {
            // Goes on without the caller. If nobody takes it, the worker has ended by itself.
            let _ = engine.control.post(Request::Shutdown, timeout);
            return Err(ShutdownError::Flush(FlushError::InsideExporter));
        }
        let exported = if engine.close_idle() {
            Ok(())
        } else {
            engine.control.call(Request::Shutdown, timeout)
        };
        // Whatever still hangs is given up now, so that every span is accounted for.
        engine.seal();
        let closed = exported.and(processors.wait());
        report_shutdown(&self.stats(), &closed);
        diagnostics::deliver_pending();
        closed.map_err(ShutdownError::Flush)
    }

    /// Closes a provider in a forked child that has no thread for its worker.
    pub(super) fn give_up(&self, engine: &Engine, error: &ConfigError) {
        // Relaxed: as in `is_closed`.
        self.closed.store(true, Ordering::Relaxed);
        engine.close();
        tell_given_up(error);
    }

    /// Counts a span of the parent process that ended in this one.
    #[cold]
    pub(crate) fn count_forked(&self) {
        // Release: pairs with the Acquire load in `stats`, as every end.
        self.engine().counts.forked.fetch_add(1, Ordering::Release);
    }

    /// The place of a scope in the provider's list.
    pub(crate) fn scope_index(&self, scope: InstrumentationScope) -> u32 {
        let _undisturbed = fork::undisturbed();
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.index(scope, &self.scope_table)
    }

    /// The scope at a place. Takes no lock.
    pub(crate) fn scope(&self, place: usize) -> Option<&InstrumentationScope> {
        self.scope_table.get(place)
    }

    pub(crate) fn scopes(&self) -> Arc<[InstrumentationScope]> {
        let _undisturbed = fork::undisturbed();
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.list()
    }

    /// Asks the sampler. One that panics costs the span, not the caller: it is not recorded.
    pub(crate) fn sample(
        &self,
        parent: Option<&SpanContext>,
        decide: impl FnOnce() -> SamplingResult,
    ) -> SamplingResult {
        isolated(decide).unwrap_or_else(|| {
            // Relaxed: a statistic.
            let counts = &self.engine().counts;
            counts.sampler_panics.fetch_add(1, Ordering::Relaxed);
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
        let stats = self.engine().stats();
        Stats {
            processor_panics: self.processors.panics(),
            over_limit: self.limits.over_limit(),
            id_failures: self.custom_ids.as_ref().map_or(0, CustomIds::failures),
            ..stats
        }
    }
}

fn tell_given_up(error: &ConfigError) {
    let error = error.to_string();
    report(move || {
        tracing::warn!(target: "tracer_core", %error, "this forked process exports no spans");
    });
}
