//! An `async fn` that starts its span itself.
//!
//! The parameters of an `async fn` belong to its body, so only the body can evaluate what the span
//! records of them. It starts the span when it is polled first, and hands it to the future around
//! it, which polls it on with the span as the current one:
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
    /// From the body to the future around it. Full only on the way from the one to the other.
    static HANDED_OVER: Cell<Option<Span>> = const { Cell::new(None) };
}

/// Runs a future that [`enter`]s a span, and records how it ends.
pub fn run<F, L>(future: F, look: L) -> Running<F, L>
where
    F: Future,
    L: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    let future = OutcomeFuture::new(future, FutureSpan::NONE, look);
    Running {
        future: WithSpan::without_span(future),
    }
}

pin_project! {
    /// A future that gets its span from inside.
    pub struct Running<F, L> {
        #[pin]
        future: WithSpan<OutcomeFuture<F, L>>,
    }
}

impl<F, L> Future for Running<F, L>
where
    F: Future,
    L: FnOnce(&OutcomeRecorder<FutureSpan>, &F::Output),
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let mut future = self.project().future;
        if !future.has_span() {
            let polled = future.as_mut().poll(task);
            // None if a field waits for something, or has returned.
            let Some(span) = handed_over() else {
                return polled;
            };
            if let Some(observing) = future.as_mut().inner() {
                observing.set_span(&span);
            }
            future.as_mut().set_span(span);
        }
        future.poll(task)
    }
}

impl<F, L> fmt::Debug for Running<F, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// Makes a span current in the future that [`run`] polls.
pub fn enter(span: Span) -> Enter {
    Enter { span: Some(span) }
}

/// Hands the span over when it is polled first.
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
        // A thread that ends may have no place for it: then the work goes on without the span.
        let handed = HANDED_OVER.try_with(|place| place.set(span.take()));
        match handed {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        }
    }
}

/// The span that the future that was just polled has handed over.
fn handed_over() -> Option<Span> {
    HANDED_OVER.try_with(Cell::take).ok().flatten()
}

/// Takes the span of a guard that was entered in a closure. Where that returned before, what is
/// current is passed on.
pub fn exit(guard: Option<LocalSpan>) -> Span {
    guard.map_or_else(
        || Span::non_recording(|context| *context = current().span_context()),
        LocalSpan::exit,
    )
}
