//! The OpenTelemetry Python SDK sends one trace by each protocol, and the collector gives it back.

use std::path::Path;

use serde_json::Value;
use tracer_collector::{Collector, CollectorConfig};
use tracer_tests::python::Python;
use tracer_tests::query::Query;

use crate::expected::{TRACE_ID, expected};

/// The environment that speaks the protocol, or none where it cannot be had.
fn python(protocol: &str) -> Option<Python> {
    let name = match protocol {
        "http/json" => "otlp_json",
        _ => "otlp_proto",
    };
    let requirements = folder().join(name).with_extension("txt");
    Python::with_packages(name, &requirements).unwrap()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/interop"))
}

async fn collector(data: &Path) -> Collector {
    let any = "127.0.0.1:0".parse().unwrap();
    let config = CollectorConfig::default()
        .otlp_grpc(any)
        .otlp_http(any)
        .query(any)
        .health(any)
        .data_dir(data);
    Collector::start(config).await.unwrap()
}

/// Sends the trace, and checks what is stored against what `send.py` says it makes.
async fn check(protocol: &'static str, compression: &'static str) {
    let Some(python) = tokio::task::spawn_blocking(move || python(protocol))
        .await
        .unwrap()
    else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let collector = collector(data.path()).await;
    let endpoint = match protocol {
        "grpc" => format!("http://{}", collector.otlp_grpc_address()),
        _ => format!("http://{}/v1/traces", collector.otlp_http_address()),
    };
    let sent = tokio::task::spawn_blocking(move || {
        let arguments = [protocol, &endpoint, compression];
        python.run(&folder().join("send.py"), &arguments)
    });
    sent.await.unwrap().unwrap();

    // An accepted span is found by every query from then on, so there is nothing to wait for.
    let query = Query::new(collector.query_address());
    let stored = query.trace(TRACE_ID).await.unwrap().unwrap();
    same("trace", &stored, &expected());

    let stats = query.stats().await.unwrap();
    assert_eq!(stats["spans"]["received"], 5, "{stats}");
    assert_eq!(stats["spans"]["stored"], 5, "{stats}");
    assert_eq!(stats["limits"]["truncated"], 0, "{stats}");
    assert_eq!(stats["limits"]["dropped"], 0, "{stats}");
    collector.shutdown().await.unwrap();
}

/// Equality that says where two documents differ.
#[track_caller]
fn same(place: &str, stored: &Value, expected: &Value) {
    match (stored, expected) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<_> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(left), keys(right), "{place}");
            for (key, value) in left {
                same(&format!("{place}.{key}"), value, &right[key]);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            assert_eq!(left.len(), right.len(), "{place}");
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                same(&format!("{place}[{index}]"), left, right);
            }
        }
        _ => assert_eq!(stored, expected, "{place}"),
    }
}

#[tokio::test]
async fn trace_sent_over_grpc_is_stored_as_made() {
    check("grpc", "none").await;
}

#[tokio::test]
async fn trace_sent_over_grpc_with_gzip_is_stored_as_made() {
    check("grpc", "gzip").await;
}

#[tokio::test]
async fn trace_sent_over_http_protobuf_is_stored_as_made() {
    check("http/protobuf", "none").await;
}

#[tokio::test]
async fn trace_sent_over_http_protobuf_with_gzip_is_stored_as_made() {
    check("http/protobuf", "gzip").await;
}

#[tokio::test]
async fn trace_sent_over_http_json_is_stored_as_made() {
    check("http/json", "none").await;
}

#[tokio::test]
async fn trace_sent_over_http_json_with_gzip_is_stored_as_made() {
    check("http/json", "gzip").await;
}
