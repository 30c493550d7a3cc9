//! What the tests share: a stock SDK provider that keeps spans in memory, servers on loopback, and looks into spans.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::noop::NoopSpan;
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, SpanData, TracerProviderBuilder,
};
use reqwest::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use tracer_instrument::reqwest::{ClientConfig, TracedClient};
use tracer_instrument::tower::{TraceConfig, TraceLayer};
use tracer_propagation::TextMap;

pub const DEADLINE: Duration = Duration::from_secs(20);

pub struct Telemetry {
    pub provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Telemetry {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(change: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder) -> Self {
        let exporter = InMemorySpanExporter::default();
        let builder = SdkTracerProvider::builder().with_simple_exporter(exporter.clone());
        Self {
            provider: change(builder).build(),
            exporter,
        }
    }

    /// axum's configuration on this provider, with W3C propagation.
    pub fn axum(&self) -> TraceConfig {
        self.on(tracer_instrument::axum::config())
    }

    pub fn on(&self, config: TraceConfig) -> TraceConfig {
        config.tracer_provider(&self.provider).propagator(w3c())
    }

    pub fn client(&self) -> ClientConfig {
        ClientConfig::default()
            .tracer_provider(&self.provider)
            .propagator(TextMap(TraceContextPropagator::new()))
    }

    pub fn finished(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    /// Waits until this many spans have ended, and sees that there are no more.
    pub async fn spans(&self, count: usize) -> Vec<SpanData> {
        let start = Instant::now();
        loop {
            let spans = self.finished();
            if spans.len() >= count || start.elapsed() > DEADLINE {
                assert_eq!(
                    spans.len(),
                    count,
                    "{:?}",
                    spans.iter().map(|span| &span.name).collect::<Vec<_>>()
                );
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn span(&self) -> SpanData {
        self.spans(1).await.remove(0)
    }

    pub async fn span_of_kind(&self, count: usize, kind: SpanKind) -> SpanData {
        self.spans(count)
            .await
            .into_iter()
            .find(|span| span.span_kind == kind)
            .unwrap()
    }
}

/// The stock propagators: an implementation that is not ours.
pub fn w3c() -> TextMap<TextMapCompositePropagator> {
    TextMap(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]))
}

/// Serves on a free port of the loopback address until the test's runtime ends.
pub async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

/// Sends these bytes and returns the connection.
pub async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until what was read contains `end`.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&read).contains(end) {
        let count = tokio::time::timeout(DEADLINE, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(
            count > 0,
            "closed after {:?}",
            String::from_utf8_lossy(&read)
        );
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// All attributes, by name, as text.
pub fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let pairs = span
        .attributes
        .iter()
        .map(|kv| (kv.key.as_str().to_owned(), kv.value.as_str().into_owned()));
    let attributes: BTreeMap<_, _> = pairs.collect();
    assert_eq!(
        attributes.len(),
        span.attributes.len(),
        "an attribute was set twice"
    );
    attributes
}

pub fn attribute(span: &SpanData, key: &str) -> Option<String> {
    attributes(span).remove(key)
}

#[track_caller]
pub fn assert_attributes(span: &SpanData, expected: &[(&str, &str)]) {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    assert_eq!(attributes(span), expected);
}

/// The span failed with this type, and says nothing more.
#[track_caller]
pub fn assert_failed(span: &SpanData, error_type: &str) {
    assert_eq!(attribute(span, "error.type").as_deref(), Some(error_type));
    assert_eq!(span.status, Status::error(""));
}

#[track_caller]
pub fn assert_unset(span: &SpanData) {
    assert_eq!(attribute(span, "error.type"), None);
    assert_eq!(span.status, Status::Unset);
}

/// A router with one nested route, `/api/stock/{sku}`.
pub fn stock(layer: TraceLayer) -> Router {
    let stock = Router::new().route("/stock/{sku}", get(async || "12"));
    Router::new().nest("/api", stock).layer(layer)
}

pub fn request(uri: &str) -> Request {
    Request::builder().uri(uri).body(Body::empty()).unwrap()
}

/// Sends one request to a service without a socket, and reads the response to its end.
pub async fn ask(app: Router, request: Request) -> StatusCode {
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    status
}

pub fn forwarded() -> Request {
    let mut request = request("/api/stock/7");
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("10.0.0.9:9000"));
    headers.insert(
        "forwarded",
        HeaderValue::from_static("for=192.0.2.43;proto=https;host=\"shop.example:443\""),
    );
    request
}

pub fn client(telemetry: &Telemetry) -> TracedClient {
    telemetry.client().build(Client::new()).unwrap()
}

/// A provider that counts the spans that are started, and unlike the stock one does not look at the context.
#[derive(Clone, Default)]
pub struct Started(pub Arc<AtomicUsize>);

impl TracerProvider for Started {
    type Tracer = Self;

    fn tracer_with_scope(&self, _: InstrumentationScope) -> Self {
        self.clone()
    }
}

impl Tracer for Started {
    type Span = NoopSpan;

    fn build_with_context(&self, _: SpanBuilder, _: &Context) -> NoopSpan {
        self.0.fetch_add(1, Ordering::SeqCst);
        NoopSpan::DEFAULT
    }
}
