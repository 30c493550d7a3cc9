//! How client spans of reqwest fail, against the stock SDK. Expected values: HTTP client spans, semantic
//! conventions 1.44.0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use reqwest::Client;
use reqwest::dns::{Name, Resolve, Resolving};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use support::*;

#[tokio::test]
async fn both_4xx_and_5xx_are_errors_of_the_client() {
    for (status, is_error) in [
        (200, false),
        (304, false),
        (400, true),
        (404, true),
        (500, true),
        (503, true),
    ] {
        let telemetry = Telemetry::new();
        let answer = StatusCode::from_u16(status).unwrap();
        let address = serve(Router::new().route("/", get(async move || answer))).await;
        client(&telemetry)
            .get(format!("http://{address}/"))
            .send()
            .await
            .unwrap();
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
async fn a_refused_connection_is_a_connect_error() {
    let telemetry = Telemetry::new();
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    client(&telemetry)
        .get(format!("http://{address}/"))
        .send()
        .await
        .unwrap_err();
    let span = telemetry.span().await;
    assert_failed(&span, "connect");
    assert_eq!(attribute(&span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_a_request_error() {
    let telemetry = Telemetry::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hang_up = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    client(&telemetry)
        .get(format!("http://{address}/"))
        .send()
        .await
        .unwrap_err();
    hang_up.await.unwrap();
    assert_failed(&telemetry.span().await, "request");
}

#[tokio::test]
async fn a_slow_server_is_a_timeout() {
    let telemetry = Telemetry::new();
    let address = serve(Router::new().route("/", get(std::future::pending::<()>))).await;
    let request = client(&telemetry)
        .get(format!("http://{address}/"))
        .timeout(Duration::from_millis(50));
    request.send().await.unwrap_err();
    assert_failed(&telemetry.span().await, "timeout");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_error() {
    struct Nowhere;
    impl Resolve for Nowhere {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(async { Err(std::io::Error::other("no such name").into()) })
        }
    }
    let telemetry = Telemetry::new();
    let inner = Client::builder()
        .dns_resolver(Arc::new(Nowhere))
        .build()
        .unwrap();
    let client = telemetry.client().build(inner).unwrap();
    client
        .get("http://nowhere.invalid/")
        .send()
        .await
        .unwrap_err();
    let span = telemetry.span().await;
    assert_failed(&span, "dns");
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("nowhere.invalid")
    );
    assert_eq!(attribute(&span, "server.port").as_deref(), Some("80"));
}

#[tokio::test]
async fn redirects_share_the_span_of_the_call() {
    let telemetry = Telemetry::new();
    let app = Router::new()
        .route("/old", get(async || Redirect::permanent("/new")))
        .route("/new", get(async || "here"))
        .route("/loop", get(async || Redirect::permanent("/loop")));
    let address = serve(app).await;
    let client = client(&telemetry);
    client
        .get(format!("http://{address}/old"))
        .send()
        .await
        .unwrap();
    let span = telemetry.span().await;
    assert_eq!(
        attribute(&span, "url.full"),
        Some(format!("http://{address}/old"))
    );
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("200")
    );
    client
        .get(format!("http://{address}/loop"))
        .send()
        .await
        .unwrap_err();
    assert_failed(&telemetry.spans(2).await[1], "redirect");
}

#[tokio::test]
async fn a_caller_that_gives_up_is_no_error() {
    let telemetry = Telemetry::new();
    let entered = Arc::new(Notify::new());
    let handler = {
        let entered = entered.clone();
        async move || {
            entered.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let address = serve(Router::new().route("/", get(handler))).await;
    let sending = tokio::spawn(client(&telemetry).get(format!("http://{address}/")).send());
    entered.notified().await;
    assert!(telemetry.finished().is_empty());
    sending.abort();
    let span = telemetry.span().await;
    assert_unset(&span);
    assert_eq!(attribute(&span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_url_that_cannot_be_parsed_is_the_callers_error_without_a_span() {
    let telemetry = Telemetry::new();
    assert!(
        client(&telemetry)
            .get("not a url")
            .send()
            .await
            .unwrap_err()
            .is_builder()
    );
    telemetry.spans(0).await;
}
