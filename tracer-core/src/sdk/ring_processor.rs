//! The rings and exporters of this crate, behind the SDK's own provider.

use std::{
    cell::RefCell,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{SpanContext, SpanId, TraceState},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span as SdkSpan, SpanData, SpanProcessor as SdkSpanProcessor},
};

use super::to_sdk;
use crate::{
    clock::{Anchor, unix_nanos},
    diagnostics::report,
    error::{ConfigError, FlushError, ShutdownError},
    exporter::SpanExporter,
    pipeline::BatchConfig,
    provider::{TracerProvider, TracerProviderBuilder},
    provider_core::ProviderCore,
    record::{SpanLimits, kind::otlp_kind},
    span::recording::{Recording, SpanStart},
    stats::Stats,
    sync::Mutex,
    thread_state,
};

/// The timeout of a flush. The SDK's call has no timeout argument.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// How many scopes a thread remembers, which is enough for most processes.
const REMEMBERED_SCOPES: usize = 16;

/// A span processor for the stock SDK. It replaces `BatchSpanProcessor`, and exports spans through
/// the rings and exporters of this crate.
///
/// The thread that ends a span takes no lock and wakes no other thread. Lost spans are counted by
/// reason in [`stats`](Self::stats). Exporters have their own queues, retries and timeouts, and
/// `force_flush` reaches them. Spans that are not sampled are not exported. The SDK keeps both
/// values of an attribute that was set twice. Such an attribute is exported once, with the last
/// value, as the specification demands of every exporter.
///
/// A clone refers to the same processor; keep one to read the statistics. The exporters start when
/// the provider is built, and receive its resource. If a second provider is built with a clone, its
/// spans are exported with the resource of the first.
///
/// A flush waits at most 30 s, and a shutdown waits at most for its timeout. A shutdown before the
/// provider is built keeps the exporters from starting. Dropping the last clone without a shutdown
/// waits at most 5 s for the spans to be sent.
///
/// # Cost
/// Each span is encoded and copied once, and the SDK's span is freed on the thread that ends it. On
/// that thread, this costs more than the SDK's own processor, which passes the span to its own
/// thread and does the work there. Starting spans and setting attributes cost the same as with the
/// SDK; [`TracerProvider`] costs less.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
/// use tracer_core::{BatchConfig, sdk::{RingProcessor, SdkExporter}};
///
/// let memory = InMemorySpanExporter::default();
/// let exporter = SdkExporter::new(memory.clone());
/// let rings = RingProcessor::new(vec![Box::new(exporter)], BatchConfig::default())?;
/// let provider = SdkTracerProvider::builder().with_span_processor(rings.clone()).build();
/// provider.tracer("shop").start("checkout");
/// provider.force_flush()?;
/// assert_eq!(memory.get_finished_spans()?[0].name, "checkout");
/// assert_eq!(rings.stats().exporters[0].exported, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RingProcessor {
    inner: Arc<Inner>,
}

struct Inner {
    /// The configuration, until the exporters are started.
    plan: Mutex<Option<TracerProviderBuilder>>,
    /// Not set before the start. `None` if the start failed, or if a shutdown came first.
    provider: OnceLock<Option<TracerProvider>>,
    /// Spans that ended while no exporter was running.
    lost: AtomicU64,
}

impl RingProcessor {
    /// Creates a processor that sends every span to all exporters.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if a number is out of range. Threads are started later, when the
    /// provider is built. If that fails, it is logged once as an error of `tracing`, and every span
    /// is counted as [`already_shutdown`](crate::Dropped::already_shutdown), because no exporter
    /// runs.
    pub fn new(
        exporters: Vec<Box<dyn SpanExporter>>,
        config: BatchConfig,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let plan = TracerProvider::builder()
            .batch_config(config)
            .span_limits(unlimited());
        let plan = exporters
            .into_iter()
            .fold(plan, TracerProviderBuilder::boxed_exporter);
        Ok(Self {
            inner: Arc::new(Inner {
                plan: Mutex::new(Some(plan)),
                provider: OnceLock::new(),
                lost: AtomicU64::new(0),
            }),
        })
    }

    /// Returns the counters of all spans so far. They are zero before the provider of the SDK is
    /// built.
    pub fn stats(&self) -> Stats {
        if let Some(provider) = self.provider() {
            return provider.stats();
        }
        // Relaxed: a statistic.
        let lost = self.inner.lost.load(Ordering::Relaxed);
        let mut stats = Stats::default();
        (stats.started, stats.ended) = (lost, lost);
        stats.dropped.already_shutdown = lost;
        stats
    }

    fn provider(&self) -> Option<&TracerProvider> {
        self.inner.provider.get()?.as_ref()
    }

    #[cold]
    fn start(&self, resource: Resource) -> Option<&TracerProvider> {
        let start = || {
            let plan = self.inner.plan.lock().take()?;
            plan.resource(resource)
                .build()
                .inspect_err(|error| {
                    let error = error.to_string();
                    report(move || {
                        tracing::error!(
                            target: "tracer_core", %error,
                            "the provider cannot be started, so spans are not exported"
                        );
                    });
                })
                .ok()
        };
        self.inner.provider.get_or_init(start).as_ref()
    }
}

impl SdkSpanProcessor for RingProcessor {
    fn on_start(&self, _span: &mut SdkSpan, _parent: &Context) {}

    fn on_end(&self, span: SpanData) {
        let started = self.provider();
        let Some(provider) = started.or_else(|| self.start(Resource::builder().build())) else {
            // Relaxed: a statistic.
            self.inner.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let core = provider.core();
        let mut recording = thread_state::start(core);
        recording.context_mut().clone_from(&span.span_context);
        if span.span_context.is_sampled() {
            encode(
                &span,
                scope_index(core, &span.instrumentation_scope),
                &mut recording,
            );
        }
        thread_state::end(&mut recording);
        thread_state::keep_spare(recording);
    }

    fn force_flush(&self) -> OTelSdkResult {
        let flushed = self
            .provider()
            .map_or(Ok(()), |provider| provider.force_flush(FLUSH_TIMEOUT));
        to_sdk(flushed, FLUSH_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        // A later start finds the cell set; a start in progress is waited for.
        let started = self.inner.provider.get_or_init(|| {
            let plan = self.inner.plan.lock().take();
            // Dropping the exporters runs user code, so it is done without the lock.
            drop(plan);
            None
        });
        let closed = match started.as_ref().map(|provider| provider.shutdown(timeout)) {
            Some(Err(ShutdownError::AlreadyShutdown)) => Err(FlushError::AlreadyShutdown),
            Some(Err(ShutdownError::Flush(error))) => Err(error),
            Some(Ok(())) | None => Ok(()),
        };
        to_sdk(closed, timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.start(resource.clone());
    }
}

impl fmt::Debug for RingProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingProcessor").finish_non_exhaustive()
    }
}

/// Returns limits that drop nothing, because the SDK has already applied its own.
fn unlimited() -> SpanLimits {
    SpanLimits::default()
        .max_attributes(u32::MAX)
        .max_events(u32::MAX)
        .max_links(u32::MAX)
        .max_attributes_per_event(u32::MAX)
        .max_attributes_per_link(u32::MAX)
        .max_value_length(usize::MAX)
}

fn encode(span: &SpanData, scope: u32, recording: &mut Recording) {
    let context = &span.span_context;
    let parent = SpanContext::new(
        context.trace_id(),
        span.parent_span_id,
        context.trace_flags(),
        span.parent_span_is_remote,
        TraceState::NONE,
    );
    recording.begin(&SpanStart {
        parent: (span.parent_span_id != SpanId::INVALID).then_some(&parent),
        scope,
        kind: otlp_kind(Some(&span.span_kind)),
        name: &span.name,
        start_unix_nanos: unix_nanos(span.start_time),
        anchor: Anchor::default(),
    });
    for attribute in &span.attributes {
        recording.set_attribute(attribute);
    }
    for event in &span.events.events {
        let at = unix_nanos(event.timestamp);
        let dropped = event.dropped_attributes_count;
        recording.add_event(&event.name, at, &event.attributes, dropped);
    }
    for link in &span.links.links {
        let dropped = link.dropped_attributes_count;
        recording.add_link(&link.span_context, &link.attributes, dropped);
    }
    recording.add_dropped(
        span.dropped_attributes_count,
        span.events.dropped_count,
        span.links.dropped_count,
    );
    recording.set_status(span.status.clone());
    // The SDK uses the wall clock, which may have been set back.
    recording.set_end(unix_nanos(span.end_time));
}

thread_local! {
    /// The scopes that this thread used last, with the id of their provider and their position.
    static SCOPES: RefCell<Vec<(u64, InstrumentationScope, u32)>> =
        const { RefCell::new(Vec::new()) };
}

/// Returns the position of a scope. The thread remembers it, because the provider takes a lock.
fn scope_index(provider: &ProviderCore, scope: &InstrumentationScope) -> u32 {
    let known = SCOPES.try_with(|scopes| {
        let scopes = scopes.borrow();
        let mut known = scopes.iter();
        let (_, _, index) = known.find(|(id, known, _)| *id == provider.id && known == scope)?;
        Some(*index)
    });
    if let Ok(Some(index)) = known {
        return index;
    }
    let index = provider.scope_index(scope.clone());
    // Without the thread's locals, the scope cannot be remembered.
    let _ = SCOPES.try_with(|scopes| {
        let mut scopes = scopes.borrow_mut();
        scopes.truncate(REMEMBERED_SCOPES - 1);
        scopes.insert(0, (provider.id, scope.clone(), index));
    });
    index
}
