//! The state of one span of `tracing`. The span's extensions, its `Context` and the stack of each thread
//! that has entered the span share it.

use std::{
    cell::Cell,
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Status, TraceContextExt as _},
};
use tracer_core::{AttributeRef, Span};

use super::{context_span::ContextSpan, error::SetParentError, fields::Fields};

thread_local! {
    /// Whether a sampler or a processor runs on this thread while a span's state is locked.
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// The state of a span: the OpenTelemetry span, behind a lock.
#[derive(Default)]
pub(super) struct SpanState {
    inner: Mutex<Inner>,
    /// Whether other code may know the span's ids, which then cannot change any more.
    ids_published: AtomicBool,
    /// Set once, under the lock.
    is_closed: AtomicBool,
    /// Whether the span is recording, as far as is known without the lock.
    is_recording: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Deferred until its parent is set. `None` once the span is closed.
    span: Option<Span>,
    is_started: bool,
    /// The context of the parent.
    parent: Context,
    /// The parent's context with the span in it. It is made when it is first needed, because that takes two
    /// allocations.
    context: Option<Context>,
    /// Whether the span has a status that does not come from an event.
    has_status: bool,
    /// How many times the span is entered now.
    entered: usize,
    timings: Option<Timings>,
}

struct Timings {
    last: Instant,
    busy_nanos: u64,
    idle_nanos: u64,
}

impl Timings {
    fn lap(&mut self) -> u64 {
        let now = Instant::now();
        let lap = now.duration_since(mem::replace(&mut self.last, now));
        u64::try_from(lap.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Runs a sampler or a processor while this thread holds a span's lock. Spans of `tracing` ignore what
/// the callback does to them, because it would wait for that lock.
fn in_callback<T>(work: impl FnOnce() -> T) -> T {
    let before = IN_CALLBACK.replace(true);
    let result = work();
    IN_CALLBACK.set(before);
    result
}

/// Returns whether the caller is a sampler or a processor that [`in_callback`] runs.
pub(super) fn is_in_callback() -> bool {
    IN_CALLBACK.get()
}

impl SpanState {
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: code that needs more than a hint takes the lock.
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Notes that other code may know the span's ids.
    pub(super) fn publish_ids(&self) {
        if !self.ids_published.load(Ordering::Relaxed) {
            // Relaxed: other threads learn of the span after this.
            self.ids_published.store(true, Ordering::Relaxed);
        }
    }

    /// Makes an unused or closed state that of a new span.
    pub(super) fn reset(&mut self, span: Span, parent: Context, has_status: bool, is_timed: bool) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.span = Some(span);
        inner.has_status = has_status;
        inner.parent = parent;
        inner.timings = is_timed.then(|| Timings {
            last: Instant::now(),
            busy_nanos: 0,
            idle_nanos: 0,
        });
        *self.is_closed.get_mut() = false;
        // A deferred span is recording.
        *self.is_recording.get_mut() = true;
        *self.ids_published.get_mut() = false;
    }

    /// Returns `None` in a callback, which may run while this thread holds the lock.
    fn lock(&self) -> Option<MutexGuard<'_, Inner>> {
        if IN_CALLBACK.get() {
            return None;
        }
        Some(self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `work` with the span, which may be deferred. `work` must not call user code.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
        self.lock()?.span.as_mut().map(work)
    }

    /// Sets a status that does not come from an event.
    pub(super) fn set_status(&self, status: Status) {
        if let Some(mut inner) = self.lock() {
            inner.has_status |= status != Status::Unset;
            if let Some(span) = &mut inner.span {
                span.set_status(status);
            }
        }
    }

    /// Sets fields of the span.
    pub(super) fn set_fields(&self, fields: &Fields) {
        let Some(mut inner) = self.lock() else { return };
        let Inner {
            span: Some(span),
            has_status,
            ..
        } = &mut *inner
        else {
            return;
        };
        set_fields(span, fields, has_status);
    }

    pub(super) fn is_recording(&self) -> bool {
        // Relaxed: a hint, which saves the work for a span that is not recording.
        self.is_recording.load(Ordering::Relaxed) && !IN_CALLBACK.get()
    }

    /// Stores whether the span is recording, for callers without the lock.
    fn store_is_recording(&self, span: &Span) {
        self.is_recording
            .store(span.is_recording(), Ordering::Relaxed);
    }

    /// Sets the exception attributes of an error value of an event.
    pub(super) fn record_exception(&self, fields: &Fields) {
        if fields.exception.is_some() {
            self.with(|span| {
                fields
                    .exception_attributes()
                    .for_each(|attribute| span.set_attribute_ref(attribute))
            });
        }
    }

    /// Ends the span at the given time. The span records nothing after that.
    pub(super) fn end(&self, at: SystemTime) {
        // Without the lock, because processors look at the span.
        let span = self.lock().and_then(|mut inner| inner.span.take());
        if let Some(mut span) = span {
            self.is_recording.store(false, Ordering::Relaxed);
            span.end_with_timestamp(at);
        }
    }

    /// Adds an event. `status` is that of an error event.
    pub(super) fn event(
        &self,
        status: Option<Status>,
        name: &str,
        attributes: &[AttributeRef<'_>],
    ) {
        let Some(mut inner) = self.lock() else { return };
        let Inner {
            span: Some(span),
            has_status,
            ..
        } = &mut *inner
        else {
            return;
        };
        if let Some(status) = status {
            set_error(span, status, has_status);
        }
        span.add_event_ref(name, attributes);
    }

    /// Returns the context with the span in it.
    pub(super) fn context(self: &Arc<Self>) -> Option<Context> {
        self.publish_ids();
        let mut inner = self.lock()?;
        inner.start(self);
        inner.context(self)
    }

    /// Enters the span. Returns the context with the span in it, if `activate` is set.
    pub(super) fn enter(self: &Arc<Self>, activate: bool) -> Option<Context> {
        let mut inner = self.lock()?;
        inner.span.as_ref()?;
        inner.entered += 1;
        if inner.entered == 1
            && let Some(timings) = &mut inner.timings
        {
            timings.idle_nanos += timings.lap();
        }
        if !activate {
            return None;
        }
        inner.start(self);
        inner.context(self)
    }

    pub(super) fn exit(&self) {
        let Some(mut inner) = self.lock() else { return };
        inner.entered = inner.entered.saturating_sub(1);
        if inner.entered == 0
            && let Some(timings) = &mut inner.timings
        {
            timings.busy_nanos += timings.lap();
        }
        if let Some(span) = &mut inner.span {
            span.note_end();
        }
    }

    /// Makes the span a child of another. `is_entered_here` says that it is the innermost span of this
    /// thread. If the span is current, returns the context that must become current instead.
    pub(super) fn set_parent(
        self: &Arc<Self>,
        parent: Context,
        is_entered_here: bool,
    ) -> Result<Option<Context>, SetParentError> {
        // Dropped after the lock, because contexts hold values of user code.
        let _old;
        let Some(mut inner) = self.lock() else {
            return Err(SetParentError::AlreadySeen);
        };
        let inner = &mut *inner;
        let Some(span) = &mut inner.span else {
            return Err(SetParentError::Closed);
        };
        if inner.is_started {
            if self.ids_published.load(Ordering::Relaxed) {
                return Err(SetParentError::AlreadySeen);
            }
            if inner.entered > usize::from(is_entered_here) {
                return Err(SetParentError::EnteredElsewhere);
            }
            if !in_callback(|| span.set_parent(&parent)) {
                return Err(SetParentError::AlreadySeen);
            }
            self.store_is_recording(span);
        }
        _old = (
            mem::replace(&mut inner.parent, parent),
            inner.context.take(),
        );
        let is_current = inner.is_started && inner.entered > 0;
        Ok(if is_current {
            inner.context(self)
        } else {
            None
        })
    }

    /// Ends the span, at its first call.
    pub(super) fn close(&self) {
        // This also runs in a callback below another span's lock, because nothing else would end the
        // span. It cannot run below its own lock, because the holder of that lock also holds the span.
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::Relaxed);
        self.is_recording.store(false, Ordering::Relaxed);
        // Part by part, because the whole state would be moved through memory twice.
        let inner = &mut *guard;
        (inner.entered, inner.has_status) = (0, false);
        let is_started = mem::take(&mut inner.is_started);
        let timings = inner.timings.take();
        let _context = inner.context.take();
        let parent = mem::take(&mut inner.parent);
        let mut span = inner.span.take();
        drop(guard);
        let Some(span) = &mut span else { return };
        if !is_started {
            in_callback(|| span.set_parent(&parent));
        }
        if let Some(timings) = timings {
            for (key, nanos) in [
                ("busy_ns", timings.busy_nanos),
                ("idle_ns", timings.idle_nanos),
            ] {
                span.set_attribute(KeyValue::new(key, i64::try_from(nanos).unwrap_or(i64::MAX)));
            }
        }
        // The span ends where it is dropped: here, before its parent and its context.
    }
}

impl Inner {
    /// Gives the span its parent.
    fn start(&mut self, state: &SpanState) {
        if !self.is_started
            && let Some(span) = &mut self.span
        {
            self.is_started = true;
            in_callback(|| span.set_parent(&self.parent));
            state.store_is_recording(span);
        }
    }

    fn context(&mut self, state: &Arc<SpanState>) -> Option<Context> {
        if self.context.is_none() {
            let span = ContextSpan::new(state, self.span.as_ref()?.span_context());
            self.context = Some(self.parent.with_span(span));
        }
        self.context.clone()
    }
}

/// Sets the name, kind, attributes and status that fields contain.
pub(super) fn set_fields(span: &mut Span, fields: &Fields, has_status: &mut bool) {
    if let Some(name) = &fields.name {
        span.update_name(fields.text(name).to_owned());
    }
    if let Some(kind) = &fields.kind {
        span.set_kind(kind);
    }
    for attribute in fields.attributes() {
        span.set_attribute_ref(attribute);
    }
    match (fields.is_ok, &fields.description) {
        (Some(true), _) => {
            *has_status = true;
            span.set_status(Status::Ok);
        }
        (_, Some(description)) => {
            let description = fields.text(description).to_owned();
            set_error(span, Status::error(description), has_status);
            *has_status = true;
        }
        (Some(false), None) => {
            set_error(span, Status::error(""), has_status);
            *has_status = true;
        }
        (None, None) => {}
    }
}

/// Sets an error status, unless it has no text and the span already has a status.
fn set_error(span: &mut Span, status: Status, has_status: &mut bool) {
    let has_text = matches!(&status, Status::Error { description } if !description.is_empty());
    if has_text || !*has_status {
        *has_status |= has_text;
        span.set_status(status);
    }
}

// Leaves the span out, because its fields may be secret.
impl fmt::Debug for SpanState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanState").finish_non_exhaustive()
    }
}
