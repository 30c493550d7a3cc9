//! Client spans of reqwest over real sockets, against the stock SDK. Expected values: HTTP client spans, semantic
//! conventions 1.44.0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, get, post};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, Value};
use reqwest::{Client, Method, Request};
use tracer_instrument::ConfigError;
use tracer_instrument::reqwest::ClientConfig;

use support::*;

/// Answers with the `traceparent` it was sent.
async fn echo() -> SocketAddr {
    let handler = async |headers: HeaderMap| {
        let value = headers
            .get("traceparent")
            .map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    };
    serve(
        Router::new()
            .route("/", any(handler))
            .route("/stock/{sku}", any(handler)),
    )
    .await
}

#[tokio::test]
async fn a_call_has_every_attribute_of_the_conventions() {
    let telemetry = Telemetry::new();
    let address = echo().await;
    let url = format!("http://{address}/stock/7?q=1&sig=secret");
    client(&telemetry).get(url).send().await.unwrap();
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_unset(&span);
    let port = address.port().to_string();
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("network.peer.address", "127.0.0.1"),
        ("network.peer.port", port.as_str()),
        ("network.protocol.version", "1.1"),
        ("server.address", "127.0.0.1"),
        ("server.port", port.as_str()),
        (
            "url.full",
            &format!("http://{address}/stock/7?q=1&sig=REDACTED"),
        ),
    ];
    assert_attributes(&span, &expected);
    for key in [
        "server.port",
        "network.peer.port",
        "http.response.status_code",
    ] {
        let value = span
            .attributes
            .iter()
            .find(|kv| kv.key.as_str() == key)
            .unwrap();
        assert!(matches!(value.value, Value::I64(_)), "{key} is a number");
    }
    assert_eq!(span.instrumentation_scope.name(), "tracer-instrument");
    assert_eq!(
        span.instrumentation_scope.schema_url(),
        Some("https://opentelemetry.io/schemas/1.44.0")
    );
}

#[tokio::test]
async fn the_context_of_the_span_is_sent_and_the_caller_is_its_parent() {
    let telemetry = Telemetry::new();
    let address = echo().await;
    let caller = Context::new().with_span(telemetry.provider.tracer("test").start("caller"));
    let request = client(&telemetry)
        .get(format!("http://{address}/"))
        .header("traceparent", "stale");
    // Polled in a task of its own, which has no current context.
    let sending = {
        let _current = caller.clone().attach();
        request.send()
    };
    let received = tokio::spawn(sending)
        .await
        .unwrap()
        .unwrap()
        .text()
        .await
        .unwrap();
    let span = telemetry.span().await;
    assert_eq!(span.parent_span_id, caller.span().span_context().span_id());
    let (trace_id, span_id) = (span.span_context.trace_id(), span.span_context.span_id());
    assert_eq!(received, format!("00-{trace_id}-{span_id}-01"));
}

#[tokio::test]
async fn client_and_server_make_one_trace() {
    let telemetry = Telemetry::new();
    let app = Router::new().route("/orders", post(async || StatusCode::CREATED));
    let address = serve(app.layer(telemetry.axum().build().unwrap())).await;
    let order = serde_json::json!({"sku": 7});
    let response = client(&telemetry)
        .post(format!("http://{address}/orders"))
        .json(&order)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let server = telemetry.span_of_kind(2, SpanKind::Server).await;
    let caller = telemetry.span_of_kind(2, SpanKind::Client).await;
    assert_eq!(
        server.span_context.trace_id(),
        caller.span_context.trace_id()
    );
    assert_eq!(server.parent_span_id, caller.span_context.span_id());
}

#[tokio::test]
async fn template_and_repetition_are_the_callers_to_tell() {
    let telemetry = Telemetry::new();
    let address = echo().await;
    let request = client(&telemetry).get(format!("http://{address}/stock/7"));
    request
        .url_template("/stock/{sku}")
        .resend_count(2)
        .send()
        .await
        .unwrap();
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET /stock/{sku}");
    assert_eq!(
        attribute(&span, "url.template").as_deref(),
        Some("/stock/{sku}")
    );
    assert_eq!(
        attribute(&span, "http.request.resend_count").as_deref(),
        Some("2")
    );
}

#[tokio::test]
async fn methods_and_query_keys_are_configured_as_for_servers() {
    let telemetry = Telemetry::new();
    let address = echo().await;
    let config = telemetry
        .client()
        .known_methods(["BREW"])
        .redacted_query_keys(["token"]);
    let client = config.build(Client::new()).unwrap();
    let brew = Method::from_bytes(b"BREW").unwrap();
    client
        .request(brew, format!("http://{address}/?token=1&sig=2"))
        .send()
        .await
        .unwrap();
    client
        .get(format!("http://{address}/"))
        .send()
        .await
        .unwrap();
    let spans = telemetry.spans(2).await;
    assert_eq!((&*spans[0].name, &*spans[1].name), ("BREW", "HTTP"));
    let expected = format!("http://{address}/?token=REDACTED&sig=2");
    assert_eq!(attribute(&spans[0], "url.full"), Some(expected));
    assert_eq!(
        attribute(&spans[1], "http.request.method_original").as_deref(),
        Some("GET")
    );
    let refused = ClientConfig::default()
        .known_methods::<String>([])
        .build(Client::new());
    assert!(matches!(refused, Err(ConfigError::NoKnownMethods)));
}

#[tokio::test]
async fn credentials_reach_the_server_and_no_attribute() {
    let telemetry = Telemetry::new();
    let handler = async |headers: HeaderMap| headers["authorization"].to_str().unwrap().to_owned();
    let address = serve(Router::new().route("/", get(handler))).await;
    let url = format!("http://user:hunter2@{address}/").parse().unwrap();
    let client = client(&telemetry);
    // Without `RequestBuilder` nothing turns the user into a header, so the handler fails: only the span matters here.
    client
        .execute(Request::new(Method::GET, url))
        .await
        .unwrap_err();
    let response = client
        .get(format!("http://{address}/"))
        .basic_auth("user", Some("hunter2"))
        .send();
    assert!(
        response
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .starts_with("Basic ")
    );
    let spans = telemetry.spans(2).await;
    assert_eq!(
        attribute(&spans[0], "url.full"),
        Some(format!("http://REDACTED:REDACTED@{address}/"))
    );
    assert!(!format!("{spans:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_exporters_own_requests_have_neither_span_nor_context() {
    let started = Started::default();
    let client = ClientConfig::default()
        .tracer_provider(&started)
        .propagator(w3c())
        .build(Client::new())
        .unwrap();
    let address = echo().await;
    for (context, spans) in [
        (Context::new().with_telemetry_suppressed(), 0),
        (Context::new(), 1),
    ] {
        let request = client.get(format!("http://{address}/"));
        let sending = {
            let _current = context.attach();
            request.send()
        };
        assert_eq!(sending.await.unwrap().text().await.unwrap(), "");
        assert_eq!(started.0.load(Ordering::SeqCst), spans);
    }
}

#[tokio::test]
async fn the_builder_passes_everything_on() {
    let telemetry = Telemetry::new();
    let handler = async |method: Method, uri: axum::http::Uri, headers: HeaderMap, body: String| {
        format!(
            "{method} {uri} {} {} {body}",
            headers["x-a"].to_str().unwrap(),
            headers["authorization"].to_str().unwrap()
        )
    };
    let address = serve(Router::new().route("/", any(handler))).await;
    let client = client(&telemetry);
    let url = format!("http://{address}/");
    let headers = HeaderMap::from_iter([("x-a".parse().unwrap(), "b".parse().unwrap())]);
    for (request, method) in [
        (client.put(&url), "PUT"),
        (client.patch(&url), "PATCH"),
        (client.delete(&url), "DELETE"),
        (client.post(&url), "POST"),
    ] {
        let request = request
            .headers(headers.clone())
            .bearer_auth("t")
            .query(&[("k", "v")])
            .body("text");
        let answer = request
            .version(reqwest::Version::HTTP_11)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert_eq!(answer, format!("{method} /?k=v b Bearer t text"));
    }
    let form = client
        .post(&url)
        .map(|builder| builder.header("x-a", "c"))
        .bearer_auth("t")
        .form(&[("k", "v")]);
    assert_eq!(
        form.send().await.unwrap().text().await.unwrap(),
        "POST / c Bearer t k=v"
    );
    telemetry.spans(5).await;
}
