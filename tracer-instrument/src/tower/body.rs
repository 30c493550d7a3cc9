//! The response body, which holds the span until its end.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::error_type;
use crate::tower::response_end::{BodyEnd, BodyState};
use crate::tower::span::ActiveSpan;

pin_project! {
    /// The body of a traced response.
    ///
    /// # Cancellation
    ///
    /// If the body is dropped before its end, the span ends with `error.type` `cancelled`. A server that drops the body
    /// after it has written the announced `Content-Length` has reached the end.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // Before `span`, so that spans which the inner body ends when dropped end before this one.
        #[pin]
        inner: B,
        span: Option<ActiveSpan>,
        end: BodyEnd,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn untraced(inner: B) -> Self {
        Self {
            inner,
            span: None,
            end: BodyEnd::default(),
        }
    }

    pub(super) fn traced(inner: B, span: ActiveSpan, end: BodyEnd) -> Self {
        Self {
            inner,
            span: Some(span),
            end,
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
        match this.end.after(&polled, &*this.inner) {
            BodyState::Open => return polled,
            BodyState::Complete => {
                span.allow_drop();
                return polled;
            }
            BodyState::Failed => span.record_error(error_type::of_type::<B::Error>()),
            BodyState::Ended => {}
        }
        if let Some(span) = this.span.take() {
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
