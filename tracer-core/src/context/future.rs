//! Futures, streams and sinks with a span.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
};

use futures_core::Stream;
use futures_sink::Sink;
use opentelemetry::trace::TraceContextExt as _;
use pin_project_lite::pin_project;

use super::{captured::CapturedContext, current::CurrentSpan, failure};
use crate::{
    clock::{Anchor, system_time},
    provider_core::ProviderCore,
    span::Span,
};

/// Adds a span to a future. [`StreamInSpan`] does so for streams, and [`WithSpan::new`] for sinks.
///
/// There are two traits, because one trait for both would have to be implemented by every type. Its
/// method would then hide [`Tracer::in_span`](opentelemetry::trace::Tracer::in_span).
///
/// # Cost
/// The two allocations of `Context` when the future is made, and none when it is polled.
///
/// # Examples
/// ```
/// use tracer_core::{InSpan as _, TracerProvider, current, start_span};
///
/// async fn handle() {
///     current().set_attribute(opentelemetry::KeyValue::new("handled", true));
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// handle().in_span(start_span!("request")).await;
/// assert_eq!(provider.stats().ended, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait InSpan: Future + Sized {
    /// Makes the span current during each poll; see [`WithSpan::new`].
    fn in_span(self, span: Span) -> WithSpan<Self> {
        WithSpan::new(self, span)
    }

    /// Makes the span that is current now the parent during each poll; see [`WithSpan::current`].
    fn with_current_span(self) -> WithSpan<Self> {
        WithSpan::current(self)
    }
}

impl<T: Future> InSpan for T {}

/// Adds a span to a stream. The cost is that of [`InSpan`].
///
/// # Examples
/// ```
/// use futures_util::{StreamExt as _, stream};
/// use tracer_core::{StreamInSpan as _, TracerProvider, span, start_span};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let rows = stream::iter(1..=3).inspect(|_| drop(span!("row")));
/// let rows = rows.in_span(start_span!("query"));
/// assert_eq!(rows.count().await, 3);
/// assert_eq!(provider.stats().ended, 4);
/// # Ok::<(), tracer_core::ConfigError>(())
/// # }).ok_or("not ready")??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait StreamInSpan: Stream + Sized {
    /// Makes the span current during each poll; see [`WithSpan::new`].
    fn in_span(self, span: Span) -> WithSpan<Self> {
        WithSpan::new(self, span)
    }

    /// Makes the span that is current now the parent during each poll; see [`WithSpan::current`].
    fn with_current_span(self) -> WithSpan<Self> {
        WithSpan::current(self)
    }
}

impl<T: Stream> StreamInSpan for T {}

/// The clock for the end time of a span that the `Context` owns. Without a given time, the API
/// would read the wall clock.
struct End {
    provider: Arc<ProviderCore>,
    anchor: Anchor,
}

impl End {
    /// Returns `None` for a span that does not record.
    fn of(span: &Span) -> Option<Self> {
        let (provider, anchor) = span.clock()?;
        Some(Self { provider, anchor })
    }

    fn end(self, captured: &CapturedContext) {
        let now = self.anchor.wall(self.provider.clock.monotonic_nanos());
        captured
            .context()
            .span()
            .end_with_timestamp(system_time(now));
    }
}

pin_project! {
    /// A future, stream or sink with a span.
    #[must_use = "futures do nothing unless polled"]
    pub struct WithSpan<T> {
        // `None` while the future is dropped.
        #[pin]
        inner: Option<T>,
        // `None` until the future gets its span.
        captured: Option<CapturedContext>,
        // `None` once the span has ended, and if this future does not end the span.
        end: Option<End>,
    }

    impl<T> PinnedDrop for WithSpan<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(captured) = this.captured else {
                return this.inner.set(None);
            };
            // Ends the span even if the drop of the inner future panics.
            let _ending = EndAtDrop {
                end: this.end,
                captured,
                reason: Some(EndReason::Done),
            };
            let _entered = captured.enter();
            this.inner.set(None);
        }
    }
}

// The inner future may hold secrets, and a tracestate comes from other systems.
impl<T> fmt::Debug for WithSpan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithSpan").finish_non_exhaustive()
    }
}

/// Ends the span when this is dropped, if there is a reason.
struct EndAtDrop<'a> {
    end: &'a mut Option<End>,
    captured: &'a CapturedContext,
    reason: Option<EndReason>,
}

/// The reason for which a span ends.
enum EndReason {
    /// The work is done, or was dropped.
    Done,
    /// A poll has panicked.
    Panic,
}

impl Drop for EndAtDrop<'_> {
    fn drop(&mut self) {
        let Some(reason) = &self.reason else { return };
        if let Some(end) = self.end.take() {
            if let EndReason::Panic = reason {
                failure::record_panic(&CurrentSpan::of(self.captured.context().clone()));
            }
            end.end(self.captured);
        }
    }
}

impl<T> WithSpan<T> {
    /// Makes the span current during each poll, for the native API and in `opentelemetry::Context`.
    /// The other values of the `Context` that is current now are kept.
    ///
    /// The span ends when the future is ready, the stream or sink ends, a poll panics, or this is
    /// dropped, whichever comes first. The inner future is dropped while the span is current. A
    /// poll that panics ends the span as an error, as [`LocalSpan`](crate::LocalSpan) describes.
    pub fn new(inner: T, span: Span) -> Self {
        let end = End::of(&span);
        Self {
            inner: Some(inner),
            captured: Some(CapturedContext::of(span)),
            end,
        }
    }

    /// Makes a future that has no span yet. It makes nothing current.
    pub(crate) fn without_span(inner: T) -> Self {
        Self {
            inner: Some(inner),
            captured: None,
            end: None,
        }
    }

    pub(crate) fn has_span(&self) -> bool {
        self.captured.is_some()
    }

    /// Makes the span current from the next poll on; see [`new`](Self::new).
    pub(crate) fn set_span(self: Pin<&mut Self>, span: Span) {
        let this = self.project();
        *this.end = End::of(&span);
        *this.captured = Some(CapturedContext::of(span));
    }

    pub(crate) fn inner(self: Pin<&mut Self>) -> Option<Pin<&mut T>> {
        self.project().inner.as_pin_mut()
    }

    /// Makes the span that is current now the parent during each poll, with the other values of its
    /// `Context`.
    ///
    /// It does not end the span. It cannot change the span of a guard, unless the provider
    /// [activates contexts](crate::TracerProviderBuilder::context_activation).
    pub fn current(inner: T) -> Self {
        Self {
            inner: Some(inner),
            captured: Some(CapturedContext::current()),
            end: None,
        }
    }

    /// Polls the inner future while the span is current. Ends the span if the result `is_last`, or
    /// if the poll panics. Returns `None` if the inner future is gone.
    fn poll_inside<R>(
        self: Pin<&mut Self>,
        poll: impl FnOnce(Pin<&mut T>) -> R,
        is_last: impl FnOnce(&R) -> bool,
    ) -> Option<R> {
        let this = self.project();
        let inner = this.inner.as_pin_mut()?;
        let Some(captured) = this.captured else {
            return Some(poll(inner));
        };
        let mut ending = EndAtDrop {
            end: this.end,
            captured,
            // Applies until the poll has returned.
            reason: Some(EndReason::Panic),
        };
        let result = {
            let _entered = captured.enter();
            poll(inner)
        };
        ending.reason = is_last(&result).then_some(EndReason::Done);
        Some(result)
    }
}

impl<T: Future> Future for WithSpan<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<T::Output> {
        self.poll_inside(|inner| inner.poll(task), Poll::is_ready)
            .unwrap_or(Poll::Pending)
    }
}

impl<T: Stream> Stream for WithSpan<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Option<T::Item>> {
        let is_last = |next: &Poll<Option<_>>| matches!(next, Poll::Ready(None));
        self.poll_inside(|inner| inner.poll_next(task), is_last)
            .unwrap_or(Poll::Ready(None))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let inner = self.inner.as_ref();
        inner.map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<I, T: Sink<I>> Sink<I> for WithSpan<T> {
    type Error = T::Error;

    fn poll_ready(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), T::Error>> {
        self.poll_inside(|inner| inner.poll_ready(task), |_| false)
            .unwrap_or(Poll::Pending)
    }

    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), T::Error> {
        self.poll_inside(|inner| inner.start_send(item), |_| false)
            .unwrap_or(Ok(()))
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), T::Error>> {
        self.poll_inside(|inner| inner.poll_flush(task), |_| false)
            .unwrap_or(Poll::Pending)
    }

    fn poll_close(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), T::Error>> {
        self.poll_inside(|inner| inner.poll_close(task), Poll::is_ready)
            .unwrap_or(Poll::Pending)
    }
}
