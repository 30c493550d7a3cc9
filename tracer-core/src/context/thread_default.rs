//! The default provider of a thread.

use std::marker::PhantomData;

use super::thread_stack;
use crate::TracerProvider;

impl TracerProvider {
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
            at: thread_stack::push_default(self.core()),
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
            thread_stack::remove_default(at);
        }
    }
}
