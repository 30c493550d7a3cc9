//! An `async fn` that starts its span itself.
//!
//! The parameters of an `async fn` belong to its body, so only the body can evaluate the values
//! that the span records of them. The body starts the span at its first poll, and hands it over to
//! the future around it. That future makes the span current and polls the body again:
//!
//! ```text
//! run(async move { .. enter(start_span!(..)).await; body })
//!  |                 |
//!  |- polls ---------> puts the span into HANDED_OVER, and is pending
//!  |- takes the span, makes it current
//!  `- polls ----------------------------------------> body
//! ```

use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::outcome::{FutureSpan, OutcomeFuture, OutcomeRecorder};
use crate::{
    context::{LocalSpan, WithSpan, current},
    span::Span,
};

thread_local! {
    /// The span on its way from the body to the future around it. Empty at all other times.
    static HANDED_OVER: Cell<Option<Span>> = const { Cell::new(None) };
}

/// Runs a future that [`enter`]s a span, and records its outcome.
pub fn run<F, C>(future: F, on_output: C) -> Running<F, C>
where
    F: Future,
    C: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    let future = OutcomeFuture::new(future, FutureSpan::NONE, on_output);
    Running {
        future: WithSpan::without_span(future),
    }
}

pin_project! {
    /// A future that gets its span from its body.
    pub struct Running<F, C> {
        #[pin]
        future: WithSpan<OutcomeFuture<F, C>>,
    }
}

impl<F, C> Future for Running<F, C>
where
    F: Future,
    C: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let mut future = self.project().future;
        if !future.has_span() {
            let polled = future.as_mut().poll(task);
            // `None` if the value of a field waits for something, or returns from the body.
            let Some(span) = handed_over() else {
                return polled;
            };
            if let Some(outcome) = future.as_mut().inner() {
                outcome.set_span(&span);
            }
            future.as_mut().set_span(span);
        }
        future.poll(task)
    }
}

impl<F, C> fmt::Debug for Running<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// Makes a span current in the future that [`run`] polls.
pub fn enter(span: Span) -> Enter {
    Enter { span: Some(span) }
}

/// A future that hands the span over at its first poll.
#[derive(Debug)]
pub struct Enter {
    span: Option<Span>,
}

impl Future for Enter {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let Some(span) = self.span.take() else {
            return Poll::Ready(());
        };
        let mut span = Some(span);
        // A thread that ends may have lost the thread local. Then the work continues without the
        // span.
        let handed = HANDED_OVER.try_with(|cell| cell.set(span.take()));
        match handed {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        }
    }
}

/// Takes the span that the last poll has handed over.
fn handed_over() -> Option<Span> {
    HANDED_OVER.try_with(Cell::take).ok().flatten()
}

/// Takes the span of a guard that was entered in a closure. If the closure returned before it
/// entered the span, this returns the context of the current span.
pub fn exit(guard: Option<LocalSpan>) -> Span {
    guard.map_or_else(
        || Span::non_recording(|context| *context = current().span_context()),
        LocalSpan::exit,
    )
}
