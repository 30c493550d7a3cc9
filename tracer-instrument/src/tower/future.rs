//! The response future, which adds the head of the response to the span.

use std::future::Future;
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use http::response::Parts;
use http::{Method, Response};
use http_body::Body;
use opentelemetry::{KeyValue, StringValue};
use pin_project_lite::pin_project;

use crate::error_type;
use crate::semconv::HTTP_RESPONSE_STATUS_CODE;
use crate::span_name::span_name;
use crate::tower::body::ResponseBody;
use crate::tower::config::TraceConfig;
use crate::tower::extensions::HttpRoute;
use crate::tower::request::{HTTP_ROUTE, push_headers};
use crate::tower::response_end::{MethodClass, ResponseEnd};
use crate::tower::span::ActiveSpan;

pin_project! {
    /// The future of a [`TraceService`](crate::tower::TraceService).
    ///
    /// # Cancellation
    ///
    /// If the future is dropped before it has a response, the span ends with `error.type` `cancelled`.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // Before `span`, so that spans which the inner future ends when dropped end before this one.
        #[pin]
        inner: F,
        span: Option<ActiveSpan>,
        request: Option<RequestInfo>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, span: Option<ActiveSpan>, request: Option<RequestInfo>) -> Self {
        Self {
            inner,
            span,
            request,
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
        let (span, request) = (this.span.take(), this.request.take());
        match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = match span.zip(request) {
                    Some((span, request)) => request.on_response(span, &parts, body),
                    None => ResponseBody::untraced(body),
                };
                Poll::Ready(Ok(Response::from_parts(parts, body)))
            }
            Err(error) => {
                if let Some(mut span) = span {
                    span.record_error(error_type::of_type::<E>());
                    span.end();
                }
                Poll::Ready(Err(error))
            }
        }
    }
}

/// The facts about a request that its response needs.
#[derive(Debug)]
pub(super) struct RequestInfo {
    config: Arc<TraceConfig>,
    method_class: MethodClass,
    unrouted_method: Option<StringValue>,
}

impl RequestInfo {
    pub(super) fn new(
        config: Arc<TraceConfig>,
        method: &Method,
        unrouted_method: Option<StringValue>,
    ) -> Self {
        Self {
            config,
            method_class: MethodClass::of(method),
            unrouted_method,
        }
    }

    fn on_response<B: Body>(self, mut span: ActiveSpan, head: &Parts, body: B) -> ResponseBody<B> {
        if span.is_recording() {
            self.set_response_attributes(&mut span, head);
        }
        match ResponseEnd::new(self.method_class, self.config.span_end, head, &body) {
            ResponseEnd::Head => {
                span.end();
                ResponseBody::untraced(body)
            }
            ResponseEnd::Body(end) => ResponseBody::traced(body, span, end),
        }
    }

    fn set_response_attributes(&self, span: &mut ActiveSpan, head: &Parts) {
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
            span.record_error(head.status.as_str().to_owned());
        }
    }
}
