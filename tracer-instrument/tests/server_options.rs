//! What can be configured about server spans, and what a service can tell the layer. Expected values: HTTP server spans, semantic conventions 1.44.0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{any, get};
use opentelemetry::{Array, Context, KeyValue, Value};
use tower::{Layer, Service, ServiceExt};
use tracer_instrument::ConfigError;
use tracer_instrument::tower::{ForwardedHeaders, HttpRoute, TraceConfig, TraceLayer, Untraced};

use support::*;

#[tokio::test]
async fn a_list_of_known_methods_replaces_the_standard_one() {
    let telemetry = Telemetry::new();
    let layer = telemetry.axum().known_methods(["BREW"]).build().unwrap();
    let app = Router::new()
        .route("/pot", any(async || "tea"))
        .layer(layer);
    ask(
        app,
        Request::builder()
            .method("BREW")
            .uri("/pot")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(telemetry.span().await.name, "BREW /pot");
    assert!(matches!(
        TraceConfig::default().known_methods::<String>([]).build(),
        Err(ConfigError::NoKnownMethods)
    ));
}

#[tokio::test]
async fn a_proxy_tells_scheme_host_and_client() {
    let telemetry = Telemetry::new();
    ask(stock(telemetry.axum().build().unwrap()), forwarded()).await;
    let span = telemetry.span().await;
    assert_eq!(attribute(&span, "url.scheme").as_deref(), Some("https"));
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("shop.example")
    );
    assert_eq!(attribute(&span, "server.port").as_deref(), Some("443"));
    assert_eq!(
        attribute(&span, "client.address").as_deref(),
        Some("192.0.2.43")
    );
}

#[tokio::test]
async fn a_server_without_a_proxy_can_ignore_the_headers_of_one() {
    let telemetry = Telemetry::new();
    let config = telemetry
        .axum()
        .forwarded_headers(ForwardedHeaders::Ignore)
        .scheme(http::uri::Scheme::HTTPS);
    let mut request = forwarded();
    request.headers_mut().insert(
        "forwarded",
        HeaderValue::from_static("for=192.0.2.43;proto=http;host=a"),
    );
    ask(stock(config.build().unwrap()), request).await;
    let span = telemetry.span().await;
    assert_eq!(attribute(&span, "url.scheme").as_deref(), Some("https"));
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("10.0.0.9")
    );
    assert_eq!(attribute(&span, "server.port").as_deref(), Some("9000"));
    assert_eq!(attribute(&span, "client.address"), None);
}

#[tokio::test]
async fn a_list_of_query_keys_replaces_the_redacted_ones() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .axum()
        .redacted_query_keys(["token"])
        .build()
        .unwrap();
    ask(stock(layer), request("/api/stock/7?token=1&sig=2")).await;
    assert_eq!(
        attribute(&telemetry.span().await, "url.query").as_deref(),
        Some("token=REDACTED&sig=2")
    );
}

#[tokio::test]
async fn listed_headers_are_captured_with_all_their_values() {
    let telemetry = Telemetry::new();
    let config = telemetry
        .axum()
        .request_headers([HeaderName::from_static("x-tenant")]);
    let layer = config
        .response_headers([HeaderName::from_static("x-shard")])
        .build()
        .unwrap();
    let answer = async || {
        (
            AppendHeaders([("x-shard", "3"), ("x-shard", "4"), ("x-other", "5")]),
            "",
        )
            .into_response()
    };
    let app = Router::new().route("/", get(answer)).layer(layer);
    let mut request = request("/");
    request
        .headers_mut()
        .insert("x-tenant", HeaderValue::from_static("acme"));
    request
        .headers_mut()
        .insert("x-private", HeaderValue::from_static("no"));
    ask(app, request).await;
    let span = telemetry.span().await;
    let strings = |values: &[&'static str]| {
        Value::Array(Array::String(values.iter().map(|v| (*v).into()).collect()))
    };
    let headers: Vec<_> = span
        .attributes
        .iter()
        .filter(|kv| kv.key.as_str().contains(".header."))
        .cloned()
        .collect();
    let expected = [
        KeyValue::new("http.request.header.x-tenant", strings(&["acme"])),
        KeyValue::new("http.response.header.x-shard", strings(&["3", "4"])),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn headers_with_secrets_are_refused() {
    for name in [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ] {
        let name = [HeaderName::from_static(name)];
        let request = TraceConfig::default().request_headers(name.clone()).build();
        assert!(matches!(request, Err(ConfigError::SecretHeader { header }) if header == name[0]));
        let response = TraceConfig::default()
            .response_headers(name.clone())
            .build();
        assert!(matches!(response, Err(ConfigError::SecretHeader { header }) if header == name[0]));
    }
}

#[tokio::test]
async fn filtered_and_untraced_requests_have_no_span_and_answer_as_ever() {
    let telemetry = Telemetry::new();
    let layer = telemetry
        .axum()
        .filter(|head| head.uri().path() != "/api/stock/health")
        .build()
        .unwrap();
    let app = stock(layer);
    assert_eq!(
        ask(app.clone(), request("/api/stock/health")).await,
        StatusCode::OK
    );
    let mut untraced = request("/api/stock/7");
    untraced.extensions_mut().insert(Untraced);
    assert_eq!(ask(app.clone(), untraced).await, StatusCode::OK);
    assert_eq!(ask(app, request("/api/stock/7")).await, StatusCode::OK);
    telemetry.spans(1).await;
}

#[tokio::test]
async fn requests_of_an_exporter_have_no_span() {
    let started = Started::default();
    let answer =
        async |_: Request| Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()));
    let layer = TraceConfig::default()
        .tracer_provider(&started)
        .build()
        .unwrap();
    let mut service = layer.layer(tower::service_fn(answer));
    let response = {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        service.call(request("/"))
    };
    response.await.unwrap();
    assert_eq!(started.0.load(Ordering::SeqCst), 0);
    service.call(request("/")).await.unwrap();
    assert_eq!(started.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_response_can_tell_the_route() {
    let telemetry = Telemetry::new();
    let service = tower::service_fn(async |_: Request| {
        let mut response = http::Response::new(Body::empty());
        response
            .extensions_mut()
            .insert(HttpRoute::new("/from/{inside}"));
        Ok::<_, std::convert::Infallible>(response)
    });
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    tower::ServiceBuilder::new()
        .layer(layer)
        .service(service)
        .oneshot(request("/from/7"))
        .await
        .unwrap();
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET /from/{inside}");
    assert_eq!(
        attribute(&span, "http.route").as_deref(),
        Some("/from/{inside}")
    );
}

#[tokio::test]
async fn the_layer_outside_of_a_router_works_without_route() {
    let telemetry = Telemetry::new();
    let layer = telemetry.axum().build().unwrap();
    let app = Router::new().route("/stock/{sku}", get(async || "12"));
    let service = tower::ServiceBuilder::new().layer(layer).service(app);
    let response = service.oneshot(request("/stock/7")).await.unwrap();
    axum::body::to_bytes(Body::new(response.into_body()), 100)
        .await
        .unwrap();
    assert_eq!(telemetry.span().await.name, "GET");
}

#[test]
fn public_types_can_be_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<ConfigError>();
    shared::<TraceConfig>();
    shared::<TraceLayer>();
    shared::<tracer_instrument::tower::TraceService<()>>();
    shared::<tracer_instrument::tower::ResponseFuture<()>>();
    shared::<tracer_instrument::tower::ResponseBody<()>>();
    shared::<tracer_instrument::tower::RequestHead<'_>>();
    shared::<tracer_instrument::reqwest::TracedClient>();
    shared::<tracer_instrument::reqwest::TracedRequest>();
    shared::<tracer_instrument::reqwest::ClientConfig>();
}
