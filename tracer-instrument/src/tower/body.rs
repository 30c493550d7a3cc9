//! The response body: keeps the span until the last frame.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use bytes::Buf;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::tower::span::{ActiveSpan, error_type};

pin_project! {
    /// The body of a traced response.
    ///
    /// # Cancellation
    ///
    /// Dropped before its end, it ends the span with `error.type` `cancelled`. A server that drops the body once the
    /// announced `Content-Length` is written has reached the end.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // Before `span`: what the inner body still ends when dropped, ends first.
        #[pin]
        inner: B,
        span: Option<ActiveSpan>,
        // Bytes still to come, if their number was announced.
        remaining_bytes: Option<u64>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn untraced(inner: B) -> Self {
        Self {
            inner,
            span: None,
            remaining_bytes: None,
        }
    }

    pub(super) fn traced(inner: B, span: ActiveSpan, headers: &HeaderMap) -> Self {
        // The header first: it is what the server goes by when both are there.
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let remaining_bytes = announced.or_else(|| inner.size_hint().exact());
        Self {
            inner,
            span: Some(span),
            remaining_bytes,
        }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let polled = ActiveSpan::scope(this.span, || this.inner.as_mut().poll_frame(task));
        let Some(span) = this.span else { return polled };
        let is_over = match &polled {
            Poll::Pending => false,
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) => {
                span.fail(error_type::<B::Error>());
                true
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(remaining)) =
                    (frame.data_ref(), this.remaining_bytes.as_mut())
                {
                    *remaining = remaining
                        .saturating_sub(u64::try_from(data.remaining()).unwrap_or(u64::MAX));
                    if *remaining == 0 {
                        span.may_be_dropped();
                    }
                }
                frame.is_trailers() || this.inner.is_end_stream()
            }
        };
        if is_over && let Some(span) = this.span.take() {
            span.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
