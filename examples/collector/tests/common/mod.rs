//! A collector of its own for each test, and spans made with the published messages.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod http2;
pub mod program;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use serde_json::Value;
use tracer_collector::{Collector, CollectorConfig};

/// Time a condition may take to come true on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// A fixed moment in nanoseconds: 2026-01-01T00:00:00Z by `date -u -d 2026-01-01 +%s`.
pub const T0: u64 = 1_767_225_600_000_000_000;
pub const MS: u64 = 1_000_000;

pub struct Fixture {
    pub collector: Collector,
    pub client: reqwest::Client,
    directory: tempfile::TempDir,
}

impl Fixture {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = CollectorConfig::default()
            .otlp_grpc(any)
            .otlp_http(any)
            .query(any)
            .health(any)
            .data_dir(directory.path());
        let collector = Collector::start(config).await.unwrap();
        Self {
            collector,
            client: reqwest::Client::new(),
            directory,
        }
    }

    pub fn traces_url(&self) -> String {
        format!("http://{}/v1/traces", self.collector.otlp_http_address())
    }

    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.collector.otlp_grpc_address())
    }

    /// Posts a body with its headers.
    pub async fn post(&self, body: Vec<u8>, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.client.post(self.traces_url()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Sends spans as protobuf and expects all or some of them to be taken.
    pub async fn send(&self, request: &ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        let response = self.post(request.encode_to_vec(), &[PROTOBUF]).await;
        assert_eq!(response.status(), 200);
        let body = response.bytes().await.unwrap();
        ExportTraceServiceResponse::decode(body).unwrap()
    }

    /// The status and JSON of a query.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("http://{}{path}", self.collector.query_address());
        let response = self.client.get(url).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    pub async fn query(&self, path: &str) -> Value {
        let (status, json) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {json}");
        json
    }

    /// Ids of the traces a search finds, in its order.
    pub async fn found(&self, parameters: &str) -> Vec<String> {
        ids(&self.query(&format!("/api/traces?{parameters}")).await)
    }

    /// Checks that every span received is accounted for and none waits, then stops the collector.
    pub async fn end(self) {
        let stats = self.query("/api/stats").await;
        assert_balanced(&stats);
        assert_eq!(stats["spans"]["waiting"], 0, "{stats}");
        self.collector.shutdown().await.unwrap();
    }
}

pub const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub const JSON: (&str, &str) = ("content-type", "application/json");

pub fn ids(answer: &Value) -> Vec<String> {
    let traces = answer["traces"].as_array().unwrap();
    traces
        .iter()
        .map(|trace| trace["traceId"].as_str().unwrap().to_owned())
        .collect()
}

/// `received = stored + duplicate + rejected + refused + waiting`.
#[track_caller]
pub fn assert_balanced(stats: &Value) {
    let sum = |value: &Value| -> u64 {
        value
            .as_object()
            .unwrap()
            .values()
            .map(|number| number.as_u64().unwrap())
            .sum()
    };
    let spans = &stats["spans"];
    let number = |name: &str| spans[name].as_u64().unwrap();
    let total = number("stored")
        + number("duplicate")
        + sum(&spans["rejected"])
        + sum(&spans["refused"])
        + number("waiting");
    assert_eq!(number("received"), total, "{stats}");
}

/// Polls until `check` gives something.
pub async fn until<T>(mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(Instant::now() < deadline, "condition not met in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::StringValue(value.into()))
}

pub fn trace_id(n: u64) -> Vec<u8> {
    u128::from(n).to_be_bytes().to_vec()
}

pub fn hex_id(n: u64) -> String {
    format!("{n:032x}")
}

/// A span that lasts `millis` from `start` milliseconds after [`T0`].
pub fn span(trace: u64, id: u64, parent: Option<u64>, name: &str, start: u64, millis: u64) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent
            .map(|id| id.to_be_bytes().to_vec())
            .unwrap_or_default(),
        name: name.into(),
        kind: 2,
        start_time_unix_nano: T0 + start * MS,
        end_time_unix_nano: T0 + (start + millis) * MS,
        ..Span::default()
    }
}

pub fn failed(span: Span) -> Span {
    Span {
        status: Some(Status {
            code: 2,
            message: "declined".into(),
        }),
        ..span
    }
}

/// One request with the spans of one service.
pub fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![
        text("service.name", service),
        text("host.name", &format!("{service}-1")),
    ];
    let resource = Resource {
        attributes,
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let part = ResourceSpans {
        resource: Some(resource),
        scope_spans,
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![part],
    }
}
