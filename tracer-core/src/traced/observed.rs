//! How the work of a span ends: with a result, an error or a panic.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use opentelemetry::{
    KeyValue, SpanId, Value,
    trace::{Span as _, Status},
};
use pin_project_lite::pin_project;

use super::value::Recorded;
use crate::{
    context::{CurrentSpan, LocalSpan, current},
    span::{Span, exception},
};

/// `error.type` where the type says nothing (semantic conventions, "error.type").
const OTHER: &str = "_OTHER";

/// Looks at how the work of a span ends: tells the span of an error, a result, and a panic.
///
/// A panic is an exception that escapes, so the span has the status `Error` and an `exception` event
/// (trace/exceptions.md). A destructor sees neither its payload nor its place, and the message may
/// hold anything, so the event has the type `panic` alone.
#[derive(Debug)]
pub struct Observed<S: Reach> {
    span: S,
    /// Made by a destructor that runs in a panic of others.
    was_panicking: bool,
}

impl<S: Reach> Observed<S> {
    /// Looks from here on, until it is dropped.
    #[inline]
    pub fn new(span: S) -> Self {
        Self {
            span,
            was_panicking: thread::panicking(),
        }
    }

    /// Records the error, if it is one.
    pub fn err<T, E>(&self, result: &Result<T, E>, value: impl FnOnce(&E) -> Recorded<'_>) {
        if let Err(error) = result
            && let Some(span) = self.span.reach()
        {
            fail(&span, exception::kind::<E>(), Some(value(error).into()));
        }
    }

    /// Records what is in `Ok`.
    pub fn ok<T, E>(&self, result: &Result<T, E>, value: impl FnOnce(&T) -> Recorded<'_>) {
        if let Ok(result) = result {
            self.ret(result, value);
        }
    }

    /// Records the result.
    pub fn ret<T>(&self, result: &T, value: impl FnOnce(&T) -> Recorded<'_>) {
        if let Some(span) = self.span.reach() {
            span.set_attribute(KeyValue::new("return", value(result)));
        }
    }
}

impl<S: Reach> Drop for Observed<S> {
    #[inline]
    fn drop(&mut self) {
        if thread::panicking() && !self.was_panicking {
            self.panicked();
        }
    }
}

impl<S: Reach> Observed<S> {
    #[cold]
    fn panicked(&self) {
        if let Some(span) = self.span.reach() {
            fail(&span, Some("panic"), None);
        }
    }
}

fn fail(span: &CurrentSpan, kind: Option<&'static str>, message: Option<Value>) {
    let mut attributes = Vec::with_capacity(2);
    attributes.extend(kind.map(|kind| KeyValue::new("exception.type", kind)));
    let description = message.map(|message| {
        let description = message.as_str().into_owned();
        attributes.push(KeyValue::new("exception.message", message));
        description
    });
    span.add_event(exception::EVENT, attributes);
    span.set_attribute(KeyValue::new("error.type", kind.unwrap_or(OTHER)));
    span.set_status(Status::error(description.unwrap_or_default()));
}

/// Finds a span again, if it records.
pub trait Reach {
    /// A handle on it.
    fn reach(&self) -> Option<CurrentSpan>;
}

impl Reach for &LocalSpan {
    fn reach(&self) -> Option<CurrentSpan> {
        self.handle().filter(CurrentSpan::is_recording)
    }
}

/// A span that a future carries: current whenever the future runs.
#[derive(Clone, Copy, Debug)]
pub struct Carried(SpanId);

impl From<&Span> for Carried {
    fn from(span: &Span) -> Self {
        Self(match span.is_recording() {
            true => span.span_context().span_id(),
            false => SpanId::INVALID,
        })
    }
}

impl Reach for Carried {
    fn reach(&self) -> Option<CurrentSpan> {
        let is_recording = self.0 != SpanId::INVALID;
        is_recording
            .then(current)
            .filter(|current| current.span_context().span_id() == self.0)
    }
}

/// Observes a future that is to carry this span.
pub fn observe<F, L>(span: &Span, future: F, look: L) -> Observing<F, L>
where
    F: Future,
    L: FnOnce(&Observed<Carried>, &F::Output),
{
    Observing {
        future,
        span: Carried::from(span),
        look: Some(look),
    }
}

pin_project! {
    /// A future whose end is looked at. A struct and no async block around the future, which would
    /// make room for it twice.
    pub struct Observing<F, L> {
        #[pin]
        future: F,
        span: Carried,
        // Invariant: `None` once the future is ready.
        look: Option<L>,
    }
}

impl<F, L> Future for Observing<F, L>
where
    F: Future,
    L: FnOnce(&Observed<Carried>, &F::Output),
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Here and not in the future, so that a panic elsewhere that drops the future is none of ours.
        let observed = Observed::new(*this.span);
        let polled = this.future.poll(context);
        if let Poll::Ready(output) = &polled
            && let Some(look) = this.look.take()
        {
            look(&observed, output);
        }
        polled
    }
}

impl<F, L> fmt::Debug for Observing<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observing").finish_non_exhaustive()
    }
}
