//! How server spans end. Expected values: HTTP server spans, semantic conventions 1.44.0, and the table of the module.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode, header};
use axum::routing::get;
use futures_util::{FutureExt, StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, Channel, StreamBody};
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use tower::{Layer, Service, ServiceExt};
use tracer_instrument::tower::{SpanEnd, TraceConfig};

use support::{Telemetry, assert_failed, assert_unset, attribute, read_until, send, serve};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn request(method: &str) -> Request {
    Request::builder()
        .method(method)
        .uri("/")
        .body(Body::empty())
        .unwrap()
}

/// A body that waits for what the sender gives.
fn channel() -> (http_body_util::channel::Sender<Bytes, io::Error>, Body) {
    let (sender, body) = Channel::new(4);
    (sender, Body::new(body))
}

fn once(body: Body) -> Router {
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    Router::new().route(
        "/",
        get(async move || Response::new(body.lock().unwrap().take().unwrap())),
    )
}

#[tokio::test]
async fn the_span_covers_the_body_to_its_last_frame() {
    let telemetry = Telemetry::new();
    let (mut sender, body) = channel();
    let address = serve(once(body).layer(telemetry.axum().build().unwrap())).await;
    let mut stream = send(address, GET).await;
    sender.send_data(Bytes::from("first")).await.unwrap();
    read_until(&mut stream, "first").await;
    assert!(
        telemetry.finished().is_empty(),
        "the head and a frame are sent, the body is not over"
    );
    sender.send_data(Bytes::from("last")).await.unwrap();
    drop(sender);
    read_until(&mut stream, "0\r\n\r\n").await;
    let span = telemetry.span().await;
    assert_unset(&span);
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("200")
    );
}

#[tokio::test]
async fn trailers_are_the_end() {
    let telemetry = Telemetry::new();
    let (mut sender, body) = channel();
    let app = once(body).layer(telemetry.axum().build().unwrap());
    let mut body = app.oneshot(request("GET")).await.unwrap().into_body();
    sender.send_trailers(http::HeaderMap::new()).await.unwrap();
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    assert_unset(&telemetry.span().await);
}

#[tokio::test]
async fn a_body_that_fails_after_the_head_is_an_error_with_the_status_code_kept() {
    let telemetry = Telemetry::new();
    let (sender, body) = channel();
    let address = serve(once(body).layer(telemetry.axum().build().unwrap())).await;
    let mut stream = send(address, GET).await;
    read_until(&mut stream, "\r\n\r\n").await;
    sender.abort(io::Error::other("disk on fire"));
    let span = telemetry.span().await;
    assert_failed(&span, "axum_core::error::Error");
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("200")
    );
}

#[tokio::test]
async fn the_first_error_is_the_one_that_counts() {
    let telemetry = Telemetry::new();
    let answer = |_: Request| async {
        let (_, body) = channel();
        Ok::<_, Infallible>(Response::builder().status(500).body(body).unwrap())
    };
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    drop(
        layer
            .layer(tower::service_fn(answer))
            .call(request("GET"))
            .await
            .unwrap(),
    );
    assert_failed(&telemetry.span().await, "500");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_cancels_the_span() {
    let telemetry = Telemetry::new();
    let entered = std::sync::Arc::new(tokio::sync::Notify::new());
    let handler = {
        let entered = entered.clone();
        async move || {
            entered.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(telemetry.axum().build().unwrap());
    let stream = send(serve(app).await, GET).await;
    entered.notified().await;
    drop(stream);
    let span = telemetry.span().await;
    assert_failed(&span, "cancelled");
    assert_eq!(attribute(&span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_client_that_leaves_during_the_body_cancels_the_span_with_the_status_code_kept() {
    let telemetry = Telemetry::new();
    let (_sender, body) = channel();
    let address = serve(once(body).layer(telemetry.axum().build().unwrap())).await;
    let mut stream = send(address, GET).await;
    read_until(&mut stream, "\r\n\r\n").await;
    drop(stream);
    let span = telemetry.span().await;
    assert_failed(&span, "cancelled");
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("200")
    );
}

// A server stops polling once the announced length is written: a body that does not know its end itself must not count
// as cancelled then.
#[tokio::test]
async fn the_announced_length_is_an_end_too() {
    let telemetry = Telemetry::new();
    let handler = async || {
        let frames =
            stream::iter([Ok::<_, Infallible>(Bytes::from("hello"))]).chain(stream::pending());
        Response::builder()
            .header(header::CONTENT_LENGTH, 5)
            .body(Body::from_stream(frames))
            .unwrap()
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(telemetry.axum().build().unwrap());
    let mut stream = send(serve(app).await, GET).await;
    read_until(&mut stream, "hello").await;
    assert_unset(&telemetry.span().await);
}

#[tokio::test]
async fn responses_without_a_body_end_with_the_head() {
    for (method, status) in [
        ("HEAD", 200),
        ("GET", 204),
        ("GET", 304),
        ("CONNECT", 200),
        ("GET", 101),
    ] {
        let telemetry = Telemetry::new();
        let answer = move |_: Request| async move {
            let (sender, body) = channel();
            std::mem::forget(sender);
            Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
        };
        let layer = telemetry.on(TraceConfig::default()).build().unwrap();
        let response = layer
            .layer(tower::service_fn(answer))
            .call(request(method))
            .await
            .unwrap();
        assert_unset(&telemetry.span().await);
        drop(response);
    }
}

#[tokio::test]
async fn an_upgraded_connection_outlives_its_span() {
    let telemetry = Telemetry::new();
    let handler = async |mut request: Request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
            tokio::io::AsyncWriteExt::write_all(&mut io, b"upgraded")
                .await
                .unwrap();
            std::future::pending::<()>().await;
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let headers = response
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "echo");
        headers.body(Body::empty()).unwrap()
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(telemetry.axum().build().unwrap());
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut stream = send(serve(app).await, upgrade).await;
    read_until(&mut stream, "upgraded").await;
    let span = telemetry.span().await;
    assert_unset(&span);
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("101")
    );
}

#[tokio::test]
async fn the_end_can_be_the_head_by_configuration_or_by_response() {
    let telemetry = Telemetry::new();
    let layer = telemetry.axum().span_end(SpanEnd::Head).build().unwrap();
    let (sender, body) = channel();
    let response = once(body)
        .layer(layer)
        .oneshot(request("GET"))
        .await
        .unwrap();
    assert_unset(&telemetry.span().await);
    drop((sender, response));

    for (configured, answered, count) in [
        (SpanEnd::Body, SpanEnd::Head, 1),
        (SpanEnd::Head, SpanEnd::Body, 0),
    ] {
        let telemetry = Telemetry::new();
        let answer = move |_: Request| async move {
            let mut response = Response::new(Body::from("events"));
            response.extensions_mut().insert(answered);
            Ok::<_, Infallible>(response)
        };
        let layer = telemetry.axum().span_end(configured).build().unwrap();
        let response = layer
            .layer(tower::service_fn(answer))
            .call(request("GET"))
            .await
            .unwrap();
        assert_eq!(telemetry.finished().len(), count);
        response.into_body().collect().await.unwrap();
        telemetry.spans(1).await;
    }
}

#[tokio::test]
async fn a_panic_in_the_handler_is_an_error_and_goes_on() {
    let telemetry = Telemetry::new();
    let app = Router::new().route("/", get(async || -> &'static str { panic!("handler") }));
    let app = app.layer(telemetry.axum().build().unwrap());
    let panic = AssertUnwindSafe(app.oneshot(request("GET")))
        .catch_unwind()
        .await
        .unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"handler"));
    assert_failed(&telemetry.span().await, "panic");
    assert!(
        !Context::current().has_active_span(),
        "nothing stays attached"
    );
}

#[tokio::test]
async fn a_panic_in_the_call_or_in_the_body_is_an_error_too() {
    let telemetry = Telemetry::new();
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    let call =
        |_: Request| -> std::future::Ready<Result<Response<Body>, Infallible>> { panic!("call") };
    let mut service = layer.layer(tower::service_fn(call));
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| service.call(request("GET")))).is_err());
    assert_failed(&telemetry.span().await, "panic");

    let telemetry = Telemetry::new();
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    let answer = async |_: Request| {
        let frames = stream::poll_fn(
            |_| -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> { panic!("body") },
        );
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    };
    let response = layer
        .layer(tower::service_fn(answer))
        .call(request("GET"))
        .await
        .unwrap();
    assert!(
        AssertUnwindSafe(response.into_body().collect())
            .catch_unwind()
            .await
            .is_err()
    );
    let span = telemetry.span().await;
    assert_failed(&span, "panic");
    assert_eq!(
        attribute(&span, "http.response.status_code").as_deref(),
        Some("200")
    );
}

#[tokio::test]
async fn an_error_of_the_service_is_named_by_its_type() {
    let telemetry = Telemetry::new();
    let layer = telemetry.on(TraceConfig::default()).build().unwrap();
    let answer = async |_: Request| Err::<Response<Body>, _>(io::Error::other("password=hunter2"));
    let error = layer
        .layer(tower::service_fn(answer))
        .call(request("GET"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert_failed(&telemetry.span().await, "std::io::error::Error");
}

#[tokio::test]
async fn the_span_is_current_while_the_body_is_polled() {
    let telemetry = Telemetry::new();
    let tracer = telemetry.provider.tracer("test");
    let handler = async move || {
        let frames = stream::once(async move {
            tokio::task::yield_now().await;
            tracer.start("row");
            Context::current()
                .span()
                .set_attribute(KeyValue::new("rows", 1));
            Ok::<_, Infallible>(Bytes::from("row"))
        });
        Body::from_stream(frames)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(telemetry.axum().build().unwrap());
    let mut stream = send(serve(app).await, GET).await;
    read_until(&mut stream, "0\r\n\r\n").await;
    let spans = telemetry.spans(2).await;
    assert_eq!(spans[0].name, "row");
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
    assert_eq!(attribute(&spans[1], "rows").as_deref(), Some("1"));
}
