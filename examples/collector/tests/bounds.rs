//! Tests of hostile and broken senders. Every test ends with a balanced ledger.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use std::io::Write as _;
use std::time::{Duration, Instant};

use common::{Fixture, JSON, PROTOBUF, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::codec::CompressionEncoding;

const MIB: usize = 1024 * 1024;

/// A request of one span whose name is `bytes` long and compresses to nearly nothing.
fn large(bytes: usize) -> ExportTraceServiceRequest {
    common::request(
        "s",
        vec![common::span(1, 1, None, &"x".repeat(bytes), 0, 1)],
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// google.rpc.Status as far as the tests look.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[tokio::test]
async fn bombs_and_large_bodies_are_refused_over_http() {
    let fixture = Fixture::start().await;
    let huge = large(40 * MIB).encode_to_vec();
    let zstd = zstd::encode_all(huge.as_slice(), 3).unwrap();
    assert!(zstd.len() < MIB);
    for (encoding, body) in [("gzip", gzip(&huge)), ("zstd", zstd), ("identity", huge)] {
        let response = fixture
            .post(body, &[PROTOBUF, ("content-encoding", encoding)])
            .await;
        assert_eq!(response.status(), 413, "{encoding}");
        let status = Status::decode(response.bytes().await.unwrap()).unwrap();
        // RESOURCE_EXHAUSTED in google/rpc/code.proto.
        assert_eq!(status.code, 8);
    }
    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["requests"]["tooLarge"], 3);
    fixture.end().await;
}

#[tokio::test]
async fn bombs_and_large_messages_are_refused_over_grpc() {
    let fixture = Fixture::start().await;
    for codec in [
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
        None,
    ] {
        let mut client = TraceServiceClient::connect(fixture.grpc_url())
            .await
            .unwrap();
        if let Some(codec) = codec {
            client = client.send_compressed(codec);
        }
        let status = client.export(large(40 * MIB)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{codec:?}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn invalid_spans_are_a_partial_success_in_every_encoding() {
    let fixture = Fixture::start().await;
    let good = |trace| common::span(trace, 1, None, "good", 0, 1);
    let spans = |trace| {
        vec![
            good(trace),
            Span {
                trace_id: vec![0; 16],
                ..good(trace)
            },
            Span {
                span_id: vec![1; 4],
                ..good(trace)
            },
            Span {
                end_time_unix_nano: 1,
                ..good(trace)
            },
        ]
    };
    let expected =
        "1 with invalid trace id, 1 with invalid span id, 1 with start missing or after end";

    let partial = fixture
        .send(&common::request("s", spans(1)))
        .await
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (3, expected)
    );

    let mut client = TraceServiceClient::connect(fixture.grpc_url())
        .await
        .unwrap();
    let response = client
        .export(common::request("s", spans(2)))
        .await
        .unwrap()
        .into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (3, expected)
    );

    let span = |trace: &str, span: &str, end: u64| json!({"traceId": trace, "spanId": span, "startTimeUnixNano": 5, "endTimeUnixNano": end});
    let (id, own) = (common::hex_id(3), "0000000000000001");
    let spans = [
        span(&id, own, 6),
        span("<b>", own, 6),
        span(&id, "", 6),
        span(&id, own, 4),
    ];
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let response = fixture.post(body.to_string().into_bytes(), &[JSON]).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer,
        json!({"partialSuccess": {"rejectedSpans": "3", "errorMessage": expected}})
    );

    let stats = fixture.query("/api/stats").await;
    assert_eq!(
        (&stats["spans"]["received"], &stats["spans"]["stored"]),
        (&json!(12), &json!(3))
    );
    fixture.end().await;
}

#[tokio::test]
async fn malformed_requests_are_refused_in_their_own_encoding() {
    let fixture = Fixture::start().await;
    let response = fixture.post(b"\x0a\xff".to_vec(), &[PROTOBUF]).await;
    assert_eq!(response.status(), 400);
    let status = Status::decode(response.bytes().await.unwrap()).unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (3, "malformed protobuf at byte 1: varint is cut off")
    );

    let response = fixture
        .post(b"{\"resourceSpans\":\n[<script>]}".to_vec(), &[JSON])
        .await;
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer,
        json!({"code": 3, "message": "malformed JSON at line 2 column 2"})
    );

    let response = fixture
        .post(
            b"not gzip".to_vec(),
            &[PROTOBUF, ("content-encoding", "gzip")],
        )
        .await;
    assert_eq!(response.status(), 400);
    for headers in [("content-type", "text/plain"), ("content-encoding", "br")] {
        let response = fixture.post(Vec::new(), &[headers]).await;
        assert_eq!(response.status(), 415, "{headers:?}");
    }
    let response = fixture
        .client
        .get(fixture.traces_url())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 405);
    fixture.end().await;
}

#[tokio::test]
async fn deep_values_neither_kill_nor_refuse() {
    let fixture = Fixture::start().await;
    // Our own levels stay below what the encoder of this test can recurse into.
    let mut any = AnyValue {
        value: Some(Any::BoolValue(true)),
    };
    for _ in 0..1000 {
        any = AnyValue {
            value: Some(Any::ArrayValue(ArrayValue { values: vec![any] })),
        };
    }
    let mut span = common::span(1, 1, None, "deep", 0, 1);
    span.attributes
        .push(common::attribute("deep", any.value.unwrap()));
    let answer = fixture.send(&common::request("s", vec![span])).await;
    let partial = answer.partial_success.unwrap();
    let message = "values and texts cut at a limit: 1";
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (0, message)
    );

    let deep = format!(
        r#"{}{{}}{}"#,
        r#"{"arrayValue":{"values":["#.repeat(200_000),
        "]}}".repeat(200_000)
    );
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"0000000000000001",
        "startTimeUnixNano":1,"endTimeUnixNano":2,"attributes":[{{"key":"deep","value":{deep}}}]}}]}}]}}]}}"#,
        common::hex_id(2)
    );
    let response = fixture.post(body.into_bytes(), &[JSON]).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["partialSuccess"]["errorMessage"], message);

    for id in [1, 2] {
        let answer = fixture
            .query(&format!("/api/traces/{}", common::hex_id(id)))
            .await;
        let mut value = &answer["trace"]["spans"][0]["tags"]["deep"];
        let mut depth = 0;
        while let Some(inner) = value.get(0) {
            depth += 1;
            value = inner;
        }
        assert_eq!((depth, value), (64, &Value::Null));
    }
    assert_eq!(fixture.query("/api/stats").await["limits"]["truncated"], 2);
    fixture.end().await;
}

/// Opens a request that promises more than it sends, so that what it sent stays admitted.
async fn hold(fixture: &Fixture, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(fixture.collector.otlp_http_address())
        .await
        .unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        bytes + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; bytes]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_used_up_budget_refuses_requests_and_nothing_else() {
    let fixture = Fixture::start().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(hold(&fixture, 20 * MIB - 1).await);
    }
    // 60 of 64 MiB are taken once the collector has read them; then 8 more do not fit.
    let body = large(8 * MIB).encode_to_vec();
    let refused = until(async || {
        let response = fixture.post(body.clone(), &[PROTOBUF]).await;
        (response.status() == 503).then_some(response)
    })
    .await;
    assert_eq!(refused.headers()["retry-after"], "1");
    // UNAVAILABLE in google/rpc/code.proto.
    assert_eq!(
        Status::decode(refused.bytes().await.unwrap()).unwrap().code,
        14
    );

    let mut client = TraceServiceClient::connect(fixture.grpc_url())
        .await
        .unwrap();
    let status = client.export(large(8 * MIB)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    // RetryInfo of one second: field 1 of a Duration with field 1 = 1.
    assert!(
        status
            .details()
            .windows(4)
            .any(|bytes| bytes == [0x0a, 2, 0x08, 1])
    );

    let health = format!("http://{}/", fixture.collector.health_address());
    assert_eq!(
        fixture.client.get(health).send().await.unwrap().status(),
        200
    );
    assert!(fixture.found("").await.len() <= 1);

    drop(held);
    until(async || (fixture.post(body.clone(), &[PROTOBUF]).await.status() == 200).then_some(()))
        .await;
    fixture.end().await;
}

#[tokio::test]
async fn a_peer_that_never_ends_its_headers_is_closed() {
    let fixture = Fixture::start().await;
    for address in [
        fixture.collector.otlp_http_address(),
        fixture.collector.query_address(),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
            .await
            .unwrap();
        let started = Instant::now();
        let mut rest = Vec::new();
        // Whether it is closed with or without an answer is hyper's choice.
        let read =
            tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "still open");
        assert!(started.elapsed() > Duration::from_secs(5));
    }
    fixture.end().await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let fixture = Fixture::start().await;
    let long = "x".repeat(20_000);
    let response = fixture
        .post(Vec::new(), &[PROTOBUF, ("x-long", &long)])
        .await;
    assert_eq!(response.status(), 431);
    let names: Vec<String> = (0..150).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(fixture.post(Vec::new(), &many).await.status(), 431);
    fixture.end().await;
}
