//! The name and the attributes of a server span, from the head of its request.

use std::borrow::Cow;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version, header};
use opentelemetry::trace::{SpanBuilder, SpanKind};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::forwarded;
use crate::redact::REDACTED;
use crate::semconv::{
    NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_PROTOCOL_VERSION, SERVER_ADDRESS, SERVER_PORT,
    protocol_version,
};
use crate::span_name::span_name;
use crate::tower::config::{CapturedHeaders, ForwardedHeaders, TraceConfig};

pub(super) const HTTP_ROUTE: &str = "http.route";

/// The head of a request, which is the argument of the callbacks of [`TraceConfig`].
#[derive(Clone, Copy)]
pub struct RequestHead<'r> {
    method: &'r Method,
    uri: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> RequestHead<'r> {
    pub(super) fn new<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    pub fn method(&self) -> &'r Method {
        self.method
    }

    /// The target.
    pub fn uri(&self) -> &'r Uri {
        self.uri
    }

    /// The protocol version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers.
    pub fn headers(&self) -> &'r HeaderMap {
        self.headers
    }

    /// The extensions.
    pub fn extensions(&self) -> &'r Extensions {
        self.extensions
    }
}

impl std::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHead")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A span that is about to start. `unrouted_method` is the method part of its name, if the route is not known yet.
pub(super) struct NewSpan {
    pub(super) builder: SpanBuilder,
    pub(super) unrouted_method: Option<StringValue>,
}

/// Builds the span of a request. It has all attributes that are known now, so that samplers see them.
pub(super) fn new_span(config: &TraceConfig, head: &RequestHead<'_>) -> NewSpan {
    let mut attributes = Vec::with_capacity(16);
    let method = config
        .known_methods
        .push_attributes(head.method, &mut attributes);
    push_url(config, head, &mut attributes);
    push_addresses(config, head, &mut attributes);
    attributes.extend(
        protocol_version(head.version)
            .map(|version| KeyValue::new(NETWORK_PROTOCOL_VERSION, version)),
    );
    if let Some(agent) = head.headers.get(header::USER_AGENT) {
        attributes.push(KeyValue::new("user_agent.original", lossy(agent)));
    }
    push_headers(&config.request_headers, head.headers, &mut attributes);
    let route = config.route.as_ref().and_then(|route| route(head));
    let name = span_name(&method, route.as_deref());
    let unrouted_method = match route {
        Some(route) => {
            attributes.push(KeyValue::new(HTTP_ROUTE, route.into_owned()));
            None
        }
        None => Some(method),
    };
    let builder = SpanBuilder::from_name(name)
        .with_kind(SpanKind::Server)
        .with_attributes(attributes);
    NewSpan {
        builder,
        unrouted_method,
    }
}

/// Adds each listed header of the message as an array of strings. A value that is marked sensitive becomes `REDACTED`.
pub(super) fn push_headers(
    captured: &CapturedHeaders,
    headers: &HeaderMap,
    attributes: &mut Vec<KeyValue>,
) {
    for (name, key) in captured.0.iter() {
        let shown = |value: &http::HeaderValue| {
            if value.is_sensitive() {
                StringValue::from(REDACTED)
            } else {
                StringValue::from(lossy(value))
            }
        };
        let values: Vec<StringValue> = headers.get_all(name).iter().map(shown).collect();
        if !values.is_empty() {
            attributes.push(KeyValue::new(
                key.clone(),
                Value::Array(Array::String(values)),
            ));
        }
    }
}

fn push_url(config: &TraceConfig, head: &RequestHead<'_>, attributes: &mut Vec<KeyValue>) {
    let forwarded = match config.forwarded_headers {
        ForwardedHeaders::Trust => forwarded::scheme(head.headers).map(Cow::Borrowed),
        ForwardedHeaders::Ignore => None,
    };
    let scheme = forwarded
        .or_else(|| {
            head.uri
                .scheme_str()
                .and_then(forwarded::known_scheme)
                .map(Cow::Borrowed)
        })
        .unwrap_or_else(|| config.scheme.clone());
    attributes.push(KeyValue::new("url.scheme", scheme));
    attributes.push(KeyValue::new("url.path", head.uri.path().to_owned()));
    if let Some(query) = head.uri.query().filter(|query| !query.is_empty()) {
        attributes.push(KeyValue::new(
            "url.query",
            config.redacted_keys.query(query).into_owned(),
        ));
    }
}

fn push_addresses(config: &TraceConfig, head: &RequestHead<'_>, attributes: &mut Vec<KeyValue>) {
    let (host, client) = match config.forwarded_headers {
        ForwardedHeaders::Trust => (
            forwarded::host(head.headers),
            forwarded::client(head.headers),
        ),
        ForwardedHeaders::Ignore => (None, None),
    };
    let host = host
        .or_else(|| head.uri.authority().map(forwarded::authority_parts))
        .or_else(|| {
            head.headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
                .and_then(forwarded::host_and_port)
        });
    if let Some((address, port)) = host {
        attributes.push(KeyValue::new(SERVER_ADDRESS, address));
        attributes.extend(port.map(|port| KeyValue::new(SERVER_PORT, i64::from(port))));
    }
    let peer = (config.peer)(head);
    let peer_address = peer.map(|peer| peer.ip().to_string());
    if let Some(client) = client.or_else(|| peer_address.clone()) {
        attributes.push(KeyValue::new("client.address", client));
    }
    attributes.extend(peer_address.map(|address| KeyValue::new(NETWORK_PEER_ADDRESS, address)));
    attributes.extend(peer.map(|peer| KeyValue::new(NETWORK_PEER_PORT, i64::from(peer.port()))));
}

fn lossy(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
