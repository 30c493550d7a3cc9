//! The current span on its way to other threads and tasks.

use std::sync::Arc;

use opentelemetry::{Context, ContextGuard, trace::TraceContextExt as _};

use super::{current::current_context, entry::EntryKey, thread_stack};
use crate::{provider_core::ProviderCore, span::Span};

/// Lets a closure run elsewhere with what is current here: the span as a parent, and the rest of the
/// `Context`. For threads of any kind. The closure cannot change the span of a guard, which goes on
/// here, unless the provider
/// [activates contexts](crate::TracerProviderBuilder::context_activation).
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
    let carried = CapturedContext::current();
    move || {
        let _entered = carried.enter();
        work()
    }
}

/// A `Context`, and the provider of its span.
pub(super) struct CapturedContext {
    context: Context,
    provider: Option<Arc<ProviderCore>>,
}

impl CapturedContext {
    /// What is current.
    pub(super) fn current() -> Self {
        Self {
            provider: thread_stack::newest_provider(),
            context: current_context(),
        }
    }

    /// The current `Context` with this span in it.
    pub(super) fn of(span: Span) -> Self {
        Self {
            provider: span.provider().cloned(),
            context: thread_stack::context().with_span(span),
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Makes it current on this thread until the guard is dropped: for the native API, and in
    /// `Context`.
    pub(super) fn enter(&self) -> Entered {
        // In this order: the native one is to be the newer.
        let attached = self.context.clone().attach();
        Entered {
            key: thread_stack::enter_attached(self.provider.as_ref()),
            _attached: attached,
        }
    }
}

/// What is carried is current. Leaves the stack first, then the `Context`.
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
