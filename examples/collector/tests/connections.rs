//! Headers of requests and answers that protect users of browsers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use common::{DEADLINE, Fixture, JSON, PROTOBUF};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const EVIL: (&str, &str) = ("host", "evil.example:8080");
const STRANGER: (&str, &str) = ("origin", "http://evil.example:8080");

#[tokio::test]
async fn a_page_of_another_site_cannot_query() {
    let fixture = Fixture::start().await;
    for path in ["/api/traces", "/api/stats", "/api/none", "/", "/none"] {
        for (header, code) in [(EVIL, 421), (STRANGER, 403)] {
            let url = format!("http://{}{path}", fixture.collector.query_address());
            let request = fixture.client.get(url).header(header.0, header.1);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), code, "{path}");
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["error"]["code"], code);
            assert!(answer["error"]["message"].is_string());
        }
    }
    let port = fixture.collector.query_address().port();
    let url = format!("http://{}/api/stats", fixture.collector.query_address());
    let own = format!("localhost:{port}");
    let request = fixture.client.get(url).header("host", &own);
    let response = request.header("origin", format!("http://{own}")).send();
    assert_eq!(response.await.unwrap().status(), 200);
    fixture.end().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_send_spans() {
    // google.rpc.Status: PERMISSION_DENIED is 7 in google/rpc/code.proto.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
    }
    let fixture = Fixture::start().await;
    for (header, code) in [(EVIL, 421), (STRANGER, 403)] {
        let response = fixture.post(b"{}".to_vec(), &[JSON, header]).await;
        assert_eq!(response.status(), code);
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["code"], 7);
        let response = fixture.post(Vec::new(), &[PROTOBUF, header]).await;
        assert_eq!(response.status(), code);
        let status = Status::decode(response.bytes().await.unwrap()).unwrap();
        assert_eq!(status.code, 7);
    }
    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["requests"]["malformed"], json!(4));
    fixture.end().await;
}

/// Spans hold users' data, which no cache may store and no browser may read as another type.
#[tokio::test]
async fn every_answer_of_the_api_is_neither_kept_nor_sniffed() {
    let fixture = Fixture::start().await;
    let long = "x".repeat(20_000);
    let none: &[(&str, &str)] = &[];
    for (method, path, headers, code) in [
        ("GET", "/api/traces", none, 200),
        ("GET", "/api/stats", none, 200),
        ("GET", "/api/traces/x", none, 400),
        (
            "GET",
            "/api/traces/00000000000000000000000000000001",
            none,
            404,
        ),
        ("GET", "/api/none", none, 404),
        ("GET", "/api", none, 404),
        ("GET", "/api/", none, 404),
        ("POST", "/api/none", none, 404),
        ("POST", "/api/traces", none, 405),
        ("GET", "/api/traces", &[EVIL], 421),
        ("GET", "/api/traces", &[STRANGER], 403),
        ("GET", "/api/traces", &[("x-long", &long)], 431),
    ] {
        let url = format!("http://{}{path}", fixture.collector.query_address());
        let mut request = fixture.client.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), code, "{method} {path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ] {
            let values = response.headers().get_all(name).iter();
            assert_eq!(values.collect::<Vec<_>>(), [value], "{method} {path}");
        }
        let answer: Value = response.json().await.unwrap();
        assert!(code == 200 || answer["error"]["code"] == code, "{answer}");
    }
    // Neither of these is a request, so no router sees them.
    for (request, code) in [
        (
            format!("GET /api/{} HTTP/1.1\r\n\r\n", "x".repeat(200_000)),
            431,
        ),
        (
            "GET /api/stats HTTP/1.1\r\nbad header\r\n\r\n".to_owned(),
            400,
        ),
    ] {
        let address = fixture.collector.query_address();
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The collector may have closed its side before all was written.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer));
        read.await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {code}")), "{head}");
        assert!(head.contains("\r\ncache-control: no-store"), "{head}");
        assert!(
            head.contains("\r\nx-content-type-options: nosniff"),
            "{head}"
        );
        let answer: Value = serde_json::from_str(body).unwrap();
        assert_eq!(answer["error"]["code"], code);
    }
    fixture.end().await;
}
