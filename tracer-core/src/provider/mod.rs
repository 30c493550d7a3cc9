//! The provider, which owns the worker and the exporters, and creates tracers.

mod builder;
pub(crate) mod global;
#[cfg(all(test, tracer_loom))]
mod loom_models;
#[cfg(all(test, tracer_shuttle))]
mod shuttle_models;

use std::{sync::Arc, time::Duration};

pub use self::builder::TracerProviderBuilder;
use crate::{
    error::{FlushError, ShutdownError},
    provider_core::ProviderCore,
    stats::Stats,
};

/// The time that dropping the last clone of a provider waits for its spans to be sent.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// A provider of tracers, which owns the worker that sends their spans. A clone refers to the same
/// provider.
///
/// It implements [`opentelemetry::trace::TracerProvider`], so it may be installed with
/// [`opentelemetry::global::set_tracer_provider`]. Dropping the last clone shuts the provider down,
/// and waits at most 5 seconds. A global provider is not dropped when the process ends, so keep a
/// clone and call [`shutdown`](Self::shutdown) before the process ends.
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

/// The part that is dropped with the last clone. Tracers and spans hold only the core.
#[derive(Debug)]
struct Inner {
    core: Arc<ProviderCore>,
}

impl TracerProvider {
    pub(crate) fn new(core: Arc<ProviderCore>) -> Self {
        Self {
            inner: Arc::new(Inner { core }),
        }
    }

    pub(crate) fn core(&self) -> &Arc<ProviderCore> {
        &self.inner.core
    }

    /// Sends every span that ended before the call, and waits at most `timeout` plus 25 ms for the
    /// exporters' answers. Blocks the calling thread. It needs no runtime and may be called inside
    /// one. Concurrent calls share one pass. Processors are flushed at the same time.
    ///
    /// # Errors
    /// Returns a [`FlushError`] if the time ran out, the provider was shut down, or spans failed.
    pub fn force_flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.core.flush(timeout)
    }

    /// Flushes and closes processors and exporters, and ends the worker, within `timeout` plus 25
    /// ms. Blocks the calling thread.
    ///
    /// Logs how many spans were lost in the provider's lifetime, by place and reason, and how many
    /// spans are still open. Open spans are counted as dropped when they end. Spans that start
    /// after the shutdown are neither recorded nor counted; the first of them is logged.
    ///
    /// # Errors
    /// Returns [`ShutdownError::AlreadyShutdown`] for every call after the first. Returns
    /// [`ShutdownError::Flush`] if the time ran out, or if spans were lost during the call, in an
    /// exporter or because they found no room in the rings. Spans that were lost before the call
    /// are in [`stats`](Self::stats) and in the log, not in the result.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), ShutdownError> {
        self.inner.core.shutdown(timeout)
    }

    /// Returns `service.name` of the resource. Use it to give logs the same service name as the
    /// spans.
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
        self.inner.core.service_name()
    }

    /// Returns the outcome of every span so far.
    pub fn stats(&self) -> Stats {
        self.inner.core.stats()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A failure is logged and counted; there is no caller to return it to.
        let _ = self.core.shutdown(DROP_TIMEOUT);
        self.core.abandon();
    }
}
