//! The builder of a provider.

use std::{fmt, sync::Arc};

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, ShouldSample},
};

use super::TracerProvider;
use crate::{
    clock::Clock,
    env::Env,
    error::ConfigError,
    exporter::SpanExporter,
    fork,
    ids::{self, CustomIds, TraceIdRandomness},
    live::{LiveProcessor, LiveView},
    metrics,
    panic_guard::catch_panic,
    pipeline::{BatchConfig, Pipeline, lifecycle::start_worker, worker::Worker},
    processor::SpanProcessor,
    provider_core::{ProviderCore, ProviderParts, Sampler},
    record::SpanLimits,
    resource, thread_state,
};

/// A builder for a [`TracerProvider`].
#[derive(Default)]
pub struct TracerProviderBuilder {
    resource: Option<Resource>,
    sampler: Option<Box<dyn ShouldSample>>,
    custom_ids: Option<CustomIds>,
    limits: SpanLimits,
    batch: BatchConfig,
    processors: Vec<Box<dyn SpanProcessor>>,
    exporters: Vec<Box<dyn SpanExporter>>,
    meter: Option<Meter>,
    live: Option<LiveView>,
    context_activation: bool,
    disabled: bool,
    /// Only tests set it. `None` means the system clock.
    pub(crate) clock: Option<Clock>,
}

impl fmt::Debug for TracerProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counts only, because a resource may hold secrets.
        f.debug_struct("TracerProviderBuilder")
            .field("processors", &self.processors.len())
            .field("exporters", &self.exporters.len())
            .field("limits", &self.limits)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl TracerProvider {
    /// Returns a builder with the specification's defaults and no exporter.
    pub fn builder() -> TracerProviderBuilder {
        TracerProviderBuilder::default()
    }
}

impl TracerProviderBuilder {
    /// Sets the resource of the spans. Default: [`resource::from_env`] of the process environment.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Sets the sampler, which decides whether a span is recorded and exported. Default:
    /// `parentbased_always_on`, which samples every root and every span whose parent is sampled. If
    /// the sampler panics, the span is not recorded, and the panic is counted.
    #[must_use]
    pub fn sampler(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.sampler = Some(sampler.into());
        self
    }

    /// Sets the generator of ids. Default: random ids, which need no lock and set the W3C `random`
    /// flag on roots. If the generator panics or returns zero, the span gets random ids, and the
    /// failure is counted.
    #[must_use]
    pub fn id_generator(
        mut self,
        generator: impl IdGenerator + 'static,
        randomness: TraceIdRandomness,
    ) -> Self {
        self.custom_ids = Some(CustomIds::new(Box::new(generator), randomness));
        self
    }

    /// Sets the limits of one span.
    #[must_use]
    pub fn span_limits(mut self, limits: SpanLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how spans are batched and queued, for every exporter.
    #[must_use]
    pub fn batch_config(mut self, config: BatchConfig) -> Self {
        self.batch = config;
        self
    }

    /// Adds a processor. Processors are called in the order in which they are added.
    #[must_use]
    pub fn processor(mut self, processor: impl SpanProcessor) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Adds an exporter. Each exporter gets every span, through its own queue and on its own
    /// thread.
    #[must_use]
    pub fn exporter(self, exporter: impl SpanExporter) -> Self {
        self.boxed_exporter(Box::new(exporter))
    }

    /// Adds an exporter that is chosen at run time.
    #[must_use]
    pub fn boxed_exporter(mut self, exporter: Box<dyn SpanExporter>) -> Self {
        self.exporters.push(exporter);
        self
    }

    /// Reports the eight `otel.sdk.*` metrics of the semantic conventions about spans, their
    /// processor and their exporters (otel/sdk-metrics.md). Default: none are reported.
    ///
    /// Each exporter is reported as a pair of components, `batching_span_processor/<n>` and
    /// `<its type>/<n>`, numbered within the process. The queue of a processor holds the spans that
    /// wait for the exporter. They wait in the threads' rings, and in the queue whose capacity is
    /// [`BatchConfig::max_queue_size`]. The values of `error.type` are the reasons of
    /// [`Stats`](crate::Stats), and `rejected`.
    ///
    /// The instruments read the provider's counters while the provider exists, so keep it until the
    /// metrics are collected for the last time. Two providers should not share one `MeterProvider`,
    /// because nothing in `otel.sdk.span.*` distinguishes them. A forked child reports nothing.
    ///
    /// # Cost
    /// One update of a counter of the thread at the start of every span. The other counters are
    /// read when the metrics are collected.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry_sdk::metrics::SdkMeterProvider;
    ///
    /// let meters = SdkMeterProvider::builder().build();
    /// let provider = tracer_core::TracerProvider::builder()
    ///     .meter_provider(&meters)
    ///     .build()?;
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn meter_provider(mut self, provider: &impl MeterProvider) -> Self {
        self.meter = Some(metrics::meter(provider));
        self
    }

    /// Adds a view that lists the running spans, and counts and keeps the latest ended ones.
    /// Default: none. A second view replaces the first.
    #[must_use]
    pub fn live_view(mut self, view: &LiveView) -> Self {
        self.live = Some(view.clone());
        self
    }

    /// Sets whether a native span that is entered also becomes the active span of
    /// `opentelemetry::Context`. Default: no.
    ///
    /// This concerns spans that are entered by [`span!`](crate::span), by
    /// [`Span::enter`](crate::Span::enter), or by `#[traced]` on a function that is not async. The
    /// span of a future is always active in `Context`.
    ///
    /// If this is on, code that reads `Context` works under a guard as it does with any SDK.
    /// `Context::current()` contains the span as the parent of further spans. `get_active_span`
    /// gives access to its attributes, events and status, also on other threads, while the guard
    /// exists. A `Context` that is attached later takes precedence, even one without a span.
    ///
    /// If this is off, such code finds the span that was active before the guard, unless
    /// [`current_context`](crate::current_context) is attached for it.
    ///
    /// It is off here, because the code that builds a provider knows which APIs are used with it.
    /// It is on in `tracer_export::init()`, which installs the provider as OpenTelemetry's global
    /// one for libraries that know no other API. No environment variable sets it, because the
    /// choice depends on the program's code and not on where the program runs.
    ///
    /// The API panics if a `Context` is attached inside the closures of its `Context::map_current`
    /// and `get_active_span`. The panic is caught: the span of a guard that is entered there is
    /// current, but not active in `Context`. With `panic = "abort"` it ends the process.
    ///
    /// # Cost
    /// If this is on, each guard takes the two allocations of `Context`, and each change of its
    /// span takes the span's own lock. If it is off, nothing. The figures are in
    /// [`cost`](crate::cost).
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{KeyValue, trace::get_active_span};
    /// use tracer_core::{TracerProvider, span};
    ///
    /// let provider = TracerProvider::builder().context_activation(true).build()?;
    /// provider.set_global();
    /// let span = span!("request");
    /// get_active_span(|active| {
    ///     assert_eq!(active.span_context(), &span.span_context());
    ///     active.set_attribute(KeyValue::new("cache", "miss"));
    /// });
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn context_activation(mut self, activate: bool) -> Self {
        self.context_activation = activate;
        self
    }

    /// Sets everything that the core reads from an environment: `OTEL_SDK_DISABLED`,
    /// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_*`, `TRACER_MAX_RING_BYTES` and
    /// the limits of spans.
    ///
    /// It replaces earlier settings, and later settings replace it. Afterwards `env` holds the
    /// values that were rejected.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::trace::{Tracer, TracerProvider as _};
    /// use tracer_core::{TracerProvider, env::Env};
    ///
    /// let mut env = Env::new(|name| (name == "OTEL_SDK_DISABLED").then(|| "true".to_owned()));
    /// let provider = TracerProvider::builder().env(&mut env).build()?;
    /// assert!(!provider.tracer("shop").enabled());
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn env(self, env: &mut Env) -> Self {
        // Everything is read for a disabled provider too, because `disabled(false)` may follow.
        self.disabled(env.flag("OTEL_SDK_DISABLED"))
            .resource(resource::from_env(env))
            .batch_config(BatchConfig::from_env(env))
            .span_limits(SpanLimits::from_env(env))
    }

    /// Sets whether the provider is disabled (default `false`). A disabled provider records
    /// nothing, starts no thread and drops its exporters. Its spans only pass on the context of
    /// their parent.
    #[must_use]
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Builds the provider, and starts the worker and a thread for each exporter. The worker also
    /// runs without an exporter: it empties the rings, so that spans are counted like any others
    /// and no ring is ever full.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if a number is out of range, or if a thread cannot be started.
    pub fn build(self) -> Result<TracerProvider, ConfigError> {
        self.batch.check()?;
        if self.disabled {
            return Ok(TracerProvider::new(Arc::new(ProviderCore::disabled())));
        }
        let (core, worker) = self.idle()?;
        start_worker(worker)?;
        Ok(TracerProvider::new(core))
    }

    /// Builds all parts, with a worker that is not running yet.
    pub(crate) fn idle(mut self) -> Result<(Arc<ProviderCore>, Worker), ConfigError> {
        fork::watch([ids::forked, thread_state::forked]).map_err(ConfigError::Fork)?;
        let resource = self
            .resource
            .unwrap_or_else(|| resource::from_env(&mut Env::of_this_process()));
        for processor in &mut self.processors {
            catch_panic(|| processor.set_resource(&resource))
                .ok_or(ConfigError::ProcessorPanicked)?;
        }
        if let Some(live) = &self.live {
            self.processors.push(Box::new(LiveProcessor(live.clone())));
        }
        let exporters: Vec<_> = self
            .exporters
            .into_iter()
            .map(|exporter| set_up(exporter, &resource))
            .collect::<Result<_, _>>()?;
        let live = self.live.as_ref().map(LiveView::observer);
        let core = Arc::new(ProviderCore::new(ProviderParts {
            batch: self.batch,
            clock: self.clock,
            context_activation: self.context_activation,
            custom_ids: self.custom_ids,
            exporters: &exporters,
            is_metered: self.meter.is_some(),
            limits: self.limits,
            live,
            processors: self.processors,
            resource,
            sampler: self
                .sampler
                .map_or(Sampler::ParentBasedAlwaysOn, Sampler::Custom),
        }));
        if let Some(live) = &self.live {
            live.follow(&core);
        }
        if let Some(meter) = &self.meter {
            metrics::watch(meter, &core, &exporters)?;
        }
        let exporters = exporters.into_iter().map(|(_, exporter)| exporter);
        let worker = Pipeline::start(&core, exporters)?;
        Ok((core, worker))
    }
}

/// Prepares an exporter for its first batch.
fn set_up(
    mut exporter: Box<dyn SpanExporter>,
    resource: &Resource,
) -> Result<(&'static str, Arc<dyn SpanExporter>), ConfigError> {
    let component_type = catch_panic(|| {
        exporter.set_resource(resource);
        exporter.component_type()
    })
    .ok_or(ConfigError::ExporterPanicked)?;
    Ok((component_type, Arc::from(exporter)))
}
