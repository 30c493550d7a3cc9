//! The response future: what the head of the response adds to the span.

use std::future::Future;
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use http::response::Parts;
use http::{Method, Response, StatusCode};
use http_body::Body;
use opentelemetry::{KeyValue, StringValue};
use pin_project_lite::pin_project;

use crate::method::span_name;
use crate::semconv::HTTP_RESPONSE_STATUS_CODE;
use crate::tower::body::ResponseBody;
use crate::tower::config::TraceConfig;
use crate::tower::head::{HTTP_ROUTE, push_headers};
use crate::tower::marker::{HttpRoute, SpanEnd};
use crate::tower::span::{ActiveSpan, error_type};

pin_project! {
    /// The future of a [`TraceService`](crate::tower::TraceService).
    ///
    /// # Cancellation
    ///
    /// Dropped before the response is there, it ends the span with `error.type` `cancelled`.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // Before `span`: what the inner future still ends when dropped, ends first.
        #[pin]
        inner: F,
        span: Option<ActiveSpan>,
        exchange: Option<Exchange>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, span: Option<ActiveSpan>, exchange: Option<Exchange>) -> Self {
        Self {
            inner,
            span,
            exchange,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(ActiveSpan::scope(this.span, || this.inner.poll(task)));
        let (span, exchange) = (this.span.take(), this.exchange.take());
        match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = match span.zip(exchange) {
                    Some((span, exchange)) => exchange.answered(span, &parts, body),
                    None => ResponseBody::untraced(body),
                };
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
            Err(error) => {
                if let Some(mut span) = span {
                    span.fail(error_type::<E>());
                    span.end();
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

/// What the end of the span needs to know of the request.
#[derive(Debug)]
pub(super) struct Exchange {
    config: Arc<TraceConfig>,
    asked: Asked,
    unrouted_method: Option<StringValue>,
}

#[derive(Debug)]
enum Asked {
    Connect,
    Head,
    Other,
}

impl Exchange {
    pub(super) fn new(
        config: Arc<TraceConfig>,
        method: &Method,
        unrouted_method: Option<StringValue>,
    ) -> Self {
        let asked = match *method {
            Method::CONNECT => Asked::Connect,
            Method::HEAD => Asked::Head,
            _ => Asked::Other,
        };
        Self {
            config,
            asked,
            unrouted_method,
        }
    }

    fn answered<B: Body>(self, mut span: ActiveSpan, head: &Parts, body: B) -> ResponseBody<B> {
        if span.is_recording() {
            self.record(&mut span, head);
        }
        let span_end = head
            .extensions
            .get()
            .copied()
            .unwrap_or(self.config.span_end);
        if span_end == SpanEnd::Head || self.is_last(head.status) || body.is_end_stream() {
            span.end();
            return ResponseBody::untraced(body);
        }
        ResponseBody::traced(body, span, &head.headers)
    }

    fn record(&self, span: &mut ActiveSpan, head: &Parts) {
        let status_code = KeyValue::new(HTTP_RESPONSE_STATUS_CODE, i64::from(head.status.as_u16()));
        let mut attributes = Vec::new();
        push_headers(
            &self.config.response_headers,
            &head.headers,
            &mut attributes,
        );
        if let Some((method, route)) = self
            .unrouted_method
            .as_ref()
            .zip(head.extensions.get::<HttpRoute>())
        {
            attributes.push(KeyValue::new(HTTP_ROUTE, route.0.clone()));
            span.update_name(span_name(method, Some(&route.0)));
        }
        span.set_attributes(iter::once(status_code).chain(attributes));
        if head.status.is_server_error() {
            span.fail(head.status.as_str().to_owned());
        }
    }

    /// Whether a server sends no body of this response, or hands the connection over after the head.
    fn is_last(&self, status: StatusCode) -> bool {
        match (&self.asked, status) {
            (Asked::Head, _) => true,
            (Asked::Connect, status) if status.is_success() => true,
            (_, status) => {
                matches!(
                    status,
                    StatusCode::SWITCHING_PROTOCOLS
                        | StatusCode::NO_CONTENT
                        | StatusCode::NOT_MODIFIED
                )
            }
        }
    }
}
