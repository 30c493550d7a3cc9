//! The set-up of a service, in one line.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry::{KeyValue, Value, global, metrics::MeterProvider};
use opentelemetry_sdk::{Resource, trace::ShouldSample};
use tracer_core::{
    BatchConfig, SpanExporter, SpanLimits, SpanProcessor, TracerProvider, TracerProviderBuilder,
    diagnostics::report,
    env::Env,
    live::LiveView,
    resource::{self, Detector, System},
};
use tracer_propagation::CompositePropagator;

use crate::{env, error::Error, guard::Guard};

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Sets tracing up from the `OTEL_*` variables of the process, and installs it globally.
///
/// The same as `builder().init()`; see [`Builder`] for what is read. Opens no connection, needs no
/// runtime, and works inside any.
///
/// Call it once. A second call replaces what the first one installed, and logs a warning. `span!`,
/// the propagators and new tracers use the later provider. Tracers and layers that have already
/// made spans keep the earlier one. Each guard shuts down its own provider.
///
/// If nothing arrives, see [the list](crate#nothing-arrives).
///
/// # Errors
/// An [`Error`] if a thread cannot be started or TLS cannot be set up. Never for a variable: a value
/// that is refused counts as unset, and is one warning and one entry of [`Guard::diagnostics`].
///
/// # Examples
/// ```no_run
/// use tracer_core::span;
///
/// fn main() -> Result<(), tracer_export::Error> {
///     let _guard = tracer_export::init()?;
///     let _span = span!("checkout", "cart.items" = 3);
///     Ok(())
/// }
/// ```
pub fn init() -> Result<Guard, Error> {
    builder().init()
}

/// A [`Builder`] that reads the environment of the process.
pub fn builder() -> Builder {
    Builder::default()
}

/// Sets tracing up from the environment, with some parts from code. What code sets wins.
///
/// | variable | default |
/// | --- | --- |
/// | `OTEL_SDK_DISABLED` | `false`; if `true`, nothing is recorded and only propagators are installed |
/// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | `unknown_service:` and the executable |
/// | `OTEL_TRACES_EXPORTER` | `otlp`; `none` |
/// | `OTEL_EXPORTER_OTLP_PROTOCOL`, `..._TRACES_PROTOCOL` | `http/protobuf`; `grpc` |
/// | `OTEL_EXPORTER_OTLP_ENDPOINT`, `..._TRACES_ENDPOINT` | `http://localhost:4318`, for gRPC `:4317` |
/// | `OTEL_EXPORTER_OTLP_HEADERS`, `..._TRACES_HEADERS` | none |
/// | `OTEL_EXPORTER_OTLP_COMPRESSION`, `..._TRACES_COMPRESSION` | `none`; `gzip`, `zstd` |
/// | `OTEL_EXPORTER_OTLP_TIMEOUT`, `..._TRACES_TIMEOUT` | 10000 ms; 0 is no limit |
/// | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | `parentbased_always_on` |
/// | `OTEL_PROPAGATORS` | `tracecontext,baggage`; the names in [`tracer_propagation::env`] |
/// | `OTEL_BSP_SCHEDULE_DELAY` | 5000 ms |
/// | `OTEL_BSP_EXPORT_TIMEOUT` | 30000 ms; 0 is no limit |
/// | `OTEL_BSP_MAX_QUEUE_SIZE` | 2048 spans for each exporter, and as many more as the rings hold; if it is set, no more than that many wait for an exporter |
/// | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | 512 |
/// | `TRACER_MAX_RING_BYTES` | 33554432 (32 MiB) for the rings of all threads; more if a large `OTEL_BSP_MAX_QUEUE_SIZE` is set |
/// | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT` | 128 |
/// | `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` | 4096 characters |
/// | `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` | 128 |
/// | `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT` | 128 |
///
/// A variable that is set but has no effect makes a diagnostic. Among them are the variables for
/// TLS files, `OTEL_CONFIG_FILE`, and a proxy that other clients would use for the endpoint
/// (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, also in lower case). Spans are sent to the endpoint
/// directly.
///
/// The resource also holds what every [`Detector`] finds: the service instance, process, host,
/// operating system, container and Kubernetes pod. [`detectors`](Self::detectors) chooses.
///
/// Source: OpenTelemetry specification, configuration/sdk-environment-variables.md and
/// protocol/exporter.md.
///
/// # Examples
/// ```
/// use opentelemetry::KeyValue;
///
/// // In a test: no environment, no global state, nothing sent.
/// let guard = tracer_export::builder()
///     .env(|name| (name == "OTEL_TRACES_EXPORTER").then(|| "none".to_owned()))
///     .service_name("shop")
///     .resource_attribute(KeyValue::new("deployment.environment.name", "test"))
///     .install_global(false)
///     .init()?;
/// assert!(guard.diagnostics().is_empty());
/// # Ok::<(), tracer_export::Error>(())
/// ```
pub struct Builder {
    lookup: Lookup,
    detectors: Vec<Detector>,
    attributes: Vec<KeyValue>,
    exporters: Vec<Box<dyn SpanExporter>>,
    /// What is passed on as it is: processors, a live view, and the provider of a meter.
    core: TracerProviderBuilder,
    sampler: Option<Box<dyn ShouldSample>>,
    propagator: Option<CompositePropagator>,
    batch_config: Option<BatchConfig>,
    span_limits: Option<SpanLimits>,
    install_global: bool,
    shutdown_timeout: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            // A value that is not UTF-8 is refused where it is parsed, instead of being unset.
            lookup: Arc::new(|name| {
                std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
            }),
            detectors: Detector::ALL.to_vec(),
            attributes: Vec::new(),
            exporters: Vec::new(),
            core: TracerProvider::builder().context_activation(true),
            sampler: None,
            propagator: None,
            batch_config: None,
            span_limits: None,
            install_global: true,
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
        }
    }
}

impl Builder {
    /// Reads variables with `lookup` instead of from the process.
    pub fn env(mut self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.lookup = Arc::new(lookup);
        self
    }

    /// Sets which facts of the process, the container, the pod and the host the resource holds.
    /// Default: all that can be found. Detected attributes give way to those of the environment
    /// and of code.
    pub fn detectors(mut self, detectors: impl Into<Vec<Detector>>) -> Self {
        self.detectors = detectors.into();
        self
    }

    /// Sets `service.name`.
    pub fn service_name(self, name: impl Into<Value>) -> Self {
        self.resource_attribute(KeyValue::new("service.name", name.into()))
    }

    /// Adds an attribute to the resource, or replaces one of the environment.
    pub fn resource_attribute(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Adds an exporter to those of the environment. With `OTEL_TRACES_EXPORTER=none` there are no
    /// others.
    pub fn exporter(mut self, exporter: impl SpanExporter) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// Adds a processor: code that sees and changes every span at its start and its end.
    pub fn processor(mut self, processor: impl SpanProcessor) -> Self {
        self.core = self.core.processor(processor);
        self
    }

    /// Tells the `otel.sdk.*` metrics of spans, queue and exporters; see
    /// [`TracerProviderBuilder::meter_provider`].
    pub fn meter_provider(mut self, provider: &impl MeterProvider) -> Self {
        self.core = self.core.meter_provider(provider);
        self
    }

    /// Lists the running spans, and keeps the last ended ones, in a view; see
    /// [`TracerProviderBuilder::live_view`]. The feature `zpages` of `tracer-instrument` shows it.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{live::LiveView, span};
    ///
    /// let live = LiveView::default();
    /// let _guard = tracer_export::builder()
    ///     .env(|name| (name == "OTEL_TRACES_EXPORTER").then(|| "none".to_owned()))
    ///     .live_view(&live)
    ///     .init()?;
    /// let _span = span!("checkout");
    /// assert_eq!(live.running()[0].record().name(), "checkout");
    /// # Ok::<(), tracer_export::Error>(())
    /// ```
    pub fn live_view(mut self, view: &LiveView) -> Self {
        self.core = self.core.live_view(view);
        self
    }

    /// Sets whether code that is written for the `opentelemetry` crate sees the span of a native
    /// guard in its current `Context`; see [`TracerProviderBuilder::context_activation`]. Default:
    /// yes, because the provider becomes OpenTelemetry's global one. A service that has no such
    /// code under native guards may turn it off, so that a guard allocates nothing.
    pub fn context_activation(mut self, activate: bool) -> Self {
        self.core = self.core.context_activation(activate);
        self
    }

    /// Sets the sampler.
    pub fn sampler(mut self, sampler: impl ShouldSample + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// Sets the propagators; `OTEL_PROPAGATORS` is then not read.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    /// use tracer_propagation::{B3Propagator, CompositePropagator};
    ///
    /// let guard = tracer_export::builder()
    ///     .env(|name| (name == "OTEL_TRACES_EXPORTER").then(|| "none".to_owned()))
    ///     .propagator(CompositePropagator::new(vec![Box::new(B3Propagator::single())]))
    ///     .init()?;
    /// assert_eq!(guard.propagator().fields().collect::<Vec<_>>(), ["b3"]);
    /// # Ok::<(), tracer_export::Error>(())
    /// ```
    pub fn propagator(mut self, propagator: CompositePropagator) -> Self {
        self.propagator = Some(propagator);
        self
    }

    /// Sets how spans are batched and queued. `OTEL_BSP_*` and `TRACER_MAX_RING_BYTES` are then not
    /// read.
    pub fn batch_config(mut self, config: BatchConfig) -> Self {
        self.batch_config = Some(config);
        self
    }

    /// Sets how much one span may hold; the limits of the environment are then not read.
    pub fn span_limits(mut self, limits: SpanLimits) -> Self {
        self.span_limits = Some(limits);
        self
    }

    /// Whether the provider and the propagators become the global ones of `opentelemetry`, and the
    /// provider that of [`tracer_core::span!`]. Default true.
    pub fn install_global(mut self, install: bool) -> Self {
        self.install_global = install;
        self
    }

    /// How long dropping the guard may block. Default 5 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Sets tracing up.
    ///
    /// # Errors
    /// As for [`init`]; and for what code set that cannot work.
    pub fn init(self) -> Result<Guard, Error> {
        let lookup = Arc::clone(&self.lookup);
        let mut env = Env::new(move |name| lookup(name));
        let propagator = match self.propagator {
            Some(propagator) => propagator,
            None => env::propagator(&mut env),
        };
        let disabled = env.flag("OTEL_SDK_DISABLED");
        let provider = if disabled {
            TracerProvider::builder().disabled(true).build()?
        } else {
            env::refuse_ineffective(&mut env);
            let lookup = self.lookup;
            let system = System::new("/", move |name| lookup(name));
            let detected = resource::detect(&self.detectors, &system);
            let mut provider = self
                .core
                .resource(resource(&detected, &mut env, self.attributes))
                .batch_config(match self.batch_config {
                    Some(config) => config,
                    None => BatchConfig::from_env(&mut env),
                })
                .span_limits(match self.span_limits {
                    Some(limits) => limits,
                    None => SpanLimits::from_env(&mut env),
                });
            if let Some(sampler) = self.sampler.or_else(|| env::sampler(&mut env)) {
                provider = provider.sampler(sampler);
            }
            for exporter in env::exporters(&mut env)?.into_iter().chain(self.exporters) {
                provider = provider.boxed_exporter(exporter);
            }
            provider.build()?
        };
        if self.install_global {
            tracer_propagation::global::set_text_map_propagator(propagator.clone());
            if !disabled {
                warn_of_a_second();
                // This comes first: OpenTelemetry logs the second call, and that log line should
                // have the service's name.
                provider.set_global();
                global::set_tracer_provider(provider.clone());
            }
        }
        let diagnostics = env.into_diagnostics();
        Ok(Guard::new(
            provider,
            propagator,
            diagnostics,
            self.shutdown_timeout,
        ))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("detectors", &self.detectors)
            .field("exporters", &self.exporters)
            .field("core", &self.core)
            .field("sampler", &self.sampler)
            .field("propagator", &self.propagator)
            .field("batch_config", &self.batch_config)
            .field("span_limits", &self.span_limits)
            .field("install_global", &self.install_global)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}

/// Logs a warning if this process has installed a set-up before.
fn warn_of_a_second() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // Relaxed: nothing else is published with the flag.
    if INSTALLED.swap(true, Ordering::Relaxed) {
        report(|| {
            tracing::warn!(
                target: "tracer_export",
                "tracing is set up again: `span!`, propagators and new tracers use the later \
                 set-up, tracers and layers that have already made spans keep the earlier one"
            );
        });
    }
}

/// The environment wins over what is detected, and code over both.
fn resource(detected: &Resource, env: &mut Env, attributes: Vec<KeyValue>) -> Resource {
    let code = Resource::builder_empty()
        .with_attributes(attributes)
        .build();
    let environment = resource::from_env(env);
    resource::merge(&resource::merge(detected, &environment), &code)
}
