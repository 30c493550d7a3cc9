//! The outcome of the work of a span: a result or an error. A panic is recorded by the guard or the
//! future that holds the span.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use opentelemetry::{KeyValue, SpanId, trace::Span as _};
use pin_project_lite::pin_project;

use super::value::AttributeValue;
use crate::{
    context::{CurrentSpan, LocalSpan, current, failure},
    span::{Span, exception},
};

/// A recorder of the outcome of a span's work.
#[derive(Debug)]
pub struct OutcomeRecorder<S: SpanLookup>(pub S);

impl<S: SpanLookup> OutcomeRecorder<S> {
    /// Records the error, if the result is one.
    pub fn err<R: Fallible>(
        &self,
        result: &R,
        value: impl FnOnce(&R::Error) -> AttributeValue<'_>,
    ) {
        if let Err(error) = result.as_result()
            && let Some(span) = self.0.reach()
        {
            failure::record(
                &span,
                exception::kind::<R::Error>(),
                Some(value(error).into()),
            );
        }
    }

    /// Records the value in `Ok`.
    pub fn ok<R: Fallible>(&self, result: &R, value: impl FnOnce(&R::Ok) -> AttributeValue<'_>) {
        if let Ok(result) = result.as_result() {
            self.ret(result, value);
        }
    }

    /// Records the result.
    pub fn ret<T>(&self, result: &T, value: impl FnOnce(&T) -> AttributeValue<'_>) {
        if let Some(span) = self.0.reach() {
            span.set_attribute(KeyValue::new("return", value(result)));
        }
    }
}

/// A `Result`.
#[diagnostic::on_unimplemented(
    message = "`err` needs a `Result`, but this returns `{Self}`",
    label = "not a `Result`",
    note = "return a `Result`, or remove `err`; `ret` records whatever is returned"
)]
pub trait Fallible {
    /// The type in `Ok`.
    type Ok;
    /// The type in `Err`.
    type Error;

    /// Returns this as a `Result`.
    fn as_result(&self) -> Result<&Self::Ok, &Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn as_result(&self) -> Result<&T, &E> {
        self.as_ref()
    }
}

/// A way to find a span again, if it records.
pub trait SpanLookup {
    /// Returns a handle on the span.
    fn reach(&self) -> Option<CurrentSpan>;
}

impl SpanLookup for &LocalSpan {
    fn reach(&self) -> Option<CurrentSpan> {
        self.handle().filter(CurrentSpan::is_recording)
    }
}

/// The span of a future, which is current whenever the future runs.
#[derive(Clone, Copy, Debug)]
pub struct FutureSpan(SpanId);

impl FutureSpan {
    /// No span, or a span that does not record.
    pub(super) const NONE: Self = Self(SpanId::INVALID);
}

impl From<&Span> for FutureSpan {
    fn from(span: &Span) -> Self {
        Self(match span.is_recording() {
            true => span.span_context().span_id(),
            false => SpanId::INVALID,
        })
    }
}

impl SpanLookup for FutureSpan {
    fn reach(&self) -> Option<CurrentSpan> {
        let is_recording = self.0 != SpanId::INVALID;
        is_recording
            .then(current)
            .filter(|current| current.span_context().span_id() == self.0)
    }
}

/// Observes a future that will run in this span. `on_output` gets its output.
pub fn observe<F, C>(span: &Span, future: F, on_output: C) -> OutcomeFuture<F, C>
where
    F: Future,
    C: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    OutcomeFuture::new(future, FutureSpan::from(span), on_output)
}

pin_project! {
    /// A future whose output is passed to a callback. It is a struct, because an async block around
    /// the future would reserve space for it twice.
    pub struct OutcomeFuture<F, C> {
        #[pin]
        future: F,
        span: FutureSpan,
        // Invariant: `None` once the future is ready.
        on_output: Option<C>,
    }
}

impl<F, C> OutcomeFuture<F, C> {
    pub(super) fn new(future: F, span: FutureSpan, on_output: C) -> Self {
        Self {
            future,
            span,
            on_output: Some(on_output),
        }
    }

    /// Sets the span on which the outcome is recorded.
    pub(super) fn set_span(self: Pin<&mut Self>, span: &Span) {
        *self.project().span = FutureSpan::from(span);
    }
}

impl<F, C> Future for OutcomeFuture<F, C>
where
    F: Future,
    C: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(context);
        if let Poll::Ready(output) = &polled
            && let Some(on_output) = this.on_output.take()
        {
            on_output(&OutcomeRecorder(*this.span), output);
        }
        polled
    }
}

impl<F, C> fmt::Debug for OutcomeFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutcomeFuture").finish_non_exhaustive()
    }
}
