//! The provider that native spans of a process belong to.

use std::{
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Shared, TracerProvider};
use crate::{context::slot, fork};

/// Locked when undisturbed only: a forked child goes on with the same provider.
static GLOBAL: Mutex<Option<TracerProvider>> = Mutex::new(None);

/// Goes up with every change, so that threads keep what they have read.
static VERSION: AtomicU64 = AtomicU64::new(0);

pub(crate) fn version() -> u64 {
    // Acquire: pairs with the Release in `set_global`.
    VERSION.load(Ordering::Acquire)
}

/// The global provider. Takes a lock, so it is for those who saw a new version.
#[cold]
pub(crate) fn provider() -> Option<Arc<Shared>> {
    let _undisturbed = fork::undisturbed();
    let global = GLOBAL.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Arc::clone(global.as_ref()?.shared()))
}

impl TracerProvider {
    /// Makes this the provider that [`span!`](crate::span) uses in this process, in place of the one
    /// before it. `tracer_export::init()` does this.
    ///
    /// As with [`opentelemetry::global::set_tracer_provider`], what is set is never dropped, so keep
    /// a clone and call [`shutdown`](Self::shutdown) before the process ends. A provider that is shut
    /// down may stay set: its spans carry the context of their parent and nothing else. Setting
    /// another one drops this clone, which shuts the provider down if it was the last.
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
            let _undisturbed = fork::undisturbed();
            let mut global = GLOBAL.lock().unwrap_or_else(PoisonError::into_inner);
            let before = global.replace(self.clone());
            // Release: pairs with the Acquire in `version`.
            VERSION.fetch_add(1, Ordering::Release);
            before
        };
        // May wait for its exporters.
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

    /// Makes this the provider that [`span!`](crate::span) uses on this thread until the guard is
    /// dropped; it wins over the [global](Self::set_global) one. For tests that run beside each
    /// other. A child of a native span belongs to its parent's provider all the same.
    ///
    /// # Examples
    /// ```
    /// use tracer_core::{TracerProvider, span};
    ///
    /// let provider = TracerProvider::builder().build()?;
    /// {
    ///     let _default = provider.set_thread_default();
    ///     drop(span!("recorded"));
    /// }
    /// drop(span!("not recorded"));
    /// assert_eq!(provider.stats().ended, 1);
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn set_thread_default(&self) -> DefaultProvider {
        DefaultProvider {
            at: slot::push_default(self.shared()),
            _provider: self.clone(),
            _not_send: PhantomData,
        }
    }
}

/// A provider that is the default of its thread until this is dropped.
#[derive(Debug)]
#[must_use = "the provider is the thread's default only until this is dropped"]
pub struct DefaultProvider {
    /// `None` on a thread that is torn down.
    at: Option<usize>,
    _provider: TracerProvider,
    /// Stays on its thread.
    _not_send: PhantomData<*const ()>,
}

impl Drop for DefaultProvider {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            slot::remove_default(at);
        }
    }
}
