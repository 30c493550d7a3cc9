//! Which answers mean that the spans were taken.
//!
//! OTLP specification, "OTLP/HTTP Response": a success is `200 OK` with the content type of the
//! request and a body in protobuf. Real receivers differ, and their answers must count too. The
//! OpenTelemetry Collector sends an empty body, Fluent Bit sends 201, others send 202 or 204, and
//! some answer every request in JSON. Any other answer does not come from an OTLP receiver.

use super::{
    PATIENCE, grpc, http,
    support::{
        Sent,
        collector::Collector,
        h2::{Answer, H2Server},
        log,
        raw::{RawServer, Reply},
        send_boxed,
    },
};

const SPANS: u64 = 3;

/// Sends three spans over HTTP to a server that answers with these bytes.
fn send_http(answer: &str) -> (Sent, RawServer) {
    let server = RawServer::start(vec![Reply::Cut(answer.to_owned())]);
    let sent = send_boxed(http(server.url(), PATIENCE), SPANS, PATIENCE);
    assert_eq!(server.received().len(), 1, "an answer is final: {answer}");
    (sent, server)
}

#[track_caller]
fn check_taken(answer: &str, rejected: u64) {
    let (sent, server) = send_http(answer);
    assert_eq!(
        (sent.stats.exported, sent.stats.rejected),
        (SPANS - rejected, rejected),
        "{answer}: {sent:?}"
    );
    let logged = log::containing(&server.address.to_string());
    assert_eq!(logged.len(), 0, "{answer}: {logged:?}");
}

#[track_caller]
fn check_refused(answer: &str, cause: &str) {
    let (sent, server) = send_http(answer);
    let failed: Vec<_> = sent.stats.failed.iter().collect();
    assert_eq!(failed, [(&"non_retryable", &SPANS)], "{answer}: {sent:?}");
    let logged = log::containing(&server.address.to_string());
    let [logged] = &logged[..] else {
        panic!("{answer}: {logged:?}")
    };
    assert_eq!(logged.fields["cause"], cause, "{answer}");
}

fn ok(headers: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\n{headers}content-length: {len}\r\n\r\n{body}")
}

#[test]
fn answers_of_otlp_receivers_are_successes() {
    log::start();
    // The specification, the OpenTelemetry Collector, and the type that IANA has registered.
    check_taken(&ok("content-type: application/x-protobuf\r\n", ""), 0);
    check_taken(&ok("Content-Type: Application/X-Protobuf; v=1\r\n", ""), 0);
    check_taken(&ok("content-type: application/protobuf\r\n", ""), 0);
    let one_rejected = "\u{a}\u{2}\u{8}\u{1}";
    check_taken(
        &ok("content-type: application/x-protobuf\r\n", one_rejected),
        1,
    );
    check_taken(&ok("", ""), 0);
    check_taken(&ok("content-type: text/plain\r\n", ""), 0);
    check_taken("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n", 0);
    check_taken("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", 0);
    check_taken("HTTP/1.1 204 No Content\r\n\r\n", 0);
    check_taken(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        0,
    );
    check_taken("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", 0);
    let json = "content-type: application/json; charset=utf-8\r\n";
    check_taken(&ok(json, "{}"), 0);
    check_taken(&ok(json, "{\"partialSuccess\":{}}"), 0);
    let rejected = "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"no\"}}";
    check_taken(&ok(json, rejected), 2);
}

#[test]
fn success_status_in_another_protocol_is_a_failure() {
    log::start();
    let other = "the answer is not an OTLP response, http status 200 (OK)";
    let page = "<html><body>s3cret</body></html>";
    check_refused(&ok("content-type: text/html\r\n", page), other);
    check_refused(&ok("", page), other);
    check_refused(&ok("content-type: text/plain\r\n", "OK"), other);
    check_refused(
        &ok(
            "content-type: text/html\r\ncontent-type: application/json\r\n",
            page,
        ),
        other,
    );
    check_refused(
        &format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{page}\r\n0\r\n\r\n",
            page.len()
        ),
        other,
    );
    check_refused(
        &format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n{page}"),
        other,
    );
    // A body that is announced and then cut off.
    check_refused("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", other);
    check_refused(
        "HTTP/1.1 202 Accepted\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno",
        "the answer is not an OTLP response, http status 202 (Accepted)",
    );
}

/// A gRPC server that is called over HTTP/1.1 answers 200, and says in `grpc-status` that it did
/// nothing (gRPC over HTTP/2, "Responses", Trailers-Only).
#[test]
fn answer_of_a_grpc_server_over_http_is_a_failure() {
    log::start();
    let grpc = "answered by a gRPC server";
    check_refused(
        &ok("content-type: application/grpc\r\ngrpc-status: 12\r\n", ""),
        grpc,
    );
    check_refused(&ok("grpc-status: 0\r\n", ""), grpc);
    check_refused(
        &ok(
            "content-type: application/x-protobuf\r\ngrpc-status: 13\r\n",
            "",
        ),
        grpc,
    );
    check_refused(&ok("content-type: application/grpc+proto\r\n", ""), grpc);
    let trailer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                   trailer: grpc-status\r\ntransfer-encoding: chunked\r\n\r\n\
                   0\r\ngrpc-status: 12\r\n\r\n";
    check_refused(trailer, grpc);
}

/// Against a real server: this crate's test collector uses tonic, which speaks only HTTP/2.
#[test]
fn grpc_port_accepts_no_spans_over_http() {
    log::start();
    let collector = Collector::start();
    let url = format!("http://{}/v1/traces", collector.grpc);
    let sent = send_boxed(http(url, PATIENCE), SPANS, PATIENCE);
    assert_eq!(sent.stats.exported, 0, "{sent:?}");
    assert_eq!(sent.stats.failed_total(), SPANS, "{sent:?}");
    let logged = log::containing(&collector.grpc.to_string());
    // The server sends frames and closes the connection. Either may be noticed first.
    assert!(matches!(logged.len(), 1 | 2), "{logged:?}");
    for line in logged {
        assert!(line.fields["hint"].contains("4318"), "{line:?}");
    }
}

#[test]
fn redirects_are_not_followed() {
    log::start();
    for (line, cause) in [
        ("301 Moved", "http status 301 (Moved Permanently)"),
        ("302 Found", "http status 302 (Found)"),
        ("307 Elsewhere", "http status 307 (Temporary Redirect)"),
        ("308 Elsewhere", "http status 308 (Permanent Redirect)"),
    ] {
        let elsewhere = RawServer::start(vec![Reply::ok()]);
        let location = elsewhere.url();
        check_refused(
            &format!("HTTP/1.1 {line}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"),
            cause,
        );
        assert_eq!(elsewhere.received().len(), 0, "{line}");
    }
}

const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
/// A message without content: the `ExportTraceServiceResponse` of a full success.
const EMPTY_MESSAGE: &[u8] = &[0, 0, 0, 0, 0];

#[track_caller]
fn send_grpc(answer: Answer) -> (Sent, Vec<log::Line>) {
    let server = H2Server::start(answer);
    let url = format!("http://{}", server.address);
    let sent = send_boxed(grpc(url, PATIENCE), SPANS, PATIENCE);
    let logged = log::containing(&server.address.to_string());
    (sent, logged)
}

/// gRPC over HTTP/2, "Responses": headers with a content type, one message, trailers with a status.
#[test]
fn grpc_call_succeeds_with_a_message_and_a_status() {
    log::start();
    for content_type in [GRPC, &[("content-type", "application/grpc+proto")]] {
        let (sent, logged) = send_grpc(Answer {
            status: 200,
            headers: content_type,
            body: EMPTY_MESSAGE,
            trailers: Some(&[("grpc-status", "0")]),
        });
        assert_eq!(sent.stats.exported, SPANS, "{sent:?}");
        assert_eq!(logged.len(), 0, "{logged:?}");
    }
}

#[test]
fn grpc_answer_without_a_message_or_a_status_is_a_failure() {
    log::start();
    let ok: Option<&[(&str, &str)]> = Some(&[("grpc-status", "0")]);
    let answers = [
        // Trailers-Only is for errors.
        (
            200,
            [GRPC, &[("grpc-status", "0")]].concat(),
            EMPTY_MESSAGE,
            None,
        ),
        (200, GRPC.to_vec(), &[][..], ok),
        // Cut: the message was to have 9 bytes.
        (200, GRPC.to_vec(), &[0, 0, 0, 0, 9, 1], ok),
        (200, GRPC.to_vec(), EMPTY_MESSAGE, None),
        (200, GRPC.to_vec(), EMPTY_MESSAGE, Some(&[("x", "y")])),
        (
            200,
            vec![("content-type", "text/html")],
            b"<html>s3cret",
            None,
        ),
        (200, vec![("content-type", "text/html")], EMPTY_MESSAGE, ok),
        (200, Vec::new(), EMPTY_MESSAGE, ok),
    ];
    for (status, headers, body, trailers) in answers {
        let (sent, logged) = send_grpc(Answer {
            status,
            headers: headers.leak(),
            body,
            trailers,
        });
        let failed: Vec<_> = sent.stats.failed.iter().collect();
        assert_eq!(failed, [(&"non_retryable", &SPANS)], "{sent:?}");
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert_eq!(
            logged[0].fields["cause"],
            "the answer is not a gRPC response"
        );
    }
}

#[test]
fn http_errors_of_proxies_are_named_over_grpc() {
    log::start();
    for (status, cause) in [
        (301, "http status 301 (Moved Permanently)"),
        (403, "http status 403 (Forbidden)"),
        (404, "http status 404 (Not Found)"),
        (415, "http status 415 (Unsupported Media Type)"),
        (500, "http status 500 (Internal Server Error)"),
    ] {
        let (sent, logged) = send_grpc(Answer {
            status,
            headers: &[
                ("content-type", "text/html"),
                ("location", "http://s3cret/"),
            ],
            body: b"<html>s3cret",
            trailers: None,
        });
        let failed: Vec<_> = sent.stats.failed.iter().collect();
        assert_eq!(failed, [(&"non_retryable", &SPANS)], "{sent:?}");
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert_eq!(logged[0].fields["cause"], cause);
    }
}
