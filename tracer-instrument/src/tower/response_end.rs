//! The end of a response: decides with which part of the response its span ends.

use std::task::Poll;

use bytes::Buf;
use http::response::Parts;
use http::{Method, StatusCode, header};
use http_body::{Body, Frame};

use crate::tower::extensions::SpanEnd;

/// The part of a response with which its span ends.
#[derive(Debug)]
pub(super) enum ResponseEnd {
    Body(BodyEnd),
    Head,
}

impl ResponseEnd {
    /// Decides by the head of the response. A [`SpanEnd`] among its extensions overrides the one that is configured.
    pub(super) fn new<B: Body>(
        method: MethodClass,
        configured: SpanEnd,
        head: &Parts,
        body: &B,
    ) -> Self {
        let span_end = head.extensions.get().copied().unwrap_or(configured);
        let is_head = span_end == SpanEnd::Head || method.has_no_response_body(head.status);
        if is_head || body.is_end_stream() {
            Self::Head
        } else {
            Self::Body(BodyEnd::new(head, body))
        }
    }
}

/// The request methods that change how a response ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum MethodClass {
    Connect,
    Head,
    Other,
}

impl MethodClass {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::CONNECT => Self::Connect,
            Method::HEAD => Self::Head,
            _ => Self::Other,
        }
    }

    /// Returns whether the response ends with its head: the server sends no body, or the connection leaves HTTP.
    fn has_no_response_body(self, status: StatusCode) -> bool {
        match self {
            Self::Head => true,
            Self::Connect if status.is_success() => true,
            Self::Connect | Self::Other => matches!(
                status,
                StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            ),
        }
    }
}

/// Finds the end of a response body among its frames.
#[derive(Debug, Default)]
pub(super) struct BodyEnd {
    /// The bytes still to come, if the response announced its length.
    remaining_bytes: Option<u64>,
}

/// The state of a response body after a poll.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BodyState {
    /// All announced bytes have come. A server may drop the body now, without polling it to its end.
    Complete,
    Ended,
    Failed,
    Open,
}

/// The result of `Body::poll_frame`.
type PolledFrame<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

impl BodyEnd {
    fn new<B: Body>(head: &Parts, body: &B) -> Self {
        // A server goes by the header if the body announces another length.
        let announced = head
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        Self {
            remaining_bytes: announced.or_else(|| body.size_hint().exact()),
        }
    }

    /// Returns the state of the body after it returned `polled`.
    pub(super) fn after<B: Body>(&mut self, polled: &PolledFrame<B>, body: &B) -> BodyState {
        match polled {
            Poll::Pending => BodyState::Open,
            Poll::Ready(None) => BodyState::Ended,
            Poll::Ready(Some(Err(_))) => BodyState::Failed,
            Poll::Ready(Some(Ok(frame))) => {
                let is_complete = self.count(frame);
                if frame.is_trailers() || body.is_end_stream() {
                    BodyState::Ended
                } else if is_complete {
                    BodyState::Complete
                } else {
                    BodyState::Open
                }
            }
        }
    }

    /// Counts the bytes of a frame. Returns whether they were the last of those announced.
    fn count<D: Buf>(&mut self, frame: &Frame<D>) -> bool {
        let (Some(data), Some(remaining)) = (frame.data_ref(), &mut self.remaining_bytes) else {
            return false;
        };
        let len = u64::try_from(data.remaining()).unwrap_or(u64::MAX);
        *remaining = remaining.saturating_sub(len);
        *remaining == 0
    }
}
