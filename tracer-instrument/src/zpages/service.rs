//! The service: checks a request, and answers it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tower_service::Service;
use tracer_core::live::LiveView;

use crate::zpages::body::PageBody;
use crate::zpages::model::PageData;
use crate::zpages::page;
use crate::zpages::query::{Format, Query};

type ValueFilter = dyn Fn(&str) -> bool + Send + Sync;

/// A service that shows a [`LiveView`] to a browser. [The module](crate::zpages) describes its queries.
///
/// # Cost
///
/// A page takes some milliseconds for 200 spans, on the calling thread. It holds a lock that spans wait for only while it
/// copies the view.
#[derive(Clone)]
pub struct DebugSpans {
    live: LiveView,
    shows_value: Arc<ValueFilter>,
}

impl DebugSpans {
    /// Makes a service that shows the spans of a view, without the values of attributes.
    #[must_use]
    pub fn new(live: LiveView) -> Self {
        Self {
            live,
            shows_value: Arc::new(|_| false),
        }
    }

    /// Sets which values are shown, by the keys of their attributes, for spans and events alike. The description of an error
    /// has the key `otel.status_description`. Default: none, because values may be secret.
    ///
    /// ```
    /// # use tracer_core::live::LiveView;
    /// use tracer_instrument::zpages::DebugSpans;
    ///
    /// let shown = ["http.request.method", "http.route", "http.response.status_code"];
    /// let page = DebugSpans::new(LiveView::default()).show_values(move |key| shown.contains(&key));
    /// ```
    #[must_use]
    pub fn show_values(
        mut self,
        shows_value: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.shows_value = Arc::new(shows_value);
        self
    }

    fn answer(
        &self,
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Response<PageBody> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let query = match Query::parse(query.unwrap_or_default()) {
            Ok(query) => query,
            Err(error) => return plain(StatusCode::BAD_REQUEST, error),
        };
        if query.is_style {
            return respond(
                StatusCode::OK,
                "text/css; charset=utf-8",
                page::STYLE.to_owned(),
            );
        }
        let answer = PageData::new(&self.live, &query, &*self.shows_value);
        match query.format(headers) {
            Format::Html => respond(
                StatusCode::OK,
                "text/html; charset=utf-8",
                page::render(&answer, &query),
            ),
            // A struct of texts and numbers: there is nothing that JSON could not hold.
            Format::Json => respond(
                StatusCode::OK,
                "application/json",
                serde_json::to_string(&answer).unwrap_or_default(),
            ),
        }
    }
}

impl fmt::Debug for DebugSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugSpans")
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for DebugSpans {
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = self.answer(request.method(), request.uri().query(), request.headers());
        if request.method() == Method::HEAD {
            *response.body_mut() = PageBody::new(Vec::new());
        }
        ready(Ok(response))
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<PageBody> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<PageBody> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(PageBody::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(SAFETY);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Also for HEAD, whose body is empty (RFC 9110 §8.6).
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

/// Headers against injection. Spans contain bytes of untrusted callers, and these headers limit what a missed escape could do.
const SAFETY: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::VARY, HeaderValue::from_static("accept")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];
