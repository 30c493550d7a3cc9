//! A request under construction.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::reqwest::{Body, Error, RequestBuilder, Response, Version};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::reqwest::config::ClientConfig;
use crate::reqwest::span::{self, CallOptions};

/// A `reqwest::RequestBuilder` whose `send` has a client span.
#[must_use = "a request is sent by `send`"]
pub struct TracedRequest {
    builder: RequestBuilder,
    config: Arc<ClientConfig>,
    call: CallOptions,
}

impl TracedRequest {
    pub(super) fn new(builder: RequestBuilder, config: Arc<ClientConfig>) -> Self {
        Self {
            builder,
            config,
            call: CallOptions::default(),
        }
    }

    /// Names the span `{method} {template}` and sets `url.template`. The template has placeholders in the place of
    /// values, as `/stock/{sku}`.
    pub fn url_template(mut self, template: impl Into<Cow<'static, str>>) -> Self {
        self.call.url_template = Some(template.into());
        self
    }

    /// Sets `http.request.resend_count`: 1 for the first repetition of a request, 2 for the second. 0, the default, is
    /// the first attempt and sets nothing.
    pub fn resend_count(mut self, ordinal: u32) -> Self {
        self.call.resend_count = ordinal;
        self
    }

    /// Applies what this type has no method for, such as `multipart`.
    ///
    /// ```
    /// # let client = tracer_instrument::reqwest::TracedClient::new(reqwest::Client::new());
    /// let request = client.get("http://127.0.0.1/").map(|builder| builder.version(http::Version::HTTP_11));
    /// # drop(request);
    /// ```
    pub fn map(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Adds a header.
    pub fn header<K, V>(self, key: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|builder| builder.header(key, value))
    }

    /// Adds headers, replacing those of the same name.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|builder| builder.headers(headers))
    }

    /// Adds a basic `Authorization` header.
    pub fn basic_auth(self, user: impl fmt::Display, password: Option<impl fmt::Display>) -> Self {
        self.map(|builder| builder.basic_auth(user, password))
    }

    /// Adds a bearer `Authorization` header.
    pub fn bearer_auth(self, token: impl fmt::Display) -> Self {
        self.map(|builder| builder.bearer_auth(token))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|builder| builder.body(body))
    }

    /// Sets the body to this value as a form.
    pub fn form<T: Serialize + ?Sized>(self, form: &T) -> Self {
        self.map(|builder| builder.form(form))
    }

    /// Sets the body to this value as JSON.
    pub fn json<T: Serialize + ?Sized>(self, json: &T) -> Self {
        self.map(|builder| builder.json(json))
    }

    /// Adds this value to the query.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|builder| builder.query(query))
    }

    /// Sets the timeout from the start of the connection to the end of the body.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|builder| builder.timeout(timeout))
    }

    /// Sets the protocol version.
    pub fn version(self, version: Version) -> Self {
        self.map(|builder| builder.version(version))
    }

    /// Sends the request under a client span, a child of the span that is current at this call.
    ///
    /// # Cancellation
    ///
    /// Dropping the future cancels the request and ends the span, without an error.
    ///
    /// # Errors
    ///
    /// Those of `reqwest::RequestBuilder::send`. A request that cannot be built (a bad URL) has no span.
    pub fn send(self) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        let (client, request) = self.builder.build_split();
        span::send(client, request, self.config, self.call)
    }
}

impl fmt::Debug for TracedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither URL nor headers: both may carry secrets.
        f.debug_struct("TracedRequest")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
