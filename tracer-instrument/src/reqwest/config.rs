//! Configuration of the client.

use std::sync::Arc;

use ::reqwest::{Client, ClientBuilder};
use opentelemetry::trace::{Tracer, TracerProvider};
use tracer_propagation::{PropagationPolicy, Propagator};

use crate::error::ConfigError;
use crate::method::KnownMethods;
use crate::propagator::HeaderPropagator;
use crate::redact::RedactedKeys;
use crate::reqwest::client::TracedClient;
use crate::reqwest::redirect::redirects_within;
use crate::tracer::ScopedTracer;

/// How requests become spans; [`build`](Self::build) gives the client.
///
/// ```
/// use tracer_instrument::reqwest::ClientConfig;
///
/// let client = ClientConfig::default().redacted_query_keys(["token"]).build(reqwest::Client::new())?;
/// # let _ = client;
/// # Ok::<(), tracer_instrument::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct ClientConfig {
    pub(super) tracer: ScopedTracer,
    pub(super) propagator: HeaderPropagator,
    /// `None` while nothing is kept back.
    pub(super) propagation: Option<PropagationPolicy>,
    pub(super) known_methods: KnownMethods,
    pub(super) redacted_keys: RedactedKeys,
}

impl ClientConfig {
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

    /// Sets the propagator that writes the request's headers. Default: the global one, looked up for each request.
    ///
    /// A propagator that is given here, or set with `tracer_propagation::global`, writes the headers directly. A propagator set
    /// at `opentelemetry::global` writes them through traits. Wrap a propagator that has only those traits in a
    /// `tracer_propagation::TextMap`.
    #[must_use]
    pub fn propagator(mut self, propagator: impl Propagator + 'static) -> Self {
        self.propagator = HeaderPropagator::given(propagator);
        self
    }

    /// Which hosts get trace context, and which baggage. Default: all, both.
    ///
    /// The host is that of the URL. Headers that a caller sets itself are the caller's. reqwest takes headers along where a
    /// response redirects it to, so the client is to be made by [`build_client`](Self::build_client), or its own redirects
    /// are to be bounded by [`redirects_within`].
    ///
    /// ```
    /// use tracer_instrument::reqwest::ClientConfig;
    /// use tracer_propagation::PropagationPolicy;
    ///
    /// let policy = PropagationPolicy::default().baggage_to(["*.example.com", "localhost"])?;
    /// let client = ClientConfig::default()
    ///     .propagation_policy(policy)
    ///     .build_client(reqwest::Client::builder())?;
    /// # let _ = client;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn propagation_policy(mut self, policy: PropagationPolicy) -> Self {
        self.propagation = Some(policy);
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

    /// The query keys whose values become `REDACTED` in `url.full`. Case-sensitive.
    ///
    /// Default, replaced by this list: `X-Amz-Signature`, `X-Amz-Credential`, `X-Amz-Security-Token`, `sig`,
    /// `X-Goog-Signature`. User and password are replaced in any case.
    #[must_use]
    pub fn redacted_query_keys<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        self.redacted_keys = RedactedKeys::listed(keys);
        self
    }

    /// The client that sends through `client`, whose redirects are as they are.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the list of known methods is empty.
    pub fn build(self, client: Client) -> Result<TracedClient, ConfigError> {
        self.known_methods.check()?;
        Ok(TracedClient::with_config(client, Arc::new(self)))
    }

    /// The client that sends through the one of `builder`. With a [policy](Self::propagation_policy) its redirects keep
    /// to that, whatever the builder says of redirects, by [`redirects_within`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the list of known methods is empty, or reqwest cannot make the client.
    pub fn build_client(self, mut builder: ClientBuilder) -> Result<TracedClient, ConfigError> {
        if let Some(policy) = &self.propagation {
            builder = builder.redirect(redirects_within(policy.clone()));
        }
        let client = builder.build().map_err(ConfigError::Client)?;
        self.build(client)
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            tracer: ScopedTracer::default(),
            propagator: HeaderPropagator::default(),
            propagation: None,
            known_methods: KnownMethods::from_env(),
            redacted_keys: RedactedKeys::default(),
        }
    }
}
