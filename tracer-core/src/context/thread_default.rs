//! The default provider of a thread.

use std::{marker::PhantomData, sync::Arc};

use super::span_stack::with;
use crate::{TracerProvider, provider_core::ProviderCore};

impl TracerProvider {
    /// Makes this the provider that [`span!`](crate::span) uses on this thread until the guard is
    /// dropped. It takes precedence over the [global](Self::set_global) provider.
    ///
    /// This is for tests that run at the same time. A child of a native span still belongs to its
    /// parent's provider.
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
            at: push(self.core()),
            _provider: self.clone(),
            _not_send: PhantomData,
        }
    }
}

/// A provider that is the default of its thread until this is dropped.
#[derive(Debug)]
#[must_use = "the provider is the thread's default only until this is dropped"]
pub struct DefaultProvider {
    /// `None` on a thread that is being torn down.
    at: Option<usize>,
    _provider: TracerProvider,
    /// Keeps the guard on its thread.
    _not_send: PhantomData<*const ()>,
}

impl Drop for DefaultProvider {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            remove(at);
        }
    }
}

/// Sets the default provider of this thread. Returns its position among the defaults, or `None` if
/// the thread is being torn down.
fn push(provider: &Arc<ProviderCore>) -> Option<usize> {
    with(|stack| {
        let is_unused = stack.len == 0;
        let provider = stack.providers.index_of(provider, is_unused);
        Some(stack.providers.push_default(provider))
    })
}

/// Removes a default provider of this thread. The one that was set before it applies again.
fn remove(at: usize) {
    with(|stack| {
        stack.providers.remove_default(at);
        Some(())
    });
}
