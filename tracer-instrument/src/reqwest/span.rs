//! One client call and its span.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use ::reqwest::{Client, Error, Request, Response};
use opentelemetry::trace::{FutureExt, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::error_type;
use crate::redact::redacted_url;
use crate::reqwest::config::ClientConfig;
use crate::semconv::{
    HTTP_RESPONSE_STATUS_CODE, NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_PROTOCOL_VERSION,
    OTHER, SERVER_ADDRESS, SERVER_PORT, protocol_version, server_address,
};
use crate::span_name::span_name;

/// The options of a call that are not part of the request.
#[derive(Debug, Default)]
pub(super) struct CallOptions {
    pub(super) url_template: Option<Cow<'static, str>>,
    pub(super) resend_count: u32,
}

pub(super) fn send(
    client: Client,
    request: Result<Request, Error>,
    config: Arc<ClientConfig>,
    call: CallOptions,
) -> impl Future<Output = Result<Response, Error>> + Send {
    // Read here, because the future may be polled in a task without the caller's context.
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
            Ok(response) => record_response(&span.0, response),
            Err(error) => error_type::record(&span.0, class_of(error)),
        }
        result
    }
}

fn new_span(config: &ClientConfig, request: &Request, call: &CallOptions) -> SpanBuilder {
    let mut attributes = Vec::with_capacity(8);
    let method = config
        .known_methods
        .push_attributes(request.method(), &mut attributes);
    let url = request.url();
    if let Some(host) = url.host_str() {
        attributes.push(KeyValue::new(
            SERVER_ADDRESS,
            server_address(host).to_owned(),
        ));
    }
    attributes.extend(
        url.port_or_known_default()
            .map(|port| KeyValue::new(SERVER_PORT, i64::from(port))),
    );
    attributes.push(KeyValue::new(
        "url.full",
        redacted_url(url, &config.redacted_keys),
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

fn record_response(context: &Context, response: &Response) {
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
        error_type::record(context, code.as_str().to_owned());
    }
}

/// Ends the span of the context when dropped. A call that its caller cancels has not failed, so this records no error.
struct EndOnDrop(Context);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

/// Returns the `error.type` of a failed call: the first class of reqwest's errors that applies. The specific classes come
/// first, so a timeout while connecting is `timeout`, and a name that is not found is `dns`.
fn class_of(error: &Error) -> &'static str {
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
