//! The defaults: global provider, global propagator, the environment. They belong to the process, so this is a test program
//! of its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::env;
use std::process::Command;

use axum::Router;
use axum::routing::get;
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt as _, SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracer_instrument::reqwest::TracedClient;
use tracer_instrument::tower::TraceConfig;

use support::*;

#[tokio::test]
async fn globals_count_for_the_next_request_and_a_provider_stays_once_it_made_spans() {
    let app = Router::new().route("/", get(async || "hello"));
    let address = serve(app.layer(tracer_instrument::axum::trace_layer())).await;
    let client = TracedClient::new(reqwest::Client::new());
    let url = format!("http://{address}/");
    let get_once = async || client.get(&url).send().await.unwrap().text().await.unwrap();

    // A request before any set-up, such as a health check, must not turn tracing off for good.
    get_once().await;

    let telemetry = Telemetry::new();
    opentelemetry::global::set_tracer_provider(telemetry.provider.clone());
    get_once().await;
    let server = telemetry.span_of_kind(2, SpanKind::Server).await;
    let caller = telemetry.span_of_kind(2, SpanKind::Client).await;
    assert_ne!(server.parent_span_id, caller.span_context.span_id());

    // The propagator is looked up for each request, so a later one counts. The provider is kept.
    let later = Telemetry::new();
    opentelemetry::global::set_tracer_provider(later.provider.clone());
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    get_once().await;
    let spans = telemetry.spans(4).await;
    let last = |kind| {
        let mut spans = spans.iter().rev();
        spans.find(|span| span.span_kind == kind).unwrap()
    };
    let (server, caller) = (last(SpanKind::Server), last(SpanKind::Client));
    assert_eq!(server.parent_span_id, caller.span_context.span_id());
    assert_eq!(later.finished().len(), 0);

    // Without headers the current span is the parent, whichever propagator reads them.
    let outer = later.provider.tracer("outer").start("outer");
    let outer = Context::new().with_span(outer);
    let app = Router::new().route("/", get(async || "hello"));
    let app = app.layer(tracer_instrument::axum::trace_layer());
    ask(app, request("/")).with_context(outer.clone()).await;
    let inner = later.spans(1).await.pop().unwrap();
    assert_eq!(inner.parent_span_id, outer.span().span_context().span_id());
}

const CHILD: &str = "TRACER_TEST_CHILD";

/// The environment can only be changed safely for another process: this very test, started once more.
#[tokio::test]
async fn the_environment_replaces_the_known_methods() {
    if env::var_os(CHILD).is_none() {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_environment_replaces_the_known_methods"])
            .env(CHILD, "1")
            .env("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PROPFIND, POST")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
        return;
    }
    let telemetry = Telemetry::new();
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    ask(
        Router::new().route("/", get(async || "")).layer(layer),
        request("/"),
    )
    .await;
    let span = telemetry.span().await;
    assert_eq!(span.name, "HTTP");
    assert_eq!(
        attribute(&span, "http.request.method_original").as_deref(),
        Some("GET")
    );

    let client = telemetry.client().build(reqwest::Client::new()).unwrap();
    client.post("http://127.0.0.1:0/").send().await.unwrap_err();
    assert_eq!(telemetry.spans(2).await[1].name, "POST");
}
