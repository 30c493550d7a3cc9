//! What a hostile client can do to spans: nothing that costs their reader.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::routing::any;

use support::*;

const REQUESTS: usize = 10_000;

fn shop(telemetry: &Telemetry) -> Router {
    let layer = telemetry
        .axum()
        .request_headers([HeaderName::from_static("x-tenant")])
        .build()
        .unwrap();
    Router::new()
        .route("/stock/{sku}", any(async || "12"))
        .layer(layer)
}

#[tokio::test]
async fn ten_thousand_methods_and_paths_make_one_span_name() {
    let telemetry = Telemetry::new();
    let app = shop(&telemetry);
    for number in 0..REQUESTS {
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        let request = Request::builder()
            .method(method)
            .uri(format!("/stock/{number}"));
        ask(app.clone(), request.body(Body::empty()).unwrap()).await;
    }
    let spans = telemetry.spans(REQUESTS).await;
    let distinct = |key: &str| {
        spans
            .iter()
            .map(|span| attribute(span, key))
            .collect::<BTreeSet<_>>()
    };
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.clone()).collect();
    assert_eq!(names, BTreeSet::from(["HTTP /stock/{sku}".into()]));
    assert_eq!(
        distinct("http.request.method"),
        BTreeSet::from([Some("_OTHER".to_owned())])
    );
    assert_eq!(
        distinct("http.route"),
        BTreeSet::from([Some("/stock/{sku}".to_owned())])
    );
}

#[tokio::test]
async fn ten_thousand_unknown_paths_make_one_span_name() {
    let telemetry = Telemetry::new();
    let app = shop(&telemetry);
    for number in 0..REQUESTS {
        ask(app.clone(), request(&format!("/wp-admin/{number}.php"))).await;
    }
    let names: BTreeSet<_> = telemetry
        .spans(REQUESTS)
        .await
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, BTreeSet::from(["GET".into()]));
}

#[tokio::test]
async fn secrets_in_a_request_are_in_no_part_of_its_span() {
    let telemetry = Telemetry::new();
    let mut request =
        request("http://user:hunter2@shop.example/stock/7?X-Amz-Signature=hunter2&%73ig=hunter2");
    let headers = request.headers_mut();
    for name in [
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::COOKIE,
    ] {
        headers.insert(name, HeaderValue::from_static("hunter2"));
    }
    headers.insert(
        header::HOST,
        HeaderValue::from_static("user:hunter2@shop.example"),
    );
    headers.insert(
        "x-forwarded-host",
        HeaderValue::from_static("user:hunter2@shop.example"),
    );
    let mut tenant = HeaderValue::from_static("hunter2");
    tenant.set_sensitive(true);
    headers.insert("x-tenant", tenant);
    ask(shop(&telemetry), request).await;
    let span = telemetry.span().await;
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("shop.example")
    );
    assert!(!format!("{span:?}").contains("hunter2"), "{span:?}");
}

#[tokio::test]
async fn broken_headers_cost_their_attribute_and_nothing_else() {
    let telemetry = Telemetry::new();
    let broken: [(&str, &[u8]); 8] = [
        ("forwarded", b"for=\"\\\\;;,,==,\"proto"),
        ("x-forwarded-for", b"\xff\xfe"),
        ("x-forwarded-host", b"[::::"),
        ("x-forwarded-proto", b"javascript:alert(1)"),
        ("host", b"a b:99999999"),
        ("user-agent", b"\xff"),
        ("traceparent", b"00-zz-zz-zz"),
        ("baggage", b"=;=,\xff"),
    ];
    for (name, value) in broken {
        let mut request = request("/stock/7");
        request
            .headers_mut()
            .insert(name, HeaderValue::from_bytes(value).unwrap());
        assert_eq!(ask(shop(&telemetry), request).await, 200);
    }
    let spans = telemetry.spans(broken.len()).await;
    for span in spans {
        assert_unset(&span);
        assert_eq!(attribute(&span, "url.scheme").as_deref(), Some("http"));
        assert_eq!(attribute(&span, "server.address"), None);
        assert_eq!(attribute(&span, "client.address"), None);
    }
}
