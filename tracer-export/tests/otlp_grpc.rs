//! OTLP over gRPC against a stock collector, and against servers that misbehave.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]
#![cfg(feature = "grpc")]

mod support;

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use prost::Message;
use tonic::Code;
use tracer_core::TracerProvider;
use tracer_export::{Compression, OtlpGrpcConfig, OtlpGrpcExporter};

use self::support::{
    Sent,
    collector::{Collector, Reply},
    eventually, normal,
    raw::{self, RawServer},
    resource, send, send_at_shutdown, send_varied,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn exporter(collector: &Collector, timeout: Duration) -> OtlpGrpcExporter {
    OtlpGrpcConfig::default()
        .endpoint(format!("http://{}", collector.grpc))
        .timeout(timeout)
        .build()
        .unwrap()
}

fn send_to(collector: &Collector, timeout: Duration) -> Sent {
    send(exporter(collector, timeout), 3, PATIENCE)
}

#[track_caller]
fn check_failed(sent: &Sent, reason: &str) {
    let failed: Vec<_> = sent.stats.failed.iter().collect();
    assert_eq!(failed, [(&reason, &3)], "{sent:?}");
}

#[track_caller]
fn check_arrival(compression: Compression, encoding: Option<&str>) {
    let collector = Collector::start();
    let exporter = OtlpGrpcConfig::default()
        .endpoint(format!("http://{}", collector.grpc))
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
        assert_eq!(header("grpc-encoding"), encoding);
        assert_eq!(header("api-key"), Some("s3cret"));
        let agent = header("user-agent").unwrap();
        assert!(agent.starts_with("OTel-OTLP-Exporter-Rust/"), "{agent}");
        let timeout = header("grpc-timeout").unwrap();
        let millis: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
        assert!((1..=10_001).contains(&millis), "{timeout}");
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
fn rejected_spans_are_counted_and_not_sent_again() {
    for (rejected, expected) in [(0, 0), (2, 2), (3, 3), (99, 3), (-1, 0)] {
        let collector =
            Collector::with_replies(vec![Reply::Partial(rejected, "because".to_owned())]);
        let sent = send_to(&collector, PATIENCE);
        assert_eq!(
            (sent.stats.rejected, sent.stats.exported),
            (expected, 3 - expected)
        );
        assert_eq!(collector.received().len(), 1);
    }
}

#[test]
fn statuses_are_retried_or_final_by_the_table() {
    // OTLP specification, OTLP/gRPC "Failures". RESOURCE_EXHAUSTED here comes without RetryInfo.
    let retryable = [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ];
    for code in (1..=16).map(Code::from) {
        let status = tonic::Status::new(code, "s3cret text of the peer");
        let collector = Collector::with_replies(vec![Reply::Refuse(status), Reply::Accept]);
        let sent = send_to(&collector, PATIENCE);
        if retryable.contains(&code) {
            assert_eq!(sent.stats.exported, 3, "{code:?}: {sent:?}");
            assert_eq!(collector.received().len(), 2, "{code:?}");
        } else {
            check_failed(&sent, "non_retryable");
            assert_eq!(collector.received().len(), 1, "{code:?}");
        }
    }
}

/// A status with a RetryInfo.
fn throttled(seconds: i64) -> tonic::Status {
    #[derive(Clone, PartialEq, Message)]
    struct RpcStatus {
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(message, optional, tag = "2")]
        value: Option<RetryInfo>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<Delay>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct Delay {
        #[prost(int64, tag = "1")]
        seconds: i64,
    }
    let details = RpcStatus {
        details: vec![Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: Some(RetryInfo {
                retry_delay: Some(Delay { seconds }),
            }),
        }],
    };
    let details = details.encode_to_vec().into();
    tonic::Status::with_details(Code::ResourceExhausted, "slow", details)
}

#[test]
fn retry_info_is_waited_for() {
    let collector = Collector::with_replies(vec![Reply::Refuse(throttled(1)), Reply::Accept]);
    let sent = send_to(&collector, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    let received = collector.received();
    let waited = received[1].at - received[0].at;
    assert!(
        waited >= Duration::from_secs(1) && waited < Duration::from_secs(3),
        "{waited:?}"
    );
}

#[test]
fn retry_info_beyond_the_timeout_leaves_one_attempt_at_its_end() {
    let timeout = Duration::from_secs(2);
    let collector = Collector::with_replies(vec![Reply::Refuse(throttled(15)), Reply::Accept]);
    let sent = send_to(&collector, timeout);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    let received = collector.received();
    assert_eq!(received.len(), 2);
    let waited = received[1].at - received[0].at;
    assert!(waited >= timeout / 4 && waited < timeout, "{waited:?}");
}

#[test]
fn connection_is_used_again_until_an_answer_fails_to_come() {
    let collector = Collector::with_replies(vec![
        Reply::Accept,
        Reply::Accept,
        Reply::Hang,
        Reply::Accept,
    ]);
    let provider = TracerProvider::builder()
        .resource(resource())
        .exporter(exporter(&collector, Duration::from_millis(500)))
        .build()
        .unwrap();
    for _ in 0..4 {
        provider.tracer("again").start("span").end();
        // The third one fails, by the deadline.
        let _ = provider.force_flush(PATIENCE);
    }
    let _ = provider.shutdown(PATIENCE);
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(stats.exporters[0].exported, 3, "{stats:?}");
    assert_eq!(stats.exporters[0].failed["deadline"], 1, "{stats:?}");
    let from: Vec<_> = collector
        .received()
        .iter()
        .map(|received| received.from)
        .collect();
    assert_eq!(from.len(), 4);
    assert!(from[0] == from[1] && from[1] == from[2], "{from:?}");
    assert_ne!(from[2], from[3], "a peer that does not answer is given up");
}

#[test]
fn hung_server_costs_no_more_than_the_timeout() {
    let collector = Collector::with_replies(vec![Reply::Hang]);
    let timeout = Duration::from_millis(300);
    let sent = send_to(&collector, timeout);
    check_failed(&sent, "deadline");
    assert!(
        sent.took >= timeout && sent.took < timeout + Duration::from_secs(2),
        "{sent:?}"
    );
}

#[test]
fn collector_that_comes_back_in_time_gets_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let exporter = OtlpGrpcConfig::default()
        .endpoint(format!("http://{address}"))
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let sending = thread::spawn(move || send(exporter, 3, PATIENCE));
    // The outage.
    thread::sleep(Duration::from_millis(300));
    let collector = Collector::start_on(address);
    let sent = sending.join().unwrap();
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert_eq!(collector.received().len(), 1);
}

#[test]
fn refused_connection_is_tried_until_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = OtlpGrpcConfig::default()
        .endpoint(format!("http://{}", listener.local_addr().unwrap()))
        .timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    drop(listener);
    let sent = send(exporter, 3, PATIENCE);
    check_failed(&sent, "retries_exhausted");
    assert!(sent.took < Duration::from_secs(3), "{sent:?}");
}

#[test]
fn huge_answer_is_cut_off() {
    let reply = Reply::Partial(1, "x".repeat(5 * 1024 * 1024));
    let collector = Collector::with_replies(vec![reply]);
    check_failed(&send_to(&collector, PATIENCE), "non_retryable");
    assert_eq!(collector.received().len(), 1);
}

#[test]
fn huge_trailers_are_refused() {
    let status = tonic::Status::new(Code::Internal, "x".repeat(1024 * 1024));
    let collector = Collector::with_replies(vec![Reply::Refuse(status)]);
    let sent = send_to(&collector, Duration::from_millis(500));
    assert_eq!(sent.stats.failed_total(), 3, "{sent:?}");
}

#[test]
fn server_that_is_not_grpc_costs_no_more_than_the_timeout() {
    let server = RawServer::start(vec![raw::Reply::status("400 Bad Request")]);
    let exporter = OtlpGrpcConfig::default()
        .endpoint(format!("http://{}", server.address))
        .timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    let start = Instant::now();
    let sent = send(exporter, 3, PATIENCE);
    assert_eq!(sent.stats.failed_total(), 3, "{sent:?}");
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[cfg(feature = "tls")]
#[test]
fn https_never_falls_back_to_plain_text() {
    let collector = Collector::start();
    let exporter = OtlpGrpcConfig::default()
        .endpoint(format!("https://{}", collector.grpc))
        .timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    let sent = send(exporter, 3, PATIENCE);
    assert_eq!(sent.stats.failed_total(), 3, "{sent:?}");
    assert!(collector.received().is_empty());
}

#[test]
fn shutdown_is_not_held_up_by_a_hung_server() {
    let collector = Collector::with_replies(vec![Reply::Hang]);
    let start = Instant::now();
    let sent = send_at_shutdown(
        Box::new(exporter(&collector, PATIENCE)),
        3,
        Duration::from_millis(500),
    );
    check_failed(&sent, "deadline");
    assert!(start.elapsed() < Duration::from_secs(3));
    eventually("the request had arrived", || {
        collector.received().len() == 1
    });
}

#[test]
fn secrets_do_not_show() {
    let config = OtlpGrpcConfig::default()
        .endpoint("http://localhost:1/path-s3cret?key=s3cret")
        .header("x-key", "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!format!("{:?}", config.build().unwrap()).contains("s3cret"));
    let refused = OtlpGrpcConfig::default()
        .endpoint("https://u:s3cret@h")
        .build();
    let error = refused.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
