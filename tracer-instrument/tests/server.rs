//! Server spans over real sockets, against the stock SDK. Expected values: HTTP server spans, semantic conventions 1.44.0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::{any, get, post};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};

use support::*;

const SENT: &str = "HTTP/1.1 ";

#[tokio::test]
async fn a_request_to_axum_has_every_attribute_of_the_conventions() {
    let telemetry = Telemetry::new();
    let address = serve(stock(telemetry.axum().build().unwrap())).await;
    let mut stream = send(
        address,
        "GET /api/stock/7?q=a%20b&sig=secret HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: test/1\r\n\r\n",
    )
    .await;
    read_until(&mut stream, "12").await;
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET /api/stock/{sku}");
    assert_eq!(span.span_kind, SpanKind::Server);
    assert_unset(&span);
    let peer_port = stream.local_addr().unwrap().port().to_string();
    let expected = [
        ("client.address", "127.0.0.1"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/api/stock/{sku}"),
        ("network.peer.address", "127.0.0.1"),
        ("network.peer.port", peer_port.as_str()),
        ("network.protocol.version", "1.1"),
        ("server.address", "shop.example"),
        ("server.port", "8080"),
        ("url.path", "/api/stock/7"),
        ("url.query", "q=a%20b&sig=REDACTED"),
        ("url.scheme", "http"),
        ("user_agent.original", "test/1"),
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
}

#[tokio::test]
async fn the_scope_has_name_version_and_schema() {
    let telemetry = Telemetry::new();
    ask(
        stock(telemetry.axum().build().unwrap()),
        request("/api/stock/7"),
    )
    .await;
    let scope = telemetry.span().await.instrumentation_scope;
    assert_eq!(scope.name(), "tracer-instrument");
    assert_eq!(scope.version(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(
        scope.schema_url(),
        Some("https://opentelemetry.io/schemas/1.44.0")
    );
}

#[tokio::test]
async fn without_a_route_the_name_is_the_method_alone() {
    let telemetry = Telemetry::new();
    let status = ask(
        stock(telemetry.axum().build().unwrap()),
        request("/nowhere/at/all"),
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET");
    assert_eq!(attribute(&span, "http.route"), None);
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("404")
    );
    assert_unset(&span);
}

#[tokio::test]
async fn an_unknown_method_is_other_with_the_original_beside_it() {
    let telemetry = Telemetry::new();
    let app = Router::new()
        .route("/pot", any(async || "tea"))
        .layer(telemetry.axum().build().unwrap());
    let brew = Request::builder()
        .method("BREW")
        .uri("/pot")
        .body(Body::empty())
        .unwrap();
    ask(app, brew).await;
    let span = telemetry.span().await;
    assert_eq!(span.name, "HTTP /pot");
    assert_eq!(
        attribute(&span, "http.request.method").as_deref(),
        Some("_OTHER")
    );
    assert_eq!(
        attribute(&span, "http.request.method_original").as_deref(),
        Some("BREW")
    );
}

#[tokio::test]
async fn only_5xx_is_an_error_of_the_server() {
    for (status, is_error) in [
        (200, false),
        (302, false),
        (400, false),
        (499, false),
        (500, true),
        (503, true),
    ] {
        let telemetry = Telemetry::new();
        let answer = StatusCode::from_u16(status).unwrap();
        let app = Router::new()
            .route("/", get(async move || answer))
            .layer(telemetry.axum().build().unwrap());
        ask(app, request("/")).await;
        let span = telemetry.span().await;
        assert_eq!(
            attribute(&span, "http.response.status_code"),
            Some(status.to_string())
        );
        if is_error {
            assert_failed(&span, &status.to_string())
        } else {
            assert_unset(&span)
        }
    }
}

#[tokio::test]
async fn the_caller_is_the_parent_and_span_and_baggage_are_current_in_the_handler() {
    let telemetry = Telemetry::new();
    let tracer = telemetry.provider.tracer("test");
    let handler = async move || {
        tokio::task::yield_now().await;
        tracer.start("inside");
        Context::current()
            .baggage()
            .get("tenant")
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let app = Router::new()
        .route("/orders", post(handler))
        .layer(telemetry.axum().build().unwrap());
    let address = serve(app).await;
    // Ids of the example in W3C Trace Context, section 3.2.
    let mut stream = send(
        address,
        "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nbaggage: tenant=acme\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    )
    .await;
    read_until(&mut stream, "acme").await;
    let spans = telemetry.spans(2).await;
    let (inside, server) = (&spans[0], &spans[1]);
    assert_eq!(
        server.span_context.trace_id().to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(server.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(server.parent_span_is_remote);
    assert_eq!(inside.parent_span_id, server.span_context.span_id());
    assert!(
        !Context::current().span().span_context().is_valid(),
        "nothing stays attached"
    );
}

#[tokio::test]
async fn samplers_see_what_the_conventions_list_at_creation() {
    use opentelemetry::trace::{Link, TraceId};
    use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

    #[derive(Clone, Debug, Default)]
    struct Seen(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    impl opentelemetry_sdk::trace::ShouldSample for Seen {
        fn should_sample(
            &self,
            _: Option<&Context>,
            _: TraceId,
            name: &str,
            _: &SpanKind,
            attributes: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            let mut seen = self.0.lock().unwrap();
            seen.push(name.to_owned());
            seen.extend(attributes.iter().map(|kv| kv.key.to_string()));
            SamplingResult {
                decision: SamplingDecision::Drop,
                attributes: vec![],
                trace_state: Default::default(),
            }
        }
    }

    let seen = Seen::default();
    let telemetry = Telemetry::with(|builder| builder.with_sampler(seen.clone()));
    let layer = telemetry
        .axum()
        .request_headers([HeaderName::from_static("x-tenant")])
        .build()
        .unwrap();
    let mut request = forwarded();
    *request.uri_mut() = "/api/stock/7?q=1".parse().unwrap();
    request
        .headers_mut()
        .insert("x-tenant", HeaderValue::from_static("acme"));
    request
        .headers_mut()
        .insert("user-agent", HeaderValue::from_static("test"));
    assert_eq!(ask(stock(layer), request).await, StatusCode::OK);
    let seen = seen.0.lock().unwrap();
    assert_eq!(seen[0], "GET /api/stock/{sku}");
    let at_creation = [
        "client.address",
        "http.request.header.x-tenant",
        "http.request.method",
        "server.address",
        "server.port",
        "url.path",
        "url.query",
        "url.scheme",
        "user_agent.original",
    ];
    for key in at_creation {
        assert!(seen.iter().any(|seen| seen == key), "{key}");
    }
    assert!(telemetry.finished().is_empty());
}

#[tokio::test]
async fn bytes_on_the_wire_are_those_of_the_bare_service() {
    let telemetry = Telemetry::new();
    let bare = serve(Router::new().route("/", get(async || "hello"))).await;
    let traced = serve(
        Router::new()
            .route("/", get(async || "hello"))
            .layer(telemetry.axum().build().unwrap()),
    )
    .await;
    let mut answers = Vec::new();
    for address in [bare, traced] {
        let mut stream = send(address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = read_until(&mut stream, "hello").await;
        assert!(answer.starts_with(SENT));
        let lines = answer
            .lines()
            .filter(|line| !line.starts_with("date:"))
            .map(str::to_owned);
        answers.push(lines.collect::<Vec<_>>());
    }
    assert_eq!(
        answers[0], answers[1],
        "the length is known to the server in both"
    );
}

#[tokio::test]
async fn a_service_called_inside_of_a_span_is_its_child_unless_the_headers_say_otherwise() {
    let telemetry = Telemetry::new();
    let current = Context::new().with_span(telemetry.provider.tracer("test").start("current"));
    let _attached = current.clone().attach();
    let mut foreign = request("/api/stock/7");
    // Ids of the example in W3C Trace Context, section 3.2.
    let traceparent =
        HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    foreign.headers_mut().insert("traceparent", traceparent);
    let app = stock(telemetry.axum().build().unwrap());
    ask(app.clone(), request("/api/stock/7")).await;
    ask(app, foreign).await;
    let spans = telemetry.spans(2).await;
    assert_eq!(
        spans[0].parent_span_id,
        current.span().span_context().span_id()
    );
    assert_eq!(spans[1].parent_span_id.to_string(), "00f067aa0ba902b7");
}
