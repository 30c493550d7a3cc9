//! The service, which starts the span.

use std::sync::Arc;
use std::task::{Context as Task, Poll};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::Context;
use opentelemetry::trace::{Link, TraceContextExt};
use tower_service::Service;

use crate::tower::body::ResponseBody;
use crate::tower::config::TraceConfig;
use crate::tower::extensions::Untraced;
use crate::tower::future::{RequestInfo, ResponseFuture};
use crate::tower::request::{RequestHead, new_span};
use crate::tower::span::ActiveSpan;

/// A service whose requests have server spans. It is made by [`TraceLayer`](crate::tower::TraceLayer).
///
/// # Cost
///
/// A request allocates one vector of attributes and the strings in it. A span in a `Context` of the OpenTelemetry API
/// also takes a box, a shared allocation, and a lock for each group of attributes. Nothing else is boxed.
#[derive(Clone, Debug)]
pub struct TraceService<S> {
    inner: S,
    config: Arc<TraceConfig>,
}

impl<S> TraceService<S> {
    pub(super) fn new(inner: S, config: Arc<TraceConfig>) -> Self {
        Self { inner, config }
    }

    fn start<B>(&self, request: &Request<B>) -> Option<(ActiveSpan, RequestInfo)> {
        let config = &self.config;
        let head = RequestHead::new(request);
        let is_untraced = Context::is_current_telemetry_suppressed()
            || head.extensions().get::<Untraced>().is_some()
            || config.filter.as_ref().is_some_and(|filter| !filter(&head));
        if is_untraced {
            return None;
        }
        let current = tracer_core::current_context();
        // If the headers name no span, the current span is the parent.
        let mut parent = config.propagator.extract(&current, head.headers());
        let mut new = new_span(config, &head);
        let is_untrusted = config.public_endpoint.as_ref();
        if is_untrusted.is_some_and(|is_untrusted| is_untrusted(&head)) {
            new.builder.links = link_to_caller(&parent, &current);
            parent = current;
        }
        let span = ActiveSpan::new(config.tracer.start(new.builder, &parent));
        Some((
            span,
            RequestInfo::new(Arc::clone(config), head.method(), new.unrouted_method),
        ))
    }
}

impl<S, RequestBody, B> Service<Request<RequestBody>> for TraceService<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (mut span, info) = match self.start(&request) {
            Some((span, info)) => (Some(span), Some(info)),
            None => (None, None),
        };
        let inner = ActiveSpan::scope(&mut span, || self.inner.call(request));
        ResponseFuture::new(inner, span, info)
    }
}

/// Returns a link to the span that the headers name, if they name one.
fn link_to_caller(extracted: &Context, current: &Context) -> Option<Vec<Link>> {
    let (extracted, current) = (extracted.span(), current.span());
    let caller = extracted.span_context();
    let is_named = caller.is_valid() && caller != current.span_context();
    is_named.then(|| vec![Link::with_context(caller.clone())])
}
