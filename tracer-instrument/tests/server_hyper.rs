//! The layer on a plain hyper server, over HTTP/1.1 and HTTP/2. Expected values: semantic conventions 1.44.0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};
use tracer_instrument::tower::{HttpRoute, PeerAddr, TraceConfig, TraceLayer};

use support::*;

/// Serves connections with nothing but hyper around the layer.
async fn serve_hyper(layer: TraceLayer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let layer = layer.clone();
            tokio::spawn(async move {
                let traced = layer.layer(service_fn(answer));
                let with_peer = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(PeerAddr(peer));
                    tower::ServiceExt::oneshot(traced.clone(), request)
                });
                let service = TowerToHyperService::new(with_peer);
                let connection = auto::Builder::new(TokioExecutor::new());
                connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .ok();
            });
        }
    });
    address
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from("12")));
    response
        .extensions_mut()
        .insert(HttpRoute::new("/stock/{sku}"));
    Ok(response)
}

#[tokio::test]
async fn a_plain_hyper_server_gives_the_same_spans() {
    let telemetry = Telemetry::new();
    let address = serve_hyper(telemetry.on(TraceConfig::default()).build().unwrap()).await;
    let mut stream = send(
        address,
        "GET /stock/7 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    )
    .await;
    read_until(&mut stream, "12").await;
    let span = telemetry.span().await;
    assert_eq!(span.name, "GET /stock/{sku}");
    assert_unset(&span);
    let peer_port = stream.local_addr().unwrap().port().to_string();
    let expected = [
        ("client.address", "127.0.0.1"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/stock/{sku}"),
        ("network.peer.address", "127.0.0.1"),
        ("network.peer.port", peer_port.as_str()),
        ("network.protocol.version", "1.1"),
        ("server.address", "shop.example"),
        ("url.path", "/stock/7"),
        ("url.scheme", "http"),
    ];
    assert_attributes(&span, &expected);
}

#[tokio::test]
async fn http_2_is_version_2_and_its_authority_is_the_server() {
    let telemetry = Telemetry::new();
    let address = serve_hyper(telemetry.on(TraceConfig::default()).build().unwrap()).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let response = client
        .get(format!("http://{address}/stock/7"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "12");
    let span = telemetry.span().await;
    assert_unset(&span);
    assert_eq!(
        attribute(&span, "network.protocol.version").as_deref(),
        Some("2")
    );
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("127.0.0.1")
    );
    assert_eq!(
        attribute(&span, "server.port"),
        Some(address.port().to_string())
    );
    assert_eq!(attribute(&span, "url.scheme").as_deref(), Some("http"));
}

#[tokio::test]
async fn http_1_0_is_version_1_0() {
    let telemetry = Telemetry::new();
    let address = serve_hyper(telemetry.on(TraceConfig::default()).build().unwrap()).await;
    let mut stream = send(address, "GET /stock/7 HTTP/1.0\r\n\r\n").await;
    read_until(&mut stream, "12").await;
    let span = telemetry.span().await;
    assert_eq!(
        attribute(&span, "network.protocol.version").as_deref(),
        Some("1.0")
    );
    assert_eq!(attribute(&span, "server.address"), None);
}

#[tokio::test]
async fn the_target_in_absolute_form_leaks_no_user() {
    let telemetry = Telemetry::new();
    let address = serve_hyper(telemetry.on(TraceConfig::default()).build().unwrap()).await;
    let request =
        "GET http://user:hunter2@shop.example:81/stock/7 HTTP/1.1\r\nHost: shop.example:81\r\n\r\n";
    let mut stream = send(address, request).await;
    read_until(&mut stream, "12").await;
    let span = telemetry.span().await;
    assert!(!format!("{span:?}").contains("hunter2"));
    assert_eq!(
        attribute(&span, "server.address").as_deref(),
        Some("shop.example")
    );
    assert_eq!(attribute(&span, "server.port").as_deref(), Some("81"));
}
