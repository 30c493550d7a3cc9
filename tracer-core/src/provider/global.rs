//! The global provider of a process, for native spans.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::TracerProvider;
use crate::{fork::ForkMutex, provider_core::ProviderCore};

/// A forked child continues with the same provider.
static GLOBAL: ForkMutex<Option<TracerProvider>> = ForkMutex::new(None);

/// Incremented with every change, so that threads may cache the provider.
static VERSION: AtomicU64 = AtomicU64::new(0);

/// Returns a number that changes whenever another provider is set; zero before the first one.
pub(crate) fn version() -> u64 {
    // Acquire: pairs with the Release in `set_global`.
    VERSION.load(Ordering::Acquire)
}

/// Returns the global provider. Takes a lock, so callers first compare the [`version`].
#[cold]
pub(crate) fn provider() -> Option<Arc<ProviderCore>> {
    Some(Arc::clone(GLOBAL.lock().as_ref()?.core()))
}

impl TracerProvider {
    /// Makes this the provider that [`span!`](crate::span) uses in this process, instead of the
    /// provider that was set before. `tracer_export::init()` calls this.
    ///
    /// The global provider is not dropped when the process ends, as with
    /// [`opentelemetry::global::set_tracer_provider`]. So keep a clone, and call
    /// [`shutdown`](Self::shutdown) before the process ends. A provider that is shut down may stay
    /// set; its spans only pass on the context of their parent. Setting another provider drops the
    /// global clone of this one. If that was the last clone, the provider is shut down.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{TracerProvider, span};
    ///
    /// let provider = TracerProvider::builder().build()?;
    /// provider.set_global();
    /// drop(span!("checkout"));
    /// assert_eq!(provider.stats().ended, 1);
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn set_global(&self) {
        let before = {
            let mut global = GLOBAL.lock();
            let before = global.replace(self.clone());
            // Release: pairs with the Acquire in `version`.
            VERSION.fetch_add(1, Ordering::Release);
            before
        };
        // The drop may wait for the provider's exporters.
        drop(before);
    }

    /// Returns the [`service_name`](Self::service_name) of the [global](Self::set_global) provider,
    /// or `None` if there is none yet. Meant for logs that are set up before tracing.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry_sdk::Resource;
    /// use tracer_core::TracerProvider;
    ///
    /// let resource = Resource::builder_empty().with_service_name("orders").build();
    /// TracerProvider::builder().resource(resource).build()?.set_global();
    /// let name = TracerProvider::global_service_name();
    /// assert_eq!(name.as_deref(), Some("orders"));
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn global_service_name() -> Option<String> {
        if version() == 0 {
            // No provider was ever set, so no lock is needed to find that out.
            return None;
        }
        Some(provider()?.service_name())
    }
}
