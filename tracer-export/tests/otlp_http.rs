//! OTLP over HTTP against a stock collector, and against servers that misbehave.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]
#![cfg(feature = "http")]

mod support;

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use tracer_core::{BatchConfig, TracerProvider};
use tracer_export::{Compression, OtlpHttpConfig, OtlpHttpExporter};

use self::support::{
    Sent,
    collector::{Collector, Reply as CollectorReply},
    normal,
    raw::{RawServer, Reply},
    resource, send, send_at_shutdown, send_varied,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn exporter(url: String, timeout: Duration) -> OtlpHttpExporter {
    OtlpHttpConfig::default()
        .endpoint(url)
        .timeout(timeout)
        .build()
        .unwrap()
}

fn send_to(server: &RawServer, timeout: Duration) -> Sent {
    send(exporter(server.url(), timeout), 3, PATIENCE)
}

#[track_caller]
fn check_failed(sent: &Sent, reason: &str) {
    let failed: Vec<_> = sent.stats.failed.iter().collect();
    assert_eq!(failed, [(&reason, &3)], "{sent:?}");
}

#[track_caller]
fn check_arrival(compression: Compression, encoding: Option<&str>) {
    let collector = Collector::start();
    let exporter = OtlpHttpConfig::default()
        .endpoint(format!("http://{}/v1/traces", collector.http))
        .header("api-key", "s3cret")
        .compression(compression)
        .build()
        .unwrap();
    let expected = send_varied(exporter);
    assert_eq!(normal(collector.resource_spans()), normal([expected]));
    for received in collector.received() {
        let header = |name| {
            received
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(header("content-type"), Some("application/x-protobuf"));
        assert_eq!(header("content-encoding"), encoding);
        assert_eq!(header("api-key"), Some("s3cret"));
        let agent = header("user-agent").unwrap();
        assert!(agent.starts_with("OTel-OTLP-Exporter-Rust/"), "{agent}");
    }
}

#[test]
fn spans_arrive_as_the_stock_sdk_would_send_them() {
    check_arrival(Compression::None, None);
}

#[cfg(feature = "gzip")]
#[test]
fn spans_arrive_through_gzip() {
    check_arrival(Compression::Gzip, Some("gzip"));
}

#[cfg(feature = "zstd")]
#[test]
fn spans_arrive_through_zstd() {
    check_arrival(Compression::Zstd, Some("zstd"));
}

#[test]
fn connection_is_used_again() {
    let server = RawServer::start(vec![Reply::ok()]);
    let provider = TracerProvider::builder()
        .resource(resource())
        .exporter(exporter(server.url(), PATIENCE))
        .build()
        .unwrap();
    for _ in 0..5 {
        provider.tracer("again").start("span").end();
        provider.force_flush(PATIENCE).unwrap();
    }
    provider.shutdown(PATIENCE).unwrap();
    assert!(provider.stats().balances());
    assert_eq!((server.received().len(), server.connections()), (5, 1));
}

#[test]
fn connection_that_the_server_closed_costs_nothing() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
    let server = RawServer::start(vec![Reply::Cut(answer)]);
    let provider = TracerProvider::builder()
        .resource(resource())
        .exporter(exporter(server.url(), PATIENCE))
        .build()
        .unwrap();
    for _ in 0..20 {
        provider.tracer("again").start("span").end();
        provider.force_flush(PATIENCE).unwrap();
    }
    provider.shutdown(PATIENCE).unwrap();
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(stats.exporters[0].exported, 20, "{stats:?}");
    assert_eq!(server.received().len(), 20);
}

#[test]
fn rejected_spans_are_counted_and_not_sent_again() {
    for (rejected, expected) in [(0, 0), (2, 2), (3, 3), (99, 3), (-1, 0)] {
        let reply = CollectorReply::Partial(rejected, "because".to_owned());
        let collector = Collector::with_replies(vec![reply]);
        let url = format!("http://{}/v1/traces", collector.http);
        let sent = send(exporter(url, PATIENCE), 3, PATIENCE);
        assert_eq!(
            (sent.stats.rejected, sent.stats.exported),
            (expected, 3 - expected)
        );
        assert_eq!(collector.received().len(), 1);
    }
}

#[test]
fn hung_server_costs_no_more_than_the_timeout() {
    let server = RawServer::start(vec![Reply::Hang]);
    let timeout = Duration::from_millis(300);
    let sent = send_to(&server, timeout);
    check_failed(&sent, "deadline");
    assert!(
        sent.took >= timeout && sent.took < timeout + Duration::from_secs(2),
        "{sent:?}"
    );
    assert_eq!(server.received().len(), 1);
}

#[test]
fn refused_connection_is_tried_until_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    drop(listener);
    let timeout = Duration::from_millis(400);
    let sent = send(exporter(url, timeout), 3, PATIENCE);
    check_failed(&sent, "retries_exhausted");
    assert!(sent.took < timeout + Duration::from_secs(2), "{sent:?}");
}

#[test]
fn collector_that_comes_back_in_time_gets_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/v1/traces");
    let sending = thread::spawn(move || send(exporter(url, PATIENCE), 3, PATIENCE));
    // The outage.
    thread::sleep(Duration::from_millis(300));
    let server = RawServer::on(TcpListener::bind(address).unwrap(), vec![Reply::ok()]);
    let sent = sending.join().unwrap();
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn retryable_failures_are_tried_again_with_the_same_bytes() {
    let server = RawServer::start(vec![
        Reply::Close,
        Reply::status("503 Service Unavailable"),
        Reply::status("429 Too Many Requests"),
        Reply::status("502 Bad Gateway"),
        Reply::ok(),
    ]);
    let sent = send_to(&server, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    let received = server.received();
    assert_eq!(received.len(), 5);
    assert!(
        received
            .iter()
            .all(|request| request.body == received[0].body)
    );
}

#[test]
fn retry_after_is_waited_for() {
    let throttled = "HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::start(vec![Reply::Bytes(throttled.to_owned()), Reply::ok()]);
    let sent = send_to(&server, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    let received = server.received();
    let waited = received[1].at - received[0].at;
    assert!(
        waited >= Duration::from_secs(1) && waited < Duration::from_secs(3),
        "{waited:?}"
    );
}

#[test]
fn collector_that_asks_for_more_time_than_there_is_loses_nothing() {
    let busy_until = Instant::now() + Duration::from_millis(1500);
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 15\r\ncontent-length: 0\r\n\r\n";
    let fine = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let reply = Reply::Until(busy_until, busy.to_owned(), fine.to_owned());
    let server = RawServer::start(vec![reply]);
    let batches = BatchConfig::default()
        .max_export_batch_size(10)
        .scheduled_delay(Duration::from_millis(10));
    let provider = TracerProvider::builder()
        .resource(resource())
        .exporter(exporter(server.url(), Duration::from_secs(3)))
        .batch_config(batches)
        .build()
        .unwrap();
    let tracer = provider.tracer("busy");
    let mut spans = 0;
    // The pace of a service; no more than the queue holds.
    while Instant::now() < busy_until && spans < 1500 {
        tracer.start("span").end();
        spans += 1;
        thread::sleep(Duration::from_millis(2));
    }
    provider.shutdown(PATIENCE).unwrap();
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(stats.exporters[0].exported, spans, "{stats:?}");
    let received = server.received();
    let meanwhile = received.iter().filter(|request| request.at < busy_until);
    // As many as may be under way when the first of them is answered.
    let meanwhile = meanwhile.count();
    assert!((1..=4).contains(&meanwhile), "{meanwhile}");
}

#[test]
fn other_answers_are_final() {
    for line in [
        "400 Bad",
        "401 No",
        "404 No",
        "413 Large",
        "500 Oh",
        "501 No",
        "302 There",
    ] {
        let server = RawServer::start(vec![Reply::status(line), Reply::ok()]);
        check_failed(&send_to(&server, PATIENCE), "non_retryable");
        assert_eq!(server.received().len(), 1, "{line}");
    }
}

#[test]
fn endless_answer_is_cut_off() {
    for framing in ["transfer-encoding: chunked", "content-length: 1073741824"] {
        let protobuf = "content-type: application/x-protobuf";
        let head = format!("HTTP/1.1 200 OK\r\n{protobuf}\r\n{framing}\r\n\r\n");
        let server = RawServer::start(vec![Reply::Endless(head)]);
        let sent = send_to(&server, PATIENCE);
        check_failed(&sent, "non_retryable");
        assert_eq!(server.received().len(), 1);
        // 4 MiB, and what the sockets of both sides hold.
        let taken = server.endless_bytes();
        assert!(taken < 24 * 1024 * 1024, "{taken}");
    }
}

#[test]
fn endless_head_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nx: ".to_owned();
    let server = RawServer::start(vec![Reply::Endless(head)]);
    check_failed(&send_to(&server, PATIENCE), "non_retryable");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn answer_that_is_not_http_is_final() {
    let server = RawServer::start(vec![Reply::Cut("SSH-2.0-OpenSSH_9.2\r\n".to_owned())]);
    check_failed(&send_to(&server, PATIENCE), "non_retryable");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn success_with_a_cut_body_is_not_sent_again() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
               content-length: 100\r\n\r\nxx";
    let server = RawServer::start(vec![Reply::Cut(cut.to_owned())]);
    let sent = send_to(&server, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn shutdown_is_not_held_up_by_a_hung_server() {
    let server = RawServer::start(vec![Reply::Hang]);
    let start = Instant::now();
    let sent = send_at_shutdown(
        Box::new(exporter(server.url(), PATIENCE)),
        3,
        Duration::from_millis(300),
    );
    check_failed(&sent, "deadline");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[cfg(feature = "tls")]
#[test]
fn https_never_falls_back_to_plain_text() {
    let server = RawServer::start(vec![Reply::ok()]);
    let url = format!("https://{}/v1/traces", server.address);
    let sent = send(exporter(url, Duration::from_millis(300)), 3, PATIENCE);
    assert_eq!(sent.stats.failed_total(), 3, "{sent:?}");
    assert!(server.connections() > 0);
    assert!(server.received().is_empty());
}

#[test]
fn secrets_do_not_show() {
    let config = OtlpHttpConfig::default()
        .endpoint("http://localhost:1/path-s3cret?key=s3cret")
        .header("x-key", "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!format!("{:?}", config.build().unwrap()).contains("s3cret"));
    let refused = OtlpHttpConfig::default()
        .header("s3cret\n", "s3cret")
        .build();
    let error = refused.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn public_types_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<OtlpHttpConfig>();
    check::<OtlpHttpExporter>();
    check::<tracer_export::Builder>();
    check::<tracer_export::Guard>();
    check::<tracer_export::Error>();
    check::<tracer_export::Diagnostic>();
}
