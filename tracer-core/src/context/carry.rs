//! The current span on its way to other threads and tasks.

use std::sync::Arc;

use opentelemetry::{Context, ContextGuard, trace::TraceContextExt as _};

use super::{current::current_context, frame::Place, slot};
use crate::{provider::Shared, span::Span};

/// Lets a closure run elsewhere with what is current here: the span as a parent, and the rest of the
/// `Context`. For threads of any kind. The closure cannot change the span of a guard, which goes on
/// here, unless the provider
/// [activates contexts](crate::TracerProviderBuilder::context_activation).
///
/// # Examples
/// ```
/// use tracer_core::{TracerProvider, carry, current, span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let span = span!("request");
/// let there = std::thread::spawn(carry(|| current().span_context().trace_id()));
/// assert_eq!(there.join().ok(), Some(span.span_context().trace_id()));
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn carry<F, T>(work: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    let carried = Carried::current();
    move || {
        let _entered = carried.enter();
        work()
    }
}

/// A `Context`, and the provider of its span.
pub(super) struct Carried {
    context: Context,
    provider: Option<Arc<Shared>>,
}

impl Carried {
    /// What is current.
    pub(super) fn current() -> Self {
        Self {
            provider: slot::newest_home(),
            context: current_context(),
        }
    }

    /// The current `Context` with this span in it.
    pub(super) fn of(span: Span) -> Self {
        Self {
            provider: span.shared().cloned(),
            context: slot::context().with_span(span),
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
            place: slot::enter_attached(self.provider.as_ref()),
            _attached: attached,
        }
    }
}

/// What is carried is current. Leaves the slot first, then the `Context`.
pub(super) struct Entered {
    place: Option<Place>,
    _attached: ContextGuard,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            drop(slot::leave(place));
        }
    }
}
