//! A span that a guard and a `Context` share.
//!
//! Where a provider [activates contexts], a native span is the active span of `Context` until its
//! guard is dropped. Clones of that `Context` may be on other threads by then, so the span is
//! behind a lock. Its ids are outside the lock, so a child starts without taking it.
//!
//! [activates contexts]: crate::TracerProviderBuilder::context_activation

use std::{borrow::Cow, error::Error, fmt, mem, sync::Arc, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanContext, Status, TraceState},
};

use crate::{
    fork,
    span::{Span, exception},
    sync::{Mutex, MutexGuard},
};

/// A span and its lock.
pub(crate) struct SharedSpan {
    /// The ids of the span.
    context: SpanContext,
    /// The fork generation in which the span was entered.
    generation: u64,
    /// `None` once the guard is dropped, and while the span ends.
    span: Mutex<Option<Span>>,
}

impl SharedSpan {
    /// Shares a span. Reuses the memory of `spare` if there is no other reference to it.
    pub(super) fn new(span: Span, spare: Option<Arc<Self>>) -> Arc<Self> {
        let mut new = Self {
            context: span.span_context().clone(),
            generation: fork::generation(),
            span: Mutex::new(Some(span)),
        };
        if let Some(mut spare) = spare
            && let Some(space) = Arc::get_mut(&mut spare)
        {
            mem::swap(space, &mut new);
            return spare;
        }
        Arc::new(new)
    }

    /// Returns the ids of the span. Takes no lock.
    pub(super) fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Takes the lock. In a forked child, a thread of the parent may hold the lock forever. So a
    /// child does not wait for it.
    fn lock(&self) -> Option<MutexGuard<'_, Option<Span>>> {
        if self.generation == fork::generation() {
            Some(self.span.lock())
        } else {
            self.span.try_lock()
        }
    }

    /// Calls `work` with the span. `work` must not call user code. Returns `None` once the guard is
    /// dropped, and while the span ends.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
        self.lock()?.as_mut().map(work)
    }

    /// Returns whether the span records.
    pub(super) fn is_recording(&self) -> bool {
        self.with(|span| span.is_recording()) == Some(true)
    }

    /// Calls `work` with the span, without holding the lock. `work` may call processors, which may
    /// use the current span.
    pub(super) fn lend(&self, work: impl FnOnce(&mut Span)) {
        let Some(mut span) = self.take() else { return };
        work(&mut span);
        if let Some(mut shared) = self.lock() {
            *shared = Some(span);
        }
    }

    /// Takes the span out. Later calls through a `Context` are ignored.
    pub(super) fn take(&self) -> Option<Span> {
        self.lock()?.take()
    }

    /// Clears the span for its next use. Returns `false` if there is another reference to it.
    pub(super) fn forget(self: &mut Arc<Self>) -> bool {
        let Some(unused) = Arc::get_mut(self) else {
            return false;
        };
        if *unused.context.trace_state() != TraceState::NONE {
            unused.context = SpanContext::NONE;
        }
        true
    }
}

impl fmt::Debug for SharedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSpan").finish_non_exhaustive()
    }
}

/// The span in the form in which a `Context` holds it.
#[derive(Debug)]
pub(super) struct ContextSpan(pub(super) Arc<SharedSpan>);

impl opentelemetry::trace::Span for ContextSpan {
    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        self.0.with(|span| span.add_event(name, attributes));
    }

    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        self.0
            .with(|span| span.add_event_with_timestamp(name, timestamp, attributes));
    }

    fn record_error(&mut self, error: &dyn Error) {
        if self.is_recording() {
            // The attributes are made before the lock is taken, because the error's text is user
            // code.
            self.add_event(exception::EVENT, exception::attributes(error, &[]));
        }
    }

    fn span_context(&self) -> &SpanContext {
        &self.0.context
    }

    fn is_recording(&self) -> bool {
        self.0.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.with(|span| span.set_attribute(attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.0.with(|span| span.set_status(status));
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        self.0.with(|span| span.update_name(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.0.with(|span| span.add_link(span_context, attributes));
    }

    fn end(&mut self) {
        self.0.lend(|span| span.end());
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.0.lend(|span| span.end_with_timestamp(timestamp));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins that a child does not wait for a lock that a thread of its parent held at the fork.
    #[test]
    fn forked_child_does_not_wait_for_a_lock_of_its_parent() {
        let mut shared = SharedSpan::new(Span::gone(), None);
        Arc::get_mut(&mut shared).unwrap().generation = fork::generation().wrapping_sub(1);
        let held = shared.span.lock();
        assert!(shared.with(|_| ()).is_none());
        assert!(shared.take().is_none());
        drop(held);
        assert!(shared.take().is_some());
    }

    #[test]
    fn memory_is_reused_only_without_another_reference() {
        let mut first = SharedSpan::new(Span::gone(), None);
        let other = Arc::clone(&first);
        assert!(!first.forget());
        let second = SharedSpan::new(Span::gone(), Some(first));
        assert!(!Arc::ptr_eq(&second, &other));
        let mut second = second;
        assert!(second.forget());
        let address = Arc::as_ptr(&second);
        let third = SharedSpan::new(Span::gone(), Some(second));
        assert_eq!(Arc::as_ptr(&third), address);
    }
}
