//! The newest span of a thread, for code that enters spans of its own, such as the layer for
//! `tracing`.
//!
//! Such code stores the [`Moment`] at which it entered a span. Any native guard or span of a
//! `Context` that was entered later is newer.

use std::{
    fmt::{self, Write as _},
    thread,
};

use opentelemetry::{
    Context, KeyValue, SpanId,
    trace::{SpanRef, Status, TraceContextExt as _},
};

use super::{
    current::{CurrentSpan, Found},
    entry::EntryKind,
    span_stack::{self, is_in_use},
    thread_stack,
};
use crate::{processor, record::AttributeRef, span::Span};

/// A point in the order in which spans are entered on a thread.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The serial number of the latest native span, or zero if none is entered.
    serial: u64,
    /// The active span of the current `Context`.
    active: SpanId,
}

impl Moment {
    /// The moment before any span was entered.
    pub const START: Self = Self {
        serial: 0,
        active: SpanId::INVALID,
    };

    /// Returns the present moment. `active` is the active span of the current `Context`.
    #[inline]
    pub fn with_active(active: SpanId) -> Self {
        let serial = if is_in_use() {
            thread_stack::serial()
        } else {
            0
        };
        Self { serial, active }
    }

    /// Returns the present moment. Must not be called while the thread is being torn down.
    pub fn now() -> Self {
        Self::with_active(Context::map_current(|context| {
            context.span().span_context().span_id()
        }))
    }

    /// Returns whether this span was the active one at this moment.
    pub fn is_of(self, active: SpanId) -> bool {
        self.active == active
    }

    /// Returns whether [`newest_since`](Self::newest_since) may find a span. Must not be called
    /// while the thread is being torn down.
    #[inline(always)]
    pub fn may_be_past(self) -> bool {
        is_in_use() || Context::map_current(|context| self.is_before(context))
    }

    /// Returns the current span, if it was entered after this moment. It may be a span that does
    /// not record.
    pub fn newest_since(self) -> Option<CurrentSpan> {
        span_stack::with(|stack| {
            Context::map_current(|context| {
                if let Some(entry) = stack.newest_entry(context)
                    && let Some(key) = entry.key
                    && key.serial() > self.serial
                    // An entry that does not record is skipped if the `Context` has its span, or
                    // the parent that it stands for.
                    && (entry.is_recording()
                        || !(matches!(entry.kind, EntryKind::InContext)
                            || entry.is(context.span().span_context().span_id())))
                {
                    return Some(CurrentSpan::at(key));
                }
                self.is_before(context)
                    .then(|| CurrentSpan::of(context.clone()))
            })
        })
    }

    /// Returns whether `context` has an active span that was entered after this moment.
    #[inline(always)]
    pub fn is_before(self, context: &Context) -> bool {
        context.has_active_span() && context.span().span_context().span_id() != self.active
    }
}

impl CurrentSpan {
    /// Returns whether the span records events. Returns `false` if another thread keeps its lock
    /// taken.
    #[doc(hidden)]
    pub fn takes_events(&self) -> bool {
        match &self.found {
            Found::Native(key) => thread_stack::is_recording(*key),
            Found::Context(context) => {
                let mut is_recording = false;
                with_free(context, |span| is_recording = span.is_recording());
                is_recording
            }
        }
    }

    /// Adds an event for a log line, with the current time. If the status is an error without a
    /// text, it does not replace an existing status of a native span.
    #[doc(hidden)]
    pub fn add_event_ref(
        &self,
        status: Option<Status>,
        name: &str,
        attributes: &[AttributeRef<'_>],
    ) {
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| {
                    if let Some(status) = status {
                        span.set_event_status(status);
                    }
                    span.add_event_ref(name, attributes);
                });
            }
            Found::Context(context) => with_free(context, |span| {
                if let Some(status) = status {
                    span.set_status(status);
                }
                span.add_event(name.to_owned(), owned(attributes));
            }),
        }
    }

    /// Sets attributes whose parts are borrowed.
    #[doc(hidden)]
    pub fn set_attribute_refs<'a>(&self, attributes: impl Iterator<Item = AttributeRef<'a>>) {
        match &self.found {
            Found::Native(key) => {
                thread_stack::change(*key, |span| {
                    attributes.for_each(|attribute| Span::set_attribute_ref(span, attribute));
                });
            }
            Found::Context(context) => with_free(context, |span| {
                attributes.for_each(|attribute| span.set_attribute(attribute.to_key_value()));
            }),
        }
    }
}

fn owned(attributes: &[AttributeRef<'_>]) -> Vec<KeyValue> {
    attributes.iter().map(|it| it.to_key_value()).collect()
}

/// The number of attempts to use a span that another thread may have locked.
const TRIES: usize = 100;

/// Calls `work` with the span of a `Context`, unless this thread holds the span's lock already.
///
/// The API locks a span while it works on it, even while it calls user code: processors of a span
/// that ends, or the text of an error. A log line of that code must not wait for its own thread, so
/// the log line is not recorded. The API has no way to try the lock.
fn with_free(context: &Context, work: impl FnOnce(&SpanRef<'_>)) {
    if processor::is_inside_callback() || context.is_telemetry_suppressed() {
        return;
    }
    let span = context.span();
    for _ in 0..TRIES {
        if !is_locked(&span) {
            return work(&span);
        }
        thread::yield_now();
    }
}

/// Returns whether the span's `Mutex` is locked. The API gives no access to that lock. But `Debug`
/// of a `Mutex` tries to take the lock, and writes `<locked>` if that fails.
fn is_locked(span: &SpanRef<'_>) -> bool {
    let mut state = LockState { is_locked: false };
    // The write fails on purpose as soon as the state is known.
    let _ = write!(state, "{span:?}");
    state.is_locked
}

/// A writer that stops at `<locked>`, or at the API's name for the value behind the lock.
struct LockState {
    is_locked: bool,
}

impl fmt::Write for LockState {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.is_locked = part == "<locked>";
        match part {
            "<locked>" | "BoxedSpan" => Err(fmt::Error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, time::SystemTime};

    use opentelemetry::trace::SpanContext;

    use super::*;

    /// A span that checks whether it is locked while the API calls it.
    #[derive(Debug)]
    struct ChecksItsLock(SpanContext);

    impl opentelemetry::trace::Span for ChecksItsLock {
        fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
            &mut self,
            _: T,
            _: SystemTime,
            _: Vec<KeyValue>,
        ) {
        }

        fn span_context(&self) -> &SpanContext {
            &self.0
        }

        fn is_recording(&self) -> bool {
            Context::map_current(|context| is_locked(&context.span()))
        }

        fn set_attribute(&mut self, _: KeyValue) {}

        fn set_status(&mut self, _: Status) {}

        fn update_name<T: Into<Cow<'static, str>>>(&mut self, _: T) {}

        fn add_link(&mut self, _: SpanContext, _: Vec<KeyValue>) {}

        fn end_with_timestamp(&mut self, _: SystemTime) {}
    }

    #[test]
    fn span_that_is_worked_on_is_locked() {
        let context = Context::new().with_span(ChecksItsLock(SpanContext::NONE));
        let _attached = context.clone().attach();
        let span = context.span();
        assert!(!is_locked(&span));
        // The API holds the lock while it calls `is_recording`.
        assert!(span.is_recording());
        assert!(!is_locked(&span));
    }
}
