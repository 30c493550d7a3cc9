//! One call and its span.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use ::reqwest::{Client, Error, Request, Response};
use opentelemetry::trace::{FutureExt, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::method::span_name;
use crate::reqwest::config::ClientConfig;
use crate::reqwest::url;
use crate::semconv::{
    HTTP_RESPONSE_STATUS_CODE, NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_PROTOCOL_VERSION,
    OTHER, SERVER_ADDRESS, SERVER_PORT, protocol_version,
};
use crate::status;

/// What a caller says about a call beyond the request.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) url_template: Option<Cow<'static, str>>,
    pub(super) resend_count: u32,
}

pub(super) fn send(
    client: Client,
    request: Result<Request, Error>,
    config: Arc<ClientConfig>,
    call: Call,
) -> impl Future<Output = Result<Response, Error>> + Send {
    // At the call: the future may be polled in a task that knows nothing of the caller's context.
    let parent = tracer_core::current_context();
    async move {
        let mut request = request?;
        if parent.is_telemetry_suppressed() {
            return client.execute(request).await;
        }
        let context = config
            .tracer
            .start(new_span(&config, &request, &call), &parent);
        inject(&config, &context, &mut request);
        let span = EndOnDrop(context.clone());
        let result = client.execute(request).with_context(context).await;
        match &result {
            Ok(response) => record(&span.0, response),
            Err(error) => status::fail(&span.0, error_type(error)),
        }
        result
    }
}

fn new_span(config: &ClientConfig, request: &Request, call: &Call) -> SpanBuilder {
    let mut attributes = Vec::with_capacity(8);
    let method = config
        .known_methods
        .record(request.method(), &mut attributes);
    let url = request.url();
    if let Some(host) = url.host_str() {
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        attributes.push(KeyValue::new(SERVER_ADDRESS, host.to_owned()));
    }
    attributes.extend(
        url.port_or_known_default()
            .map(|port| KeyValue::new(SERVER_PORT, i64::from(port))),
    );
    attributes.push(KeyValue::new(
        "url.full",
        url::redacted(url, &config.redacted_keys),
    ));
    if call.resend_count > 0 {
        attributes.push(KeyValue::new(
            "http.request.resend_count",
            i64::from(call.resend_count),
        ));
    }
    attributes.extend(
        call.url_template
            .clone()
            .map(|template| KeyValue::new("url.template", template)),
    );
    SpanBuilder::from_name(span_name(&method, call.url_template.as_deref()))
        .with_kind(SpanKind::Client)
        .with_attributes(attributes)
}

fn inject(config: &ClientConfig, context: &Context, request: &mut Request) {
    let host = request.url().host_str().unwrap_or_default();
    let context = match &config.propagation {
        Some(policy) => policy.outgoing(context, host),
        None => Cow::Borrowed(context),
    };
    config.propagator.inject(&context, request.headers_mut());
}

fn record(context: &Context, response: &Response) {
    let span = context.span();
    if !span.is_recording() {
        return;
    }
    let code = response.status();
    let mut attributes = vec![KeyValue::new(
        HTTP_RESPONSE_STATUS_CODE,
        i64::from(code.as_u16()),
    )];
    attributes.extend(
        protocol_version(response.version()).map(|it| KeyValue::new(NETWORK_PROTOCOL_VERSION, it)),
    );
    if let Some(peer) = response.remote_addr() {
        attributes.push(KeyValue::new(NETWORK_PEER_ADDRESS, peer.ip().to_string()));
        attributes.push(KeyValue::new(NETWORK_PEER_PORT, i64::from(peer.port())));
    }
    span.set_attributes(attributes);
    if code.is_client_error() || code.is_server_error() {
        status::fail(context, code.as_str().to_owned());
    }
}

/// Ends the span of the context, also when the caller gives up: that is no error of the call.
struct EndOnDrop(Context);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

/// The most telling class first: a connect that timed out is a timeout, a name that was not found is not a connect.
fn error_type(error: &Error) -> &'static str {
    type IsOfClass = fn(&Error) -> bool;
    let classes: [(IsOfClass, &'static str); 9] = [
        (Error::is_timeout, "timeout"),
        (Error::is_dns, "dns"),
        (Error::is_connect, "connect"),
        (Error::is_redirect, "redirect"),
        (Error::is_body, "body"),
        (Error::is_decode, "decode"),
        (Error::is_upgrade, "upgrade"),
        (Error::is_builder, "builder"),
        (Error::is_request, "request"),
    ];
    classes
        .into_iter()
        .find(|(is, _)| is(error))
        .map_or(OTHER, |(_, name)| name)
}
