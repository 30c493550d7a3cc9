//! The client.

use std::future::Future;
use std::sync::Arc;

use ::reqwest::{Client, Error, IntoUrl, Method, Request, Response};

use crate::reqwest::config::ClientConfig;
use crate::reqwest::request::TracedRequest;
use crate::reqwest::span;

/// A `reqwest::Client` whose requests have client spans. Cheap to clone.
///
/// There is no `Deref` to the client inside: a call on it would bypass the tracing without a sign.
/// [`inner`](Self::inner) says it out loud.
#[derive(Clone, Debug)]
pub struct TracedClient {
    inner: Client,
    config: Arc<ClientConfig>,
}

impl TracedClient {
    /// Traces the requests of `client` with the defaults of [`ClientConfig`]: global provider, global propagator.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::with_config(client, Arc::default())
    }

    pub(super) fn with_config(inner: Client, config: Arc<ClientConfig>) -> Self {
        Self { inner, config }
    }

    /// The client inside, for requests without spans.
    pub fn inner(&self) -> &Client {
        &self.inner
    }

    /// Starts a `DELETE` request.
    pub fn delete(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::DELETE, url)
    }

    /// Starts a `GET` request.
    pub fn get(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::GET, url)
    }

    /// Starts a `HEAD` request.
    pub fn head(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::HEAD, url)
    }

    /// Starts a `PATCH` request.
    pub fn patch(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::PATCH, url)
    }

    /// Starts a `POST` request.
    pub fn post(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::POST, url)
    }

    /// Starts a `PUT` request.
    pub fn put(&self, url: impl IntoUrl) -> TracedRequest {
        self.request(Method::PUT, url)
    }

    /// Starts a request of any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> TracedRequest {
        TracedRequest::new(self.inner.request(method, url), Arc::clone(&self.config))
    }

    /// Sends a request that was built elsewhere. As [`TracedRequest::send`].
    ///
    /// # Errors
    ///
    /// Those of `reqwest::Client::execute`.
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        span::send(
            self.inner.clone(),
            Ok(request),
            Arc::clone(&self.config),
            span::CallOptions::default(),
        )
    }
}
