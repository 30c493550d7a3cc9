//! The part of a provider that its tracers, spans and threads share.
//!
//! # Files that refer to each other
//! Five files refer to each other, because a span calls processors, which get the span as an
//! argument:
//!
//! - `span/mod.rs` and `span/recording.rs`: a span, and its contents;
//! - `processor.rs`: the processors, which get a span as an argument;
//! - `provider_core/mod.rs`: owns the processors; every recording refers to it;
//! - `thread_state.rs`: pools the recordings of a thread, and ends them through the thread's rings.
//!
//! The modules below these files do not use them, and these files use no module above them.

mod scope_table;
mod scopes;
mod shutdown_report;

use std::{
    fmt,
    sync::{Arc, atomic},
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::{InstrumentationScope, Key, trace::SpanContext};
use opentelemetry_sdk::{
    Resource,
    trace::{SamplingDecision, SamplingResult, ShouldSample},
};

use self::{
    scope_table::ScopeTable,
    scopes::Scopes,
    shutdown_report::{report_late_start, report_shutdown},
};
use crate::{
    clock::Clock,
    diagnostics,
    error::{FlushError, ShutdownError},
    exporter::SpanExporter,
    fork::{ForkMutex, PerProcess},
    ids::CustomIds,
    panic_guard::catch_panic,
    pipeline::{
        BatchConfig, Host, Pipeline, PipelineOwner, PipelineState,
        control::{LONGEST, Request},
        thread,
    },
    processor::{ProcessorFlush, Processors, SpanProcessor},
    record::{SpanLimits, limit_counters::Limits},
    resource,
    span::live_observer::LiveObserver,
    stats::{ProviderCounts, Stats},
    sync::{AtomicBool, AtomicU64, Ordering},
};

/// The parts of a new [`ProviderCore`].
pub(crate) struct ProviderParts<'a> {
    pub(crate) batch: BatchConfig,
    pub(crate) clock: Option<Clock>,
    pub(crate) context_activation: bool,
    pub(crate) custom_ids: Option<CustomIds>,
    /// The exporters and their component types.
    pub(crate) exporters: &'a [(&'static str, Arc<dyn SpanExporter>)],
    pub(crate) is_metered: bool,
    pub(crate) limits: SpanLimits,
    pub(crate) live: Option<Arc<dyn LiveObserver>>,
    pub(crate) processors: Vec<Box<dyn SpanProcessor>>,
    pub(crate) resource: Resource,
    pub(crate) sampler: Sampler,
}

/// The configuration of a provider, its pipeline, and its state for its whole life. A forked child
/// continues to use it.
pub(crate) struct ProviderCore {
    /// The id is never reused by a later provider, unlike an address.
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) sampler: Sampler,
    /// `None` for random ids.
    pub(crate) custom_ids: Option<CustomIds>,
    pub(crate) processors: Processors,
    /// True if starts are counted by class.
    pub(crate) is_metered: bool,
    /// True if a native span that is entered becomes the active span of `Context`.
    pub(crate) context_activation: bool,
    /// The observer that lists the open spans. It is also the last of the processors.
    pub(crate) live: Option<Arc<dyn LiveObserver>>,
    pipeline: Pipeline,
    resource: PerProcess<Resource>,
    sampler_panics: AtomicU64,
    /// True until the first start after the shutdown, which is logged.
    must_report_late_start: AtomicBool,
    /// True if the last clone of the provider is gone. Threads and spans may still hold this core.
    abandoned: AtomicBool,
    /// True if the provider records nothing and has no worker. Such a provider is closed from the
    /// start.
    disabled: bool,
    scopes: ForkMutex<Scopes>,
    /// The same scopes by position. They are read without a lock.
    scope_table: ScopeTable,
}

/// The sampler of a provider.
#[derive(Debug)]
pub(crate) enum Sampler {
    /// `parentbased_always_on`, the specification's default, without a call through a trait.
    ParentBasedAlwaysOn,
    Custom(Box<dyn ShouldSample>),
}

impl fmt::Debug for ProviderCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counts only, because a resource and scopes may hold secrets.
        f.debug_struct("ProviderCore")
            .field("id", &self.id)
            .field("exporters", &self.pipeline.exporters())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl ProviderCore {
    pub(crate) fn new(parts: ProviderParts<'_>) -> Self {
        static NEXT_ID: atomic::AtomicU64 = atomic::AtomicU64::new(1);
        // Relaxed: only uniqueness matters.
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            clock: parts.clock.unwrap_or_else(Clock::new),
            limits: parts.limits.into(),
            sampler: parts.sampler,
            custom_ids: parts.custom_ids,
            processors: Processors::new(id, parts.processors),
            is_metered: parts.is_metered,
            context_activation: parts.context_activation,
            live: parts.live,
            pipeline: Pipeline::new(id, parts.batch, parts.exporters),
            resource: PerProcess::new(parts.resource),
            sampler_panics: AtomicU64::new(0),
            must_report_late_start: AtomicBool::new(true),
            abandoned: AtomicBool::new(false),
            disabled: false,
            scopes: ForkMutex::default(),
            scope_table: ScopeTable::new(),
        }
    }

    /// Returns the core of a provider that records nothing and starts no thread.
    pub(crate) fn disabled() -> Self {
        let core = Self::new(ProviderParts {
            batch: BatchConfig::default(),
            clock: None,
            context_activation: false,
            custom_ids: None,
            exporters: &[],
            is_metered: false,
            limits: SpanLimits::default(),
            live: None,
            processors: Vec::new(),
            resource: Resource::builder_empty().build(),
            sampler: Sampler::ParentBasedAlwaysOn,
        });
        core.pipeline.begin_shutdown();
        Self {
            must_report_late_start: AtomicBool::new(false),
            disabled: true,
            ..core
        }
    }

    /// Returns `service.name` of the resource.
    pub(crate) fn service_name(&self) -> String {
        let name = self.resource().get(&Key::from_static_str("service.name"));
        name.map_or_else(|| "unknown_service".to_owned(), |name| name.to_string())
    }

    /// Returns the state of the pipeline in this process.
    pub(crate) fn pipeline_state(&self) -> Arc<PipelineState> {
        self.pipeline.state(self)
    }

    /// Returns whether no user code and no counter is involved when a span starts. Then there is no
    /// custom sampler, id generator, processor or meter.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.sampler, Sampler::ParentBasedAlwaysOn)
            && self.custom_ids.is_none()
            && self.processors.is_empty()
            && !self.is_metered
    }

    /// Returns whether there is a processor or an exporter.
    pub(crate) fn has_consumers(&self) -> bool {
        !self.processors.is_empty() || self.pipeline.exporters() > 0
    }

    /// Returns whether the application has a processor. The live view's processor does not count.
    pub(crate) fn has_user_processors(&self) -> bool {
        self.processors.len() > usize::from(self.live.is_some())
    }

    /// Returns whether the provider is shut down, or about to be.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.pipeline.is_closed()
    }

    /// Returns whether the next start of a span after the shutdown has to be logged.
    #[inline]
    pub(crate) fn must_report_late_start(&self) -> bool {
        // Relaxed: a hint.
        self.must_report_late_start.load(Ordering::Relaxed)
    }

    /// Logs that a span was started after the shutdown, unless that was logged before.
    #[cold]
    pub(crate) fn report_late_start(&self) {
        // Relaxed: it only matters which caller is first.
        if self.must_report_late_start.swap(false, Ordering::Relaxed) {
            report_late_start();
        }
    }

    /// Marks that the last clone of the provider is gone.
    pub(crate) fn abandon(&self) {
        // Relaxed: a hint.
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Returns whether the last clone of the provider is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        // Relaxed: a hint.
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Flushes processors and exporters at the same time.
    pub(crate) fn flush(self: &Arc<Self>, timeout: Duration) -> Result<(), FlushError> {
        diagnostics::deliver_pending();
        if self.disabled {
            return Ok(());
        }
        if self.pipeline.is_own_thread() {
            return Err(FlushError::InsideExporter);
        }
        let processors = self.flush_processors(Request::Flush, timeout);
        let exported = self.pipeline.flush(&**self, timeout);
        exported.and(processors.wait())
    }

    /// Shuts down processors and exporters, and logs which spans were lost.
    pub(crate) fn shutdown(self: &Arc<Self>, timeout: Duration) -> Result<(), ShutdownError> {
        diagnostics::deliver_pending();
        if self.disabled {
            return Ok(());
        }
        if !self.pipeline.begin_shutdown() {
            return Err(ShutdownError::AlreadyShutdown);
        }
        let processors = self.flush_processors(Request::Shutdown, timeout);
        let exported = self.pipeline.finish_shutdown(&**self, timeout);
        if exported == Err(FlushError::InsideExporter) {
            return Err(ShutdownError::Flush(FlushError::InsideExporter));
        }
        let closed = exported.and(processors.wait());
        report_shutdown(&self.stats(), &closed);
        diagnostics::deliver_pending();
        closed.map_err(ShutdownError::Flush)
    }

    /// Starts a flush or shutdown of the processors on their own thread.
    ///
    /// Inside a callback of this provider the caller must not wait, because it would wait for
    /// itself. There a flush is skipped, and a shutdown continues without the caller.
    fn flush_processors(self: &Arc<Self>, request: Request, timeout: Duration) -> ProcessorFlush {
        let deadline = Instant::now() + timeout.min(LONGEST);
        let is_inside = self.processors.are_running();
        if self.processors.is_empty() || (is_inside && request == Request::Flush) {
            return ProcessorFlush::nothing(deadline);
        }
        let flusher = self.processors.flusher();
        let (core, running) = (Arc::clone(self), Arc::clone(&flusher));
        let flush = flusher.request(request, deadline, || {
            // The thread works for no provider, so that a flush on it reaches the exporters.
            thread::spawn("tracer-processor", None, move || {
                running.run(|request, deadline| core.processors.close_out(request, deadline));
            })
        });
        if is_inside {
            return ProcessorFlush::nothing(deadline);
        }
        flush
    }

    /// Counts a span that started in the parent process and ended in this one.
    #[cold]
    pub(crate) fn count_forked(&self) {
        self.pipeline_state().count_forked();
    }

    /// Returns the position of a scope, which never changes.
    pub(crate) fn scope_index(&self, scope: InstrumentationScope) -> u32 {
        self.scopes.lock().index(scope, &self.scope_table)
    }

    /// Returns the scope at a position. Takes no lock.
    pub(crate) fn scope(&self, index: usize) -> Option<&InstrumentationScope> {
        self.scope_table.get(index)
    }

    /// Calls the sampler. If it panics, the span is not recorded.
    pub(crate) fn sample(
        &self,
        parent: Option<&SpanContext>,
        decide: impl FnOnce() -> SamplingResult,
    ) -> SamplingResult {
        catch_panic(decide).unwrap_or_else(|| {
            // Called first, because a forked child resets its counters there.
            self.pipeline_state();
            // Relaxed: a statistic.
            self.sampler_panics.fetch_add(1, Ordering::Relaxed);
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: Vec::new(),
                trace_state: parent
                    .map(|parent| parent.trace_state().clone())
                    .unwrap_or_default(),
            }
        })
    }

    /// Takes a snapshot of all counters.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.pipeline_state();
        state.stats(ProviderCounts {
            // Relaxed: a statistic.
            sampler_panics: self.sampler_panics.load(Ordering::Relaxed),
            processor_panics: self.processors.panics(),
            id_failures: self.custom_ids.as_ref().map_or(0, CustomIds::failures),
            over_limit: self.limits.over_limit(),
        })
    }
}

impl PipelineOwner for ProviderCore {
    fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl Host for ProviderCore {
    fn resource(&self) -> Arc<Resource> {
        self.resource.get(resource::in_child)
    }

    fn scopes(&self) -> Arc<[InstrumentationScope]> {
        self.scopes.lock().list()
    }

    fn adjust_clock(&self) {
        self.clock.follow(SystemTime::now);
    }

    fn report_limits(&self, is_last: bool) {
        self.limits.report(is_last);
    }

    fn reset_counters(&self) {
        // Relaxed: a statistic.
        self.sampler_panics.store(0, Ordering::Relaxed);
        self.processors.reset_panics();
        if let Some(ids) = &self.custom_ids {
            ids.forget_failures();
        }
        self.limits.reset();
    }
}
