//! One span of `tracing` as we see it: kept in its extensions, in its `Context`, and on the stack of
//! each thread in which it is entered.

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
    /// Whether a sampler or a processor runs on this thread below a locked node.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// The span, under its lock.
#[derive(Default)]
pub(super) struct Node {
    state: Mutex<State>,
    /// Somebody has, or may have, the ids: they cannot change any more.
    is_seen: AtomicBool,
    /// Set once, under the lock.
    is_closed: AtomicBool,
    /// Whether the span takes what is recorded, as far as is known without the lock.
    is_recording: AtomicBool,
}

#[derive(Default)]
struct State {
    /// A draft until the span's parent is settled. `None` once it is closed.
    span: Option<Span>,
    is_started: bool,
    /// What the span is a child of.
    parent: Context,
    /// The parent's, with the span in it. Made when it is first needed: it takes two allocations.
    context: Option<Context>,
    /// Whether somebody set a status other than that of an event.
    has_status: bool,
    /// In how many places the span is entered now.
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

/// Lets a sampler or a processor run below a lock of this thread: whatever it does with spans of
/// `tracing` meanwhile is ignored, as it would wait for that lock.
fn asking<T>(work: impl FnOnce() -> T) -> T {
    let before = ASKING.replace(true);
    let result = work();
    ASKING.set(before);
    result
}

/// Whether the caller is a sampler or a processor that runs below a lock.
pub(super) fn is_asking() -> bool {
    ASKING.get()
}

impl Node {
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: who needs more takes the lock.
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Says that the ids are known to others.
    pub(super) fn see(&self) {
        if !self.is_seen.load(Ordering::Relaxed) {
            // Relaxed: seen by threads that are told of the span after this.
            self.is_seen.store(true, Ordering::Relaxed);
        }
    }

    /// Makes an unused or closed node that of a new span.
    pub(super) fn renew(&mut self, span: Span, parent: Context, has_status: bool, is_timed: bool) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.span = Some(span);
        state.has_status = has_status;
        state.parent = parent;
        state.timings = is_timed.then(|| Timings {
            last: Instant::now(),
            busy_nanos: 0,
            idle_nanos: 0,
        });
        *self.is_closed.get_mut() = false;
        // A draft does.
        *self.is_recording.get_mut() = true;
        *self.is_seen.get_mut() = false;
    }

    /// `None` in code that a sampler or a processor runs below this lock.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        if ASKING.get() {
            return None;
        }
        Some(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on the span, which may be a draft. `work` calls no foreign code.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
        self.lock()?.span.as_mut().map(work)
    }

    /// Sets a status that is not only that of an event.
    pub(super) fn set_status(&self, status: Status) {
        if let Some(mut state) = self.lock() {
            state.has_status |= status != Status::Unset;
            if let Some(span) = &mut state.span {
                span.set_status(status);
            }
        }
    }

    /// Records fields of the span.
    pub(super) fn record(&self, fields: &Fields) {
        let Some(mut state) = self.lock() else { return };
        let State {
            span: Some(span),
            has_status,
            ..
        } = &mut *state
        else {
            return;
        };
        describe(span, fields, has_status);
    }

    pub(super) fn is_recording(&self) -> bool {
        // Relaxed: a hint, which spares the work for a span that takes nothing.
        self.is_recording.load(Ordering::Relaxed) && !ASKING.get()
    }

    /// Notes what is known under the lock.
    fn note(&self, span: &Span) {
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

    /// Ends the span at a time that was given; what comes later is not recorded.
    pub(super) fn end(&self, at: SystemTime) {
        // Not below the lock: processors look at the span.
        let span = self.lock().and_then(|mut state| state.span.take());
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
        let Some(mut state) = self.lock() else { return };
        let State {
            span: Some(span),
            has_status,
            ..
        } = &mut *state
        else {
            return;
        };
        if let Some(status) = status {
            set_error(span, status, has_status);
        }
        span.add_event_ref(name, attributes);
    }

    /// The context with the span in it.
    pub(super) fn context(self: &Arc<Self>) -> Option<Context> {
        self.see();
        let mut state = self.lock()?;
        state.start(self);
        state.context(self)
    }

    /// The same, when the span is entered.
    pub(super) fn enter(self: &Arc<Self>, activate: bool) -> Option<Context> {
        let mut state = self.lock()?;
        state.span.as_ref()?;
        state.entered += 1;
        if state.entered == 1
            && let Some(timings) = &mut state.timings
        {
            timings.idle_nanos += timings.lap();
        }
        if !activate {
            return None;
        }
        state.start(self);
        state.context(self)
    }

    pub(super) fn exit(&self) {
        let Some(mut state) = self.lock() else { return };
        state.entered = state.entered.saturating_sub(1);
        if state.entered == 0
            && let Some(timings) = &mut state.timings
        {
            timings.busy_nanos += timings.lap();
        }
        if let Some(span) = &mut state.span {
            span.note_end();
        }
    }

    /// Makes the span a child of another. `is_entered_here`: it is the innermost span of this thread.
    /// Returns the context to be current instead, if it is.
    pub(super) fn set_parent(
        self: &Arc<Self>,
        parent: Context,
        is_entered_here: bool,
    ) -> Result<Option<Context>, SetParentError> {
        // Dropped after the lock: with contexts go values of foreign code.
        let _old;
        let Some(mut state) = self.lock() else {
            return Err(SetParentError::AlreadySeen);
        };
        let state = &mut *state;
        let Some(span) = &mut state.span else {
            return Err(SetParentError::Closed);
        };
        if state.is_started {
            if self.is_seen.load(Ordering::Relaxed) {
                return Err(SetParentError::AlreadySeen);
            }
            if state.entered > usize::from(is_entered_here) {
                return Err(SetParentError::EnteredElsewhere);
            }
            if !asking(|| span.set_parent(&parent)) {
                return Err(SetParentError::AlreadySeen);
            }
            self.note(span);
        }
        _old = (
            mem::replace(&mut state.parent, parent),
            state.context.take(),
        );
        let is_current = state.is_started && state.entered > 0;
        Ok(if is_current {
            state.context(self)
        } else {
            None
        })
    }

    /// Ends the span. Once.
    pub(super) fn close(&self) {
        // Also below another lock: nothing else would end the span. Not below its own, as who has
        // that one has a handle of the span too.
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::Relaxed);
        self.is_recording.store(false, Ordering::Relaxed);
        // Part by part: as a whole it would be moved through memory twice.
        let state = &mut *guard;
        (state.entered, state.has_status) = (0, false);
        let is_started = mem::take(&mut state.is_started);
        let timings = state.timings.take();
        let _context = state.context.take();
        let parent = mem::take(&mut state.parent);
        let mut span = state.span.take();
        drop(guard);
        let Some(span) = &mut span else { return };
        if !is_started {
            asking(|| span.set_parent(&parent));
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

impl State {
    /// Settles whose child the span is.
    fn start(&mut self, node: &Node) {
        if !self.is_started
            && let Some(span) = &mut self.span
        {
            self.is_started = true;
            asking(|| span.set_parent(&self.parent));
            node.note(span);
        }
    }

    fn context(&mut self, node: &Arc<Node>) -> Option<Context> {
        if self.context.is_none() {
            let span = ContextSpan::new(node, self.span.as_ref()?.span_context());
            self.context = Some(self.parent.with_span(span));
        }
        self.context.clone()
    }
}

/// Sets what the fields say.
pub(super) fn describe(span: &mut Span, fields: &Fields, has_status: &mut bool) {
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

/// An error without a text says nothing new of a span that has a status.
fn set_error(span: &mut Span, status: Status, has_status: &mut bool) {
    let has_text = matches!(&status, Status::Error { description } if !description.is_empty());
    if has_text || !*has_status {
        *has_status |= has_text;
        span.set_status(status);
    }
}

// Not the span: its fields may be secret.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}
