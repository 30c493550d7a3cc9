//! One trace, in every encoding and codec, is one stored trace.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use std::io::Write as _;

use common::{Fixture, JSON, PROTOBUF, T0, attribute, hex_id, text};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValueList, any_value::Value as Any,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;

fn rich() -> ExportTraceServiceRequest {
    let mut span = common::failed(common::span(1, 2, Some(3), "GET /a", 1, 20));
    span.trace_state = "a=b".into();
    span.flags = 0x101;
    span.dropped_attributes_count = 4;
    span.dropped_events_count = 5;
    span.dropped_links_count = 6;
    let list = ArrayValue {
        values: vec![
            AnyValue {
                value: Some(Any::IntValue(1)),
            },
            AnyValue {
                value: Some(Any::StringValue("é".into())),
            },
        ],
    };
    span.attributes = vec![
        text("text", "v"),
        attribute("int", Any::IntValue(i64::MIN)),
        attribute("double", Any::DoubleValue(0.5)),
        attribute("bool", Any::BoolValue(true)),
        attribute("bytes", Any::BytesValue(vec![0xff, 0xef])),
        attribute("list", Any::ArrayValue(list)),
        attribute(
            "map",
            Any::KvlistValue(KeyValueList {
                values: vec![text("k", "v")],
            }),
        ),
    ];
    span.events = vec![Event {
        time_unix_nano: T0 + 5000,
        name: "exception".into(),
        attributes: vec![text("exception.type", "E")],
        dropped_attributes_count: 1,
    }];
    span.links = vec![Link {
        trace_id: vec![7; 16],
        span_id: vec![8; 8],
        trace_state: "c=d".into(),
        attributes: vec![text("why", "retry")],
        dropped_attributes_count: 2,
        flags: 0x301,
    }];
    let mut request = common::request("orders", vec![span]);
    let resource_spans = &mut request.resource_spans[0];
    resource_spans.schema_url = "https://example.com/resource".into();
    let resource = resource_spans.resource.as_mut().unwrap();
    resource.dropped_attributes_count = 8;
    let scope_spans = &mut resource_spans.scope_spans[0];
    scope_spans.schema_url = "https://example.com/scope".into();
    scope_spans.scope = Some(InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        attributes: vec![text("tier", "web")],
        dropped_attributes_count: 3,
    });
    request
}

/// The same, written by hand as the OTLP specification has it in JSON.
fn rich_json() -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "orders"}},
            {"key": "host.name", "value": {"stringValue": "orders-1"}}],
            "droppedAttributesCount": 8},
        "schemaUrl": "https://example.com/resource",
        "scopeSpans": [{
            "schemaUrl": "https://example.com/scope",
            "scope": {"name": "lib", "version": "1.2", "droppedAttributesCount": 3,
                "attributes": [{"key": "tier", "value": {"stringValue": "web"}}]},
            "spans": [{
                "traceId": "00000000000000000000000000000001", "spanId": "0000000000000002",
                "parentSpanId": "0000000000000003", "traceState": "a=b", "flags": 257, "name": "GET /a",
                "kind": 2, "startTimeUnixNano": "1767225600001000000",
                "endTimeUnixNano": "1767225600021000000",
                "attributes": [
                    {"key": "text", "value": {"stringValue": "v"}},
                    {"key": "int", "value": {"intValue": "-9223372036854775808"}},
                    {"key": "double", "value": {"doubleValue": 0.5}},
                    {"key": "bool", "value": {"boolValue": true}},
                    {"key": "bytes", "value": {"bytesValue": "/+8="}},
                    {"key": "list", "value": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "é"}]}}},
                    {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}}],
                "droppedAttributesCount": 4,
                "events": [{"timeUnixNano": "1767225600000005000", "name": "exception",
                    "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}],
                    "droppedAttributesCount": 1}],
                "droppedEventsCount": 5,
                "links": [{"traceId": "07070707070707070707070707070707", "spanId": "0808080808080808",
                    "traceState": "c=d", "flags": 769, "droppedAttributesCount": 2,
                    "attributes": [{"key": "why", "value": {"stringValue": "retry"}}]}],
                "droppedLinksCount": 6,
                "status": {"code": 2, "message": "declined"}}]}]}]})
}

/// The expected answer of the query API, written by hand from its contract.
fn expected() -> Value {
    json!({
        "traceId": hex_id(1), "spanId": "0000000000000002", "parentSpanId": "0000000000000003",
        "operationName": "GET /a", "serviceName": "orders", "kind": "SERVER",
        "startTime": 1_767_225_600_001_000u64, "duration": 20_000,
        "status": {"code": "ERROR", "message": "declined"},
        "tags": {"text": "v", "int": i64::MIN, "double": 0.5, "bool": true, "bytes": "/+8=",
            "list": [1, "é"], "map": {"k": "v"}},
        "events": [{"timestamp": 1_767_225_600_000_005u64, "name": "exception",
            "attributes": {"exception.type": "E"}, "droppedAttributes": 1}],
        "links": [{"traceId": "07070707070707070707070707070707", "spanId": "0808080808080808",
            "traceState": "c=d", "flags": 769, "attributes": {"why": "retry"}, "droppedAttributes": 2}],
        "resource": {"service.name": "orders", "host.name": "orders-1"},
        "resourceSchemaUrl": "https://example.com/resource", "resourceDroppedAttributes": 8,
        "scope": {"name": "lib", "version": "1.2", "schemaUrl": "https://example.com/scope",
            "attributes": {"tier": "web"}, "droppedAttributes": 3},
        "traceState": "a=b", "flags": 257,
        "droppedAttributes": 4, "droppedEvents": 5, "droppedLinks": 6
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn check_stored(fixture: Fixture) {
    let answer = fixture.query(&format!("/api/traces/{}", hex_id(1))).await;
    assert_eq!(answer["trace"]["spans"], json!([expected()]));
    assert_eq!(answer["trace"]["orphanSpanCount"], 1);
    assert_eq!(answer["trace"]["hasErrors"], true);
    fixture.end().await;
}

#[tokio::test]
async fn http_bodies_in_either_encoding_and_any_codec_store_the_same() {
    let protobuf = rich().encode_to_vec();
    let json = rich_json().to_string().into_bytes();
    for (content_type, body) in [(PROTOBUF, protobuf), (JSON, json)] {
        for (encoding, body) in [
            ("identity", body.clone()),
            ("gzip", gzip(&body)),
            ("zstd", zstd::encode_all(body.as_slice(), 1).unwrap()),
        ] {
            let fixture = Fixture::start().await;
            let response = fixture
                .post(body, &[content_type, ("content-encoding", encoding)])
                .await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], content_type.1);
            let empty: &[u8] = if content_type == JSON { b"{}" } else { b"" };
            assert_eq!(response.bytes().await.unwrap(), empty);
            check_stored(fixture).await;
        }
    }
}

#[tokio::test]
async fn grpc_with_any_codec_stores_the_same() {
    for codec in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let fixture = Fixture::start().await;
        let mut client = TraceServiceClient::connect(fixture.grpc_url())
            .await
            .unwrap();
        if let Some(codec) = codec {
            client = client.send_compressed(codec).accept_compressed(codec);
        }
        let response = client.export(rich()).await.unwrap().into_inner();
        assert_eq!(response.partial_success, None);
        check_stored(fixture).await;
    }
}

#[tokio::test]
async fn a_chunked_body_without_length_is_taken() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let fixture = Fixture::start().await;
    let address = fixture.collector.otlp_http_address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in rich_json().to_string().as_bytes().chunks(100) {
        stream
            .write_all(format!("{:x}\r\n", part.len()).as_bytes())
            .await
            .unwrap();
        stream.write_all(part).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    check_stored(fixture).await;
}

/// A body of a few hundred kilobytes that would be gigabytes in work or in the store is answered
/// as too large, in either encoding, and nothing of it is kept.
#[tokio::test]
async fn a_body_that_grows_beyond_measure_is_refused_as_too_large() {
    // 7 MB of resource for each of 2000 traces: 14 GB.
    let spans = (1..=2000).map(|n| common::span(n, 1, None, "op", n, 1));
    let mut copied = common::request("s", spans.collect());
    let resource = copied.resource_spans[0].resource.as_mut().unwrap();
    let large = "x".repeat(60_000);
    resource.attributes = (0..120).map(|n| text(&format!("k{n}"), &large)).collect();
    // 1,280,000 empty attributes, two bytes each, on 10,000 spans.
    let spans = (1..=10_000).map(|n| {
        let mut span = common::span(1, n, None, "op", n, 1);
        span.attributes = vec![Default::default(); 128];
        span
    });
    let many = common::request("s", spans.collect());
    let empty = vec!["{}"; 1_100_000].join(",");
    let many_json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{empty}]}},"scopeSpans":[]}}]}}"#
    );
    let fixture = Fixture::start().await;
    for (content_type, body) in [
        (PROTOBUF, copied.encode_to_vec()),
        (PROTOBUF, many.encode_to_vec()),
        (JSON, many_json.into_bytes()),
    ] {
        let body = gzip(&body);
        assert!(body.len() < 1_000_000, "{}", body.len());
        let response = fixture
            .post(body, &[content_type, ("content-encoding", "gzip")])
            .await;
        assert_eq!(response.status(), 413);
    }
    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["requests"]["tooLarge"], 3);
    assert_eq!(stats["spans"]["received"], 0);

    let mut client = TraceServiceClient::connect(fixture.grpc_url())
        .await
        .unwrap()
        .send_compressed(CompressionEncoding::Gzip);
    let status = client.export(copied).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    fixture.end().await;
}
