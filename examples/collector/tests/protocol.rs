//! The rules of OTLP, gRPC and HTTP for a receiver, apart from its messages.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use std::io::Write as _;
use std::net::SocketAddr;

use common::{DEADLINE, Fixture, JSON, PROTOBUF, http2};
use prost::Message as _;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// google/rpc/status.proto.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The `Status` of an error, in the format of the request, or in JSON if it had none.
async fn status(response: Response, sent: &str) -> Status {
    let expected = match sent {
        "application/x-protobuf" => sent,
        _ => "application/json",
    };
    assert_eq!(response.headers()["content-type"], expected);
    let body = response.bytes().await.unwrap();
    if expected == PROTOBUF.1 {
        return Status::decode(body).unwrap();
    }
    let json: Value = serde_json::from_slice(&body).unwrap();
    Status {
        code: json["code"].as_i64().unwrap() as i32,
        message: json["message"].as_str().unwrap().to_owned(),
    }
}

type Body = h2::SendStream<bytes::Bytes>;
type Request = h2::client::ResponseFuture;
type Headers<'a> = &'a [(&'a str, &'a str)];

fn one_span() -> Vec<u8> {
    common::request("s", vec![common::span(1, 1, None, "op", 0, 1)]).encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    [&[flag], &length[..], message].concat()
}

// OTLP, "Failures": the body of all 4xx and 5xx responses is a Status. Codes of
// google/rpc/code.proto.
#[tokio::test]
async fn every_error_of_the_http_port_has_a_status_in_its_body() {
    let fixture = Fixture::start().await;
    let base = format!("http://{}", fixture.collector.otlp_http_address());
    let long = "x".repeat(20_000);
    let names: Vec<String> = (0..150).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let cases: [(&str, Method, Headers<'_>, u16, i32); 10] = [
        ("/v1/metrics", Method::POST, &[], 404, 5),
        ("/", Method::GET, &[], 404, 5),
        ("/v1/traces/", Method::POST, &[], 404, 5),
        ("/v1/traces", Method::GET, &[], 405, 12),
        ("/v1/traces", Method::PUT, &[], 405, 12),
        (
            "/v1/traces",
            Method::POST,
            &[("content-encoding", "br")],
            415,
            3,
        ),
        (
            "/v1/traces",
            Method::POST,
            &[("host", "evil.example")],
            421,
            7,
        ),
        (
            "/v1/traces",
            Method::POST,
            &[("origin", "http://evil.example")],
            403,
            7,
        ),
        ("/v1/traces", Method::POST, &[("x-long", &long)], 431, 8),
        ("/v1/traces", Method::POST, &many, 431, 8),
    ];
    for (path, method, headers, http, code) in cases.clone() {
        for content_type in [PROTOBUF.1, JSON.1] {
            let mut request = fixture
                .client
                .request(method.clone(), format!("{base}{path}"));
            request = request.header("content-type", content_type);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), http, "{method} {path} {headers:?}");
            // RFC 9110 section 15.5.6.
            let allowed = response.headers().get("allow");
            assert_eq!(allowed.is_some_and(|value| value == "POST"), http == 405);
            let status = status(response, content_type).await;
            assert_eq!(status.code, code, "{method} {path} {headers:?}");
            assert!(!status.message.is_empty());
        }
    }
    // Each request is in one counter.
    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["requests"]["malformed"], 2 * cases.len());
    // One of no or another content type is answered in JSON.
    for content_type in ["text/plain", "application/grpc"] {
        let response = fixture
            .post(Vec::new(), &[("content-type", content_type)])
            .await;
        assert_eq!(response.status(), 415);
        assert_eq!(status(response, content_type).await.code, 3);
    }
    fixture.end().await;
}

/// hyper answers these before there is a request, and without a body.
#[tokio::test]
async fn errors_of_what_is_not_a_request_have_a_status_too() {
    let fixture = Fixture::start().await;
    let ports = [
        fixture.collector.otlp_http_address(),
        fixture.collector.otlp_grpc_address(),
    ];
    let post = "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n";
    let long = format!("{post}x-long: {}\r\n\r\n", "x".repeat(200_000));
    let path = format!(
        "POST /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(200_000)
    );
    let many = format!("{post}{}\r\n", "x: y\r\n".repeat(2000));
    let requests = [
        (long, 431, 8),
        (path, 431, 8),
        (many, 431, 8),
        (format!("{post}content-length: many\r\n\r\n"), 400, 3),
        (format!("{post}bad header\r\n\r\n"), 400, 3),
        ("GET\r\n\r\n".to_owned(), 400, 3),
    ];
    let cases = ports
        .iter()
        .flat_map(|port| requests.iter().map(move |case| (port, case)));
    for (address, (request, http, code)) in cases {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // An answer before this one stays as it is.
        let first = "GET /v1/traces HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(first.as_bytes()).await.unwrap();
        // The collector may have closed its side before all was written.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answers = String::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answers));
        read.await.unwrap().unwrap();
        let (_, last) = answers.rsplit_once("HTTP/1.1 ").unwrap();
        assert!(answers.starts_with("HTTP/1.1 4"), "{answers}");
        assert_eq!(answers.matches("HTTP/1.1 4").count(), 2, "{answers}");
        let (head, body) = last.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&http.to_string()), "{head}");
        let status: Value = serde_json::from_str(body).unwrap();
        assert_eq!(status["code"], *code, "{head}");
    }
    fixture.end().await;
}

/// A sender that writes all of its body before it reads finds the answer, not a reset connection. A
/// body of this size does not fit into the buffers of a connection.
#[tokio::test]
async fn a_sender_of_a_large_body_gets_its_answer() {
    let fixture = Fixture::start().await;
    let [http, grpc] = [
        fixture.collector.otlp_http_address(),
        fixture.collector.otlp_grpc_address(),
    ];
    let large = vec![b'x'; 32 * 1024 * 1024];
    for (address, path, content_type, expected) in [
        (http, "/v1/traces", PROTOBUF.1, 413),
        (http, "/v1/traces", "text/plain", 415),
        (http, "/v1/metrics", PROTOBUF.1, 404),
        (grpc, "/v1/traces", PROTOBUF.1, 415),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            large.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&large).await.unwrap();
        let mut answer = String::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer));
        read.await.unwrap().unwrap();
        let start = format!("HTTP/1.1 {expected}");
        assert!(answer.starts_with(&start), "{path}: {answer}");

        let request = http::Request::post(format!("http://{address}{path}"))
            .header("content-type", content_type)
            .body(())
            .unwrap();
        let answer = http2::send_all(address, request, &large).await;
        assert_eq!(answer.status, expected, "{path}");
    }
    fixture.end().await;
}

// RFC 9110 section 8.4.1.3: a recipient considers "x-gzip" to be equivalent to "gzip".
#[tokio::test]
async fn x_gzip_is_gzip_in_any_case() {
    let fixture = Fixture::start().await;
    for name in ["x-gzip", "X-GZip", "gzip", "GZIP"] {
        let encoding = ("content-encoding", name);
        let response = fixture.post(gzip(&one_span()), &[PROTOBUF, encoding]).await;
        assert_eq!(response.status(), 200, "{name}");
    }
    fixture.end().await;
}

// "gRPC over HTTP2": servers respond with 415 where the content type is not application/grpc. With
// the HTTP status of gRPC, 200, a sender of OTLP/HTTP would take its spans for delivered.
#[tokio::test]
async fn what_is_not_grpc_is_refused_on_every_path_of_its_port() {
    let fixture = Fixture::start().await;
    let address = fixture.collector.otlp_grpc_address();
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut sent = 0;
    for path in ["/v1/traces", "/", "/none", export] {
        for content_type in [
            PROTOBUF.1,
            JSON.1,
            "text/html",
            "application/grpc-web",
            "application/grpc",
        ] {
            for method in [Method::POST, Method::GET] {
                let url = format!("http://{address}{path}");
                let request = fixture.client.request(method, url).body(one_span());
                let response = request.header("content-type", content_type).send().await;
                let response = response.unwrap();
                assert_eq!(response.status(), 415, "{path} {content_type}");
                assert!(!response.headers().contains_key("grpc-status"));
                assert_eq!(status(response, content_type).await.code, 3);
                sent += 1;
            }
        }
        // The same over HTTP/2, which gRPC has too.
        let request = http::Request::post(format!("http://{address}{path}"))
            .header("content-type", PROTOBUF.1)
            .body(())
            .unwrap();
        assert_eq!(http2::send(address, request, &one_span()).await.status, 415);
        sent += 1;
    }
    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["requests"]["malformed"], sent);
    fixture.end().await;
}

// INTERNAL is 13, UNIMPLEMENTED 12 in google/rpc/code.proto.
#[tokio::test]
async fn messages_of_grpc_are_compressed_as_their_call_says() {
    let fixture = Fixture::start().await;
    let address = fixture.collector.otlp_grpc_address();
    let gzip_call = &[("grpc-encoding", "gzip")];
    let identity_call = &[("grpc-encoding", "identity")];
    let compressed = framed(1, &gzip(&one_span()));
    let cases: [(Headers<'_>, Vec<u8>, &str); 7] = [
        (gzip_call, compressed.clone(), "0"),
        // A message of a compressed call may be plain.
        (gzip_call, framed(0, &one_span()), "0"),
        // "gRPC Compression", test case 6.
        (&[], compressed.clone(), "13"),
        (identity_call, compressed.clone(), "13"),
        // Test case 4.
        (&[("grpc-encoding", "snappy")], compressed, "12"),
        // "Status codes and their use in gRPC": compressed with a known algorithm, and broken.
        (gzip_call, framed(1, b"no gzip"), "13"),
        (&[], framed(2, &one_span()), "13"),
    ];
    for (headers, body, code) in cases {
        let answer = http2::export(address, headers, &body).await;
        assert_eq!(answer.status, 200, "{headers:?}");
        assert_eq!(answer.grpc("grpc-status"), Some(code), "{headers:?}");
        assert_eq!(
            answer.grpc("grpc-accept-encoding"),
            Some("identity,gzip,zstd")
        );
        let named = answer
            .grpc("grpc-message")
            .is_some_and(|text| text.contains("Compressed-Flag"));
        let no_encoding = headers.is_empty() || *headers == *identity_call;
        assert_eq!(named, no_encoding, "{headers:?}");
    }
    fixture.end().await;
}

/// Sends the head of a request that waits for `100 Continue`.
async fn expecting(
    address: SocketAddr,
    path: &str,
    content_type: &str,
    length: Option<&str>,
) -> (Request, Body) {
    let mut sender = http2::connect(address).await;
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", content_type)
        .header("expect", "100-continue");
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    let request = request.body(()).unwrap();
    sender.send_request(request, false).unwrap()
}

/// The status of the next answer that is not the last one.
async fn informational(response: &mut Request) -> Option<u16> {
    let next = std::future::poll_fn(|context| response.poll_informational(context));
    let next = tokio::time::timeout(DEADLINE, next).await.unwrap();
    next.map(|answer| answer.unwrap().status().as_u16())
}

// RFC 9110 section 10.1.1: the server must not wait for the body before it sends 100, or a final
// status that depends on the head alone.
#[tokio::test]
async fn a_sender_over_http_2_that_waits_for_100_continue_gets_it() {
    let fixture = Fixture::start().await;
    let address = fixture.collector.otlp_http_address();
    let (mut response, mut body) = expecting(address, "/v1/traces", PROTOBUF.1, None).await;
    assert_eq!(informational(&mut response).await, Some(100));
    body.send_data(one_span().into(), true).unwrap();
    let answer = http2::Answer::read(response.await.unwrap()).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));

    for (path, content_type, length, expected) in [
        ("/v1/traces", "text/plain", None, 415),
        ("/v1/metrics", PROTOBUF.1, None, 404),
        ("/v1/traces", PROTOBUF.1, Some("99999999"), 413),
    ] {
        let (mut response, body) = expecting(address, path, content_type, length).await;
        assert_eq!(informational(&mut response).await, None, "{path}");
        assert_eq!(response.await.unwrap().status(), expected);
        drop(body);
    }

    let address = fixture.collector.otlp_grpc_address();
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let (mut response, mut body) = expecting(address, export, "application/grpc", None).await;
    assert_eq!(informational(&mut response).await, Some(100));
    body.send_data(framed(0, &one_span()).into(), true).unwrap();
    let answer = http2::Answer::read(response.await.unwrap()).await;
    assert_eq!(answer.grpc("grpc-status"), Some("0"));
    fixture.end().await;
}

#[tokio::test]
async fn large_bodies_and_answers_pass_over_http_2() {
    let fixture = Fixture::start().await;
    // Several times the window of a connection, in either direction.
    let spans = (1..=9000).map(|n| common::span(1, n, None, &"x".repeat(1000), n, 1));
    let message = framed(0, &common::request("s", spans.collect()).encode_to_vec());
    let answer = http2::export(fixture.collector.otlp_grpc_address(), &[], &message).await;
    assert_eq!(answer.grpc("grpc-status"), Some("0"));

    let address = fixture.collector.query_address();
    for (method, empty) in [("GET", false), ("HEAD", true)] {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{address}/api/traces/{}", common::hex_id(1)))
            .body(())
            .unwrap();
        let answer = http2::send(address, request, b"").await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers.contains_key("date"));
        assert_eq!(answer.body.is_empty(), empty);
        if !empty {
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(answer["trace"]["spans"].as_array().unwrap().len(), 9000);
        }
    }
    fixture.end().await;
}
