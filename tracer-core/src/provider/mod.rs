//! The provider: owns the worker and the exporters, and hands out tracers.

mod builder;
mod engine;
pub(crate) mod global;
mod scope_table;
mod scopes;
mod shared;
mod shutdown_report;
mod without_ring;

use std::{sync::Arc, time::Duration};

use opentelemetry::InstrumentationScope;

pub use self::{builder::TracerProviderBuilder, global::DefaultProvider};
pub(crate) use self::{
    engine::Engine,
    shared::{Sampler, Shared},
};
use crate::{
    error::{FlushError, ShutdownError},
    stats::Stats,
    tracer::Tracer,
};

/// How long dropping the last clone of a provider waits for its spans to be sent.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes tracers, and owns the worker that sends their spans. A clone is the same provider.
///
/// Implements [`opentelemetry::trace::TracerProvider`], so it may be installed with
/// [`opentelemetry::global::set_tracer_provider`]. Dropping the last clone shuts down, waiting at
/// most 5 seconds; what was installed globally is never dropped, so keep a clone and call
/// [`shutdown`](Self::shutdown) before the process ends.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
///
/// let provider = tracer_core::TracerProvider::builder().build()?;
/// provider.tracer("shop").in_span("checkout", |_context| { /* work */ });
/// assert_eq!(provider.stats().ended, 1);
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TracerProvider {
    inner: Arc<Inner>,
}

/// What ends with the last clone; tracers and spans hold only `shared`.
#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
}

impl TracerProvider {
    /// A builder with the specification's defaults and no exporter.
    pub fn builder() -> TracerProviderBuilder {
        TracerProviderBuilder::default()
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            inner: Arc::new(Inner { shared }),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Sends every span that ended before the call, and waits until the exporters have answered,
    /// at most `timeout` and 25 ms. Blocks the calling thread; needs no runtime and may be called
    /// inside one. Concurrent calls share one pass. Processors are flushed at the same time.
    ///
    /// # Errors
    /// [`FlushError`] says whether time ran out, the provider was shut down, or spans failed.
    pub fn force_flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.shared.flush(timeout)
    }

    /// Flushes, closes processors and exporters and ends the worker, within `timeout` and 25 ms.
    /// Blocks the calling thread.
    ///
    /// Logs how many spans were lost in the provider's lifetime, by place and reason, and how many
    /// spans are still open. Open spans are counted as dropped when they end. Spans that start
    /// after the shutdown are neither recorded nor counted; the first of them is logged.
    ///
    /// # Errors
    /// [`ShutdownError::AlreadyShutdown`] for every call but the first. [`ShutdownError::Flush`] if
    /// the time ran out, or if spans were lost during the call: in an exporter, or because they
    /// found no room in the rings. Spans that were lost before the call are in
    /// [`stats`](Self::stats) and in the log, not in the result.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), ShutdownError> {
        self.inner.shared.shutdown(timeout)
    }

    /// `service.name` of the resource: what logs have to say so that they and the spans are of one
    /// service.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry_sdk::Resource;
    /// use tracer_core::TracerProvider;
    ///
    /// let resource = Resource::builder_empty().with_service_name("orders").build();
    /// let provider = TracerProvider::builder().resource(resource).build()?;
    /// assert_eq!(provider.service_name(), "orders");
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn service_name(&self) -> String {
        self.inner.shared.service_name()
    }

    /// What became of every span so far.
    pub fn stats(&self) -> Stats {
        self.inner.shared.stats()
    }
}

impl opentelemetry::trace::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        let shared = &self.inner.shared;
        Tracer::new(Arc::clone(shared), shared.scope_index(scope))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A failure is counted in the statistics; nobody is left to tell.
        let _ = self.shared.shutdown(DROP_TIMEOUT);
        self.shared.abandon();
    }
}
