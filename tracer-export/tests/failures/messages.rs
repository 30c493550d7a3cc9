//! The first failed attempt is one warning. It names the address and the cause, says what to
//! check, and holds no secret and nothing that the peer sent.

use std::{net::SocketAddr, time::Duration};

use tracer_core::SpanExporter;
use tracer_export::{OtlpGrpcConfig, OtlpHttpConfig};

use super::{
    ClosedPort, PATIENCE, grpc, http,
    support::{
        collector::{Collector, Reply as CollectorReply},
        h2::{Answer, H2Server},
        log::{self, Line},
        raw::{RawServer, Reply},
        send_boxed,
        tls::TlsServer,
    },
};

const SECRET: &str = "s3cret";

/// Sends spans for a short while, and checks the warning about `address`. A last attempt that is cut
/// short by the timeout may be another warning.
#[track_caller]
fn check(exporter: Box<dyn SpanExporter>, address: SocketAddr, cause: &str, hint: &str) {
    log::start();
    let sent = send_boxed(exporter, 3, PATIENCE);
    assert_eq!(sent.stats.exported, 0, "{sent:?}");
    let logged = log::containing(&address.to_string());
    let [line, others @ ..] = &logged[..] else {
        panic!("{logged:?}")
    };
    assert_eq!(line.fields["cause"], cause);
    assert!(line.fields["hint"].contains(hint), "{line:?}");
    check_clean(line);
    for other in others {
        assert_eq!(other.fields["cause"], "no answer in time", "{logged:?}");
    }
}

#[track_caller]
fn check_clean(line: &Line) {
    let shown = format!("{line:?}");
    assert!(!shown.contains(SECRET) && shown.is_ascii(), "{shown}");
}

/// Headers, paths and queries may hold keys.
fn secretive(url: String, timeout: Duration) -> Box<dyn SpanExporter> {
    let config = OtlpHttpConfig::default()
        .endpoint(format!("{url}?key={SECRET}#{SECRET}"))
        .header(format!("x-{SECRET}"), SECRET)
        .timeout(timeout);
    Box::new(config.build().unwrap())
}

#[test]
fn statuses_of_http_name_what_to_check() {
    for (line, cause, hint) in [
        (
            "307 s3cret",
            "http status 307 (Temporary Redirect)",
            "redirects are not followed",
        ),
        (
            "400 s3cret",
            "http status 400 (Bad Request)",
            "OTLP receiver",
        ),
        (
            "401 s3cret",
            "http status 401 (Unauthorized)",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "403 s3cret",
            "http status 403 (Forbidden)",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "404 s3cret",
            "http status 404 (Not Found)",
            "usually /v1/traces",
        ),
        (
            "405 s3cret",
            "http status 405 (Method Not Allowed)",
            "usually /v1/traces",
        ),
        (
            "413 s3cret",
            "http status 413 (Payload Too Large)",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ),
        (
            "415 s3cret",
            "http status 415 (Unsupported Media Type)",
            "4317 for grpc; and check whether the receiver supports this compression",
        ),
        (
            "500 s3cret",
            "http status 500 (Internal Server Error)",
            "log of the receiver",
        ),
        ("599 s3cret", "http status 599", "log of the receiver"),
        (
            "503 s3cret",
            "http status 503 (Service Unavailable)",
            "overloaded",
        ),
        (
            "429 s3cret",
            "http status 429 (Too Many Requests)",
            "overloaded",
        ),
    ] {
        let answer =
            format!("HTTP/1.1 {line}\r\nlocation: s3cret\r\ncontent-length: 6\r\n\r\ns3cret");
        let server = RawServer::start(vec![Reply::Bytes(answer)]);
        let exporter = secretive(server.url(), Duration::from_millis(200));
        check(exporter, server.address, cause, hint);
    }
}

/// OTLP exporter specification, "Endpoint URLs for OTLP/HTTP": the general variable is a base URL;
/// the variable for traces is used as it is.
#[test]
fn path_that_cannot_be_right_is_named() {
    for (path, endpoint, hint) in [
        (
            "/v1/traces/v1/traces",
            "/v1/traces/v1/traces",
            "has v1/traces twice",
        ),
        ("", "/", "the URL has no path"),
        ("/s3cret/v1/traces", "/...", "usually /v1/traces"),
    ] {
        let server = RawServer::start(vec![Reply::status("404 Not Found")]);
        let url = format!("http://{}{path}", server.address);
        let cause = "http status 404 (Not Found)";
        check(secretive(url, PATIENCE), server.address, cause, hint);
        let logged = &log::containing(&server.address.to_string())[0];
        let shown = format!("http://{}{endpoint}", server.address);
        assert_eq!(logged.fields["endpoint"], shown);
    }
}

#[test]
fn statuses_of_grpc_name_what_to_check() {
    use tonic::Code;

    for (code, cause, hint) in [
        (
            Code::Unauthenticated,
            "grpc status 16 (Unauthenticated)",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            Code::PermissionDenied,
            "grpc status 7 (PermissionDenied)",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            Code::Unimplemented,
            "grpc status 12 (Unimplemented)",
            "port",
        ),
        (
            Code::ResourceExhausted,
            "grpc status 8 (ResourceExhausted)",
            "batch is larger",
        ),
        (
            Code::Internal,
            "grpc status 13 (Internal)",
            "log of the receiver",
        ),
        (
            Code::Unavailable,
            "grpc status 14 (Unavailable)",
            "overloaded",
        ),
    ] {
        let status = tonic::Status::new(code, SECRET);
        let collector = Collector::with_replies(vec![CollectorReply::Refuse(status)]);
        let config = OtlpGrpcConfig::default()
            .endpoint(format!("http://{}/{SECRET}?{SECRET}", collector.grpc))
            .header(format!("x-{SECRET}"), SECRET)
            .timeout(Duration::from_millis(200));
        let exporter = Box::new(config.build().unwrap());
        check(exporter, collector.grpc, cause, hint);
    }
}

#[test]
fn connections_that_cannot_be_made_are_named() {
    let short = Duration::from_millis(300);
    for scheme in ["http", "https"] {
        for make in [http, grpc] {
            let port = ClosedPort::new();
            let address = port.address;
            let url = format!("{scheme}://{address}/v1/traces");
            check(
                make(url, short),
                address,
                "connection refused",
                "a collector listens there",
            );
        }
    }
}

#[test]
fn host_that_does_not_exist_is_named() {
    log::start();
    // RFC 6761 §6.4: names under "invalid" do not exist.
    for (make, host) in [
        (http as fn(_, _) -> _, "http.invalid"),
        (grpc, "grpc.invalid"),
    ] {
        let url = format!("http://{host}:4318/v1/traces");
        let sent = send_boxed(make(url, Duration::from_secs(1)), 3, PATIENCE);
        assert_eq!(sent.stats.exported, 0, "{sent:?}");
        let logged = log::containing(host);
        let [line] = &logged[..] else {
            panic!("{logged:?}")
        };
        assert_eq!(line.fields["cause"], "host name not found");
        assert!(
            line.fields["hint"].contains("check the host name"),
            "{line:?}"
        );
    }
}

#[test]
fn faults_of_tls_are_named() {
    let short = Duration::from_millis(300);
    for make in [http, grpc] {
        let server = TlsServer::start();
        let url = format!("https://localhost:{}/v1/traces", server.address.port());
        let sent = send_boxed(make(url, short), 3, PATIENCE);
        assert_eq!(sent.stats.failed["retries_exhausted"], 3, "{sent:?}");
        let logged = log::containing(&format!("localhost:{}", server.address.port()));
        assert_eq!(logged.len(), 1, "{logged:?}");
        let cause = "the server's certificate has an unknown issuer";
        assert_eq!(logged[0].fields["cause"], cause);
        assert!(
            logged[0].fields["hint"].contains("Mozilla roots"),
            "{logged:?}"
        );
    }
    for make in [http, grpc] {
        let collector = Collector::start();
        let url = format!("https://{}/v1/traces", collector.http);
        let cause = "the server does not speak TLS";
        check(make(url, short), collector.http, cause, "use http://");
    }
}

#[test]
fn port_of_another_protocol_is_named() {
    let short = Duration::from_millis(300);
    // gRPC to a port that speaks only HTTP/1.1.
    let server = RawServer::start(vec![Reply::status("400 Bad Request")]);
    let url = format!("http://{}", server.address);
    check(
        grpc(url, short),
        server.address,
        "the answer is not HTTP/2",
        "4317",
    );
    // gRPC to a port for OTLP over HTTP that speaks HTTP/2 too.
    let server = H2Server::start(Answer {
        status: 404,
        headers: &[],
        body: SECRET.as_bytes(),
        trailers: None,
    });
    let url = format!("http://{}", server.address);
    check(
        grpc(url, short),
        server.address,
        "http status 404 (Not Found)",
        "4317",
    );
    // HTTP to a port that speaks another protocol.
    let server = RawServer::start(vec![Reply::Cut("SSH-2.0-s3cret\r\n".to_owned())]);
    let exporter = secretive(server.url(), PATIENCE);
    check(
        exporter,
        server.address,
        "the answer is not HTTP/1.1",
        "4317",
    );
    // Plain HTTP and gRPC to a port for TLS. The server may close the connection before it has read
    // the request.
    for make in [http, grpc] {
        let server = TlsServer::start();
        let url = format!("http://{}/v1/traces", server.address);
        let sent = send_boxed(make(url, short), 3, PATIENCE);
        assert_eq!(sent.stats.exported, 0, "{sent:?}");
        let logged = log::containing(&server.address.to_string());
        assert!(matches!(logged.len(), 1 | 2), "{logged:?}");
        for line in logged {
            assert!(line.fields["hint"].contains("https://"), "{line:?}");
        }
    }
}

#[test]
fn peer_that_does_not_answer_is_named() {
    let short = Duration::from_millis(200);
    let server = RawServer::start(vec![Reply::Hang]);
    let exporter = secretive(server.url(), short);
    check(exporter, server.address, "no answer in time", "firewall");
    let collector = Collector::with_replies(vec![CollectorReply::Hang]);
    let url = format!("http://{}", collector.grpc);
    check(
        grpc(url, short),
        collector.grpc,
        "no answer in time",
        "firewall",
    );
    let server = RawServer::start(vec![Reply::Close]);
    let exporter = secretive(server.url(), short);
    let cause = "connection closed before an answer";
    check(exporter, server.address, cause, "port");
}

#[test]
fn answer_without_end_is_named() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                content-length: 1073741824\r\n\r\n";
    let server = RawServer::start(vec![Reply::Endless(head.to_owned())]);
    let exporter = secretive(server.url(), PATIENCE);
    check(
        exporter,
        server.address,
        "the answer is too large",
        "OTLP receiver",
    );
}
