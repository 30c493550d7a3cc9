//! Configuration of the server layer.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderName, header};
use opentelemetry::trace::{Tracer, TracerProvider};
use tracer_propagation::Propagator;

use crate::error::ConfigError;
use crate::method::KnownMethods;
use crate::propagator::HeaderPropagator;
use crate::redact::RedactedKeys;
use crate::tower::extensions::{PeerAddr, SpanEnd};
use crate::tower::layer::TraceLayer;
use crate::tower::request::RequestHead;
use crate::tracer::ScopedTracer;

pub(super) type Filter = dyn Fn(&RequestHead<'_>) -> bool + Send + Sync;
pub(super) type Route = dyn for<'r> Fn(&RequestHead<'r>) -> Option<Cow<'r, str>> + Send + Sync;
pub(super) type Peer = dyn Fn(&RequestHead<'_>) -> Option<SocketAddr> + Send + Sync;

/// How requests become spans; [`build`](Self::build) gives the layer.
///
/// ```
/// use http::HeaderName;
/// use tracer_instrument::tower::TraceConfig;
///
/// let layer = TraceConfig::default()
///     .filter(|request| request.uri().path() != "/health")
///     .request_headers([HeaderName::from_static("x-tenant")])
///     .build()?;
/// # Ok::<(), tracer_instrument::ConfigError>(())
/// ```
pub struct TraceConfig {
    pub(super) tracer: ScopedTracer,
    pub(super) propagator: HeaderPropagator,
    pub(super) known_methods: KnownMethods,
    pub(super) redacted_keys: RedactedKeys,
    pub(super) request_headers: CapturedHeaders,
    pub(super) response_headers: CapturedHeaders,
    pub(super) forwarded_headers: ForwardedHeaders,
    pub(super) scheme: Cow<'static, str>,
    pub(super) span_end: SpanEnd,
    pub(super) filter: Option<Box<Filter>>,
    pub(super) public_endpoint: Option<Box<Filter>>,
    pub(super) route: Option<Box<Route>>,
    pub(super) peer: Box<Peer>,
}

impl TraceConfig {
    /// Sets the provider of the spans. Default: the global one.
    ///
    /// The global provider is looked up when a request needs it, so it may be set after this configuration is built, and
    /// after the first requests. Once it has made a span, it is kept, and a provider that is set later has no effect.
    #[must_use]
    pub fn tracer_provider<P>(mut self, provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        self.tracer = ScopedTracer::of(provider);
        self
    }

    /// Sets the propagator that reads the request's headers. Default: the global one, looked up for each request.
    ///
    /// A propagator that is given here, or set with `tracer_propagation::global`, reads the headers directly. A propagator set
    /// at `opentelemetry::global` reads them through traits that know only text, so a value that is not UTF-8 is refused as a
    /// whole. Wrap a propagator that has only those traits in a `tracer_propagation::TextMap`.
    #[must_use]
    pub fn propagator(mut self, propagator: impl Propagator + 'static) -> Self {
        self.propagator = HeaderPropagator::given(propagator);
        self
    }

    /// The methods that are recorded as they are; others become `_OTHER`. Case-sensitive, at least one.
    ///
    /// Default: the list in `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` (comma separated, read when this configuration is
    /// made), or else the ten methods of the conventions.
    #[must_use]
    pub fn known_methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.known_methods = KnownMethods::listed(methods);
        self
    }

    /// The query keys whose values become `REDACTED` in `url.query`. Case-sensitive.
    ///
    /// Default, replaced by this list: `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`, `sig`,
    /// `X-Goog-Signature`.
    #[must_use]
    pub fn redacted_query_keys<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        self.redacted_keys = RedactedKeys::listed(keys);
        self
    }

    /// The request headers recorded as `http.request.header.<name>`, all values of each. Default: none.
    ///
    /// `authorization`, `proxy-authorization`, `cookie` and `set-cookie` are refused by [`build`](Self::build).
    #[must_use]
    pub fn request_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.request_headers = CapturedHeaders::new("http.request.header.", names);
        self
    }

    /// The response headers recorded as `http.response.header.<name>`, by the rules of
    /// [`request_headers`](Self::request_headers). Default: none.
    #[must_use]
    pub fn response_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.response_headers = CapturedHeaders::new("http.response.header.", names);
        self
    }

    /// Whether `Forwarded` and `X-Forwarded-{For,Host,Proto}` are believed. Default: [`ForwardedHeaders::Trust`], as the
    /// conventions ask for.
    #[must_use]
    pub fn forwarded_headers(mut self, forwarded_headers: ForwardedHeaders) -> Self {
        self.forwarded_headers = forwarded_headers;
        self
    }

    /// Sets `url.scheme` for requests whose scheme neither a proxy nor the request line states. Default: `http`. Use `https`
    /// behind a TLS acceptor.
    #[must_use]
    pub fn scheme(mut self, scheme: http::uri::Scheme) -> Self {
        self.scheme = Cow::Owned(scheme.as_str().to_owned());
        self
    }

    /// Sets the part of a response with which its span ends. Default: [`SpanEnd::Body`]. A response extension overrides it.
    #[must_use]
    pub fn span_end(mut self, span_end: SpanEnd) -> Self {
        self.span_end = span_end;
        self
    }

    /// Which requests get a span. Default: all. The others pass untouched, their context is not extracted.
    #[must_use]
    pub fn filter(
        mut self,
        filter: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Sets which requests come from untrusted callers. Default: none.
    ///
    /// The request of an untrusted caller starts a trace of its own, which this service's sampler decides on. It has a link to
    /// the span in the headers, and its baggage is dropped.
    ///
    /// ```
    /// use http::HeaderName;
    /// use tracer_instrument::tower::TraceConfig;
    ///
    /// // All of them.
    /// let layer = TraceConfig::default().public_endpoint(|_| true).build()?;
    /// // Those that a gateway marks, which removes the header from what it lets in.
    /// let internal = HeaderName::from_static("x-internal");
    /// let layer = TraceConfig::default()
    ///     .public_endpoint(move |request| !request.headers().contains_key(&internal))
    ///     .build()?;
    /// # Ok::<(), tracer_instrument::ConfigError>(())
    /// ```
    #[must_use]
    pub fn public_endpoint(
        mut self,
        is_untrusted: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.public_endpoint = Some(Box::new(is_untrusted));
        self
    }

    /// Sets the callback that returns the route template of a request. Default: none; `tracer_instrument::axum` sets it.
    #[must_use]
    pub fn route(
        mut self,
        route: impl for<'r> Fn(&RequestHead<'r>) -> Option<Cow<'r, str>> + Send + Sync + 'static,
    ) -> Self {
        self.route = Some(Box::new(route));
        self
    }

    /// The socket address of the peer. Default: the [`PeerAddr`] extension of the request.
    #[must_use]
    pub fn peer(
        mut self,
        peer: impl Fn(&RequestHead<'_>) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = Box::new(peer);
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a header with secrets is to be captured or the list of known methods is empty.
    pub fn build(self) -> Result<TraceLayer, ConfigError> {
        self.known_methods.check()?;
        self.request_headers.check()?;
        self.response_headers.check()?;
        Ok(TraceLayer::with_config(self))
    }
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            tracer: ScopedTracer::default(),
            propagator: HeaderPropagator::default(),
            known_methods: KnownMethods::from_env(),
            redacted_keys: RedactedKeys::default(),
            request_headers: CapturedHeaders::default(),
            response_headers: CapturedHeaders::default(),
            forwarded_headers: ForwardedHeaders::default(),
            scheme: Cow::Borrowed("http"),
            span_end: SpanEnd::default(),
            filter: None,
            public_endpoint: None,
            route: None,
            peer: Box::new(|head| head.extensions().get::<PeerAddr>().map(|peer| peer.0)),
        }
    }
}

impl fmt::Debug for TraceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceConfig")
            .field("tracer", &self.tracer)
            .field("propagator", &self.propagator)
            .field("known_methods", &self.known_methods)
            .field("redacted_keys", &self.redacted_keys)
            .field("request_headers", &self.request_headers)
            .field("response_headers", &self.response_headers)
            .field("forwarded_headers", &self.forwarded_headers)
            .field("scheme", &self.scheme)
            .field("span_end", &self.span_end)
            .field("has_filter", &self.filter.is_some())
            .field("has_public_endpoint", &self.public_endpoint.is_some())
            .field("has_route", &self.route.is_some())
            .finish_non_exhaustive()
    }
}

/// Whether a proxy's description of the original request counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ForwardedHeaders {
    /// Only the connection and the request itself count: right for a server without a proxy in front of it.
    Ignore,
    /// The headers come first.
    #[default]
    Trust,
}

/// An allow list of headers with the attribute key of each.
#[derive(Clone, Debug, Default)]
pub(super) struct CapturedHeaders(pub(super) Arc<[(HeaderName, Arc<str>)]>);

impl CapturedHeaders {
    fn new(prefix: &str, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let with_key = |name: HeaderName| {
            let key = Arc::from([prefix, name.as_str()].concat());
            (name, key)
        };
        Self(names.into_iter().map(with_key).collect())
    }

    fn check(&self) -> Result<(), ConfigError> {
        const SECRET: [HeaderName; 4] = [
            header::AUTHORIZATION,
            header::COOKIE,
            header::PROXY_AUTHORIZATION,
            header::SET_COOKIE,
        ];
        match self.0.iter().find(|(name, _)| SECRET.contains(name)) {
            Some((header, _)) => Err(ConfigError::SecretHeader {
                header: header.clone(),
            }),
            None => Ok(()),
        }
    }
}
