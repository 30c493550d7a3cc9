//! The current span, for code that has no guard.

use std::{borrow::Cow, error::Error, fmt, marker::PhantomData};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanContext, Status, TraceContextExt as _},
};

use super::{entry::EntryKey, thread_stack};
use crate::span::exception;

/// Returns a handle on the current span.
///
/// The current span is the innermost native span or the active span of `opentelemetry::Context`,
/// whichever is newer. The handle stays with that span while other spans are entered. It does
/// nothing once the span has ended or its guard is gone.
///
/// # Cost
/// Two reads of the thread's locals. For a span of a `Context`, also one increment of a reference
/// count.
///
/// # Examples
/// ```
/// use opentelemetry::KeyValue;
/// use tracer_core::{TracerProvider, current, span};
///
/// fn charge() {
///     current().set_attribute(KeyValue::new("payment.retries", 2));
/// }
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let span = span!("payment");
/// charge();
/// assert_eq!(current().span_context(), span.span_context());
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn current() -> CurrentSpan {
    let found = match thread_stack::newest_key() {
        Some(key) => Found::Native(key),
        None => Found::Context(thread_stack::context()),
    };
    CurrentSpan {
        found,
        _not_send: PhantomData,
    }
}

/// Returns the current `Context`, with the [current](current()) span in it.
///
/// Propagators inject from this context. Attach it before you call code that reads
/// `Context::current()` under a native guard. Baggage and other values are kept.
///
/// The context holds the span of a guard as a parent only, so its active span ignores attributes.
/// Set them through [`current()`], even while the context is attached. If the provider [activates
/// contexts](crate::TracerProviderBuilder::context_activation), this is the current `Context`
/// itself, and its active span takes attributes.
///
/// # Cost
/// Under a native guard that activates no context, one allocation, which the API makes. Otherwise
/// one or two increments of a reference count.
///
/// # Examples
/// ```
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_core::{TracerProvider, current_context, span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let span = span!("request");
/// let context = current_context();
/// assert_eq!(context.span().span_context(), &span.span_context());
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn current_context() -> Context {
    let (current, native) = thread_stack::context_and_newest();
    match native {
        Some(native) => current.with_remote_span_context(native),
        None => current,
    }
}

/// The span that was current when [`current`] was called.
#[must_use = "the handle does nothing by itself"]
pub struct CurrentSpan {
    pub(super) found: Found,
    /// Keeps the handle on its thread.
    _not_send: PhantomData<*const ()>,
}

pub(super) enum Found {
    Native(EntryKey),
    Context(Context),
}

impl CurrentSpan {
    pub(super) fn of(context: Context) -> Self {
        Self {
            found: Found::Context(context),
            _not_send: PhantomData,
        }
    }

    pub(super) fn at(key: EntryKey) -> Self {
        Self {
            found: Found::Native(key),
            _not_send: PhantomData,
        }
    }

    /// Returns the context of the span, which is invalid if there is no current span.
    pub fn span_context(&self) -> SpanContext {
        match &self.found {
            Found::Native(key) => thread_stack::span_context(*key).unwrap_or(SpanContext::NONE),
            Found::Context(context) => context.span().span_context().clone(),
        }
    }

    /// Returns whether the span records.
    pub fn is_recording(&self) -> bool {
        match &self.found {
            Found::Native(key) => thread_stack::is_recording(*key),
            Found::Context(context) => context.span().is_recording(),
        }
    }

    /// Sets an attribute. A key that was set before gets the new value.
    pub fn set_attribute(&self, attribute: KeyValue) {
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| span.set_attribute(attribute));
            }
            Found::Context(context) => context.span().set_attribute(attribute),
        }
    }

    /// Sets attributes, one after the other.
    pub fn set_attributes(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        if self.is_recording() {
            attributes
                .into_iter()
                .for_each(|attribute| self.set_attribute(attribute));
        }
    }

    /// Adds an event that happens now.
    pub fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        let name = name.into();
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| span.add_event(name, attributes));
            }
            Found::Context(context) => context.span().add_event(name, attributes),
        }
    }

    /// Adds an `exception` event with the message of the error and its causes.
    pub fn record_error(&self, error: &dyn Error) {
        if self.is_recording() {
            // The attributes are made first, because the error's text is user code.
            self.add_event(exception::EVENT, exception::attributes(error, &[]));
        }
    }

    /// Sets the status. The last error wins, and `Ok` is final.
    pub fn set_status(&self, status: Status) {
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| span.set_status(status));
            }
            Found::Context(context) => context.span().set_status(status),
        }
    }

    /// Gives the span another name.
    pub fn update_name(&self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| span.update_name(name));
            }
            Found::Context(context) => context.span().update_name(name),
        }
    }
}

impl fmt::Debug for CurrentSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentSpan").finish_non_exhaustive()
    }
}
