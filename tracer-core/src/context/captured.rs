//! The current span, captured for other threads and tasks.

use std::sync::Arc;

use opentelemetry::{Context, ContextGuard, trace::TraceContextExt as _};

use super::{current::current_context, entry::EntryKey, thread_stack};
use crate::{provider_core::ProviderCore, span::Span};

/// Captures the current `Context` with the current span, and makes both current while `work` runs.
///
/// The closure may run on any thread, with the current span as its parent. It cannot change the
/// span of a guard, which stays on this thread, unless the provider [activates
/// contexts](crate::TracerProviderBuilder::context_activation).
///
/// # Examples
/// ```
/// use tracer_core::{TracerProvider, with_current_context, current, span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let span = span!("request");
/// let there = std::thread::spawn(with_current_context(|| current().span_context().trace_id()));
/// assert_eq!(there.join().ok(), Some(span.span_context().trace_id()));
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn with_current_context<F, T>(work: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    let captured = CapturedContext::current();
    move || {
        let _entered = captured.enter();
        work()
    }
}

/// A `Context`, and the provider of its span.
pub(super) struct CapturedContext {
    context: Context,
    provider: Option<Arc<ProviderCore>>,
}

impl CapturedContext {
    /// Captures the current `Context` and span.
    pub(super) fn current() -> Self {
        Self {
            provider: thread_stack::newest_provider(),
            context: current_context(),
        }
    }

    /// Puts a span into the current `Context`.
    pub(super) fn of(span: Span) -> Self {
        Self {
            provider: span.provider().cloned(),
            context: thread_stack::context().with_span(span),
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Makes the captured `Context` and its span current on this thread until the guard is dropped,
    /// for the native API too.
    pub(super) fn enter(&self) -> Entered {
        // In this order, because the native entry has to be the newer one.
        let attached = self.context.clone().attach();
        Entered {
            key: thread_stack::enter_attached(self.provider.as_ref()),
            _attached: attached,
        }
    }
}

/// The guard of a captured `Context`. It leaves the stack first, then the `Context`.
pub(super) struct Entered {
    key: Option<EntryKey>,
    _attached: ContextGuard,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            drop(thread_stack::leave(key));
        }
    }
}
