//! The beginning and the end of an outage, and shutdowns in the middle of one.

use std::time::{Duration, Instant};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use tracer_core::{BatchConfig, SpanExporter, TracerProvider};

use super::{
    ClosedPort, PATIENCE, grpc, http,
    support::{
        collector::{Collector, Reply as CollectorReply},
        eventually, log,
        raw::{RawServer, Reply},
        send_at_shutdown,
        tls::TlsServer,
    },
};

/// One message while the outage lasts, however many batches fail, and one when it is over.
#[test]
fn outage_is_reported_at_its_beginning_and_its_end() {
    log::start();
    let busy = || Reply::status("503 Busy");
    let mut replies = vec![busy(), busy(), busy(), Reply::Close, busy()];
    replies.push(Reply::ok());
    let server = RawServer::start(replies);
    let provider = TracerProvider::builder()
        .boxed_exporter(http(server.url(), PATIENCE))
        .build()
        .unwrap();
    for _ in 0..3 {
        provider.tracer("t").start("span").end();
        provider.force_flush(PATIENCE).unwrap();
    }
    let logged = log::containing(&server.address.to_string());
    let messages: Vec<_> = logged
        .iter()
        .map(|line| {
            (
                &*line.message,
                line.fields.get("cause").map(|cause| &**cause),
            )
        })
        .collect();
    let again = "export failed and will be retried";
    let expected = [
        (again, Some("http status 503 (Service Unavailable)")),
        (again, Some("connection closed before an answer")),
        ("exports succeed again", None),
    ];
    assert_eq!(messages, expected);
    provider.shutdown(PATIENCE).unwrap();
    assert!(provider.stats().balances());
}

/// The warning comes with the first attempt, not with the end of the last one.
#[test]
fn first_failed_attempt_is_reported_while_the_export_goes_on() {
    log::start();
    let port = ClosedPort::new();
    let address = port.address;
    let config = BatchConfig::default().scheduled_delay(Duration::ZERO);
    let provider = TracerProvider::builder()
        .batch_config(config)
        .boxed_exporter(http(format!("http://{address}/v1/traces"), PATIENCE))
        .build()
        .unwrap();
    provider.tracer("t").start("span").end();
    eventually("a warning", || {
        !log::containing(&address.to_string()).is_empty()
    });
    let stats = provider.stats();
    assert_eq!(stats.exporters[0].failed_total(), 0, "{stats:?}");
    assert_eq!(stats.exporters[0].waiting, 1, "{stats:?}");
    let _ = provider.shutdown(PATIENCE);
}

/// Sends spans to an address where nothing takes them, and checks that the shutdown ends at once
/// although its timeout is long.
#[track_caller]
fn check_ends_at_once(exporter: Box<dyn SpanExporter>, address: &str) {
    log::start();
    let sent = send_at_shutdown(exporter, 3, PATIENCE);
    assert!(sent.took < Duration::from_secs(2), "{address}: {sent:?}");
    assert_eq!(sent.stats.failed["retries_exhausted"], 3, "{sent:?}");
    let logged = log::containing(address);
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert_eq!(logged[0].message, "spans cannot be exported");
}

#[test]
fn shutdown_ends_at_once_when_nobody_listens() {
    for scheme in ["http", "https"] {
        for make in [http, grpc] {
            let port = ClosedPort::new();
            let address = port.address.to_string();
            let url = format!("{scheme}://{address}/v1/traces");
            check_ends_at_once(make(url, PATIENCE), &address);
        }
    }
}

#[test]
fn shutdown_ends_at_once_when_nobody_speaks_the_protocol() {
    for make in [http, grpc] {
        let server = TlsServer::start();
        let address = format!("localhost:{}", server.address.port());
        check_ends_at_once(make(format!("https://{address}/"), PATIENCE), &address);
        let server = RawServer::start(vec![Reply::status("400 Bad Request")]);
        let address = server.address.to_string();
        check_ends_at_once(make(format!("https://{address}/"), PATIENCE), &address);
    }
    let server = RawServer::start(vec![Reply::status("400 Bad Request")]);
    let address = server.address.to_string();
    check_ends_at_once(grpc(format!("http://{address}/"), PATIENCE), &address);
    check_ends_at_once(
        http("http://at-shutdown.invalid:1/", PATIENCE),
        "at-shutdown.invalid",
    );
}

/// In the middle of a long outage, with batches that wait for their next attempt, batches in the
/// queue, and more spans than one batch.
#[test]
fn shutdown_in_an_outage_gives_each_batch_one_more_attempt() {
    log::start();
    let port = ClosedPort::new();
    let address = port.address;
    let config = BatchConfig::default()
        .scheduled_delay(Duration::ZERO)
        .max_export_batch_size(1);
    let provider = TracerProvider::builder()
        .batch_config(config)
        .boxed_exporter(http(format!("http://{address}/v1/traces"), PATIENCE))
        .build()
        .unwrap();
    for _ in 0..100 {
        provider.tracer("t").start("span").end();
    }
    eventually("the outage", || {
        !log::containing(&address.to_string()).is_empty()
    });
    let start = Instant::now();
    provider.shutdown(PATIENCE).unwrap_err();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(
        stats.exporters[0].failed["retries_exhausted"], 100,
        "{stats:?}"
    );
    // The collector is back just in time.
    let provider = TracerProvider::builder()
        .boxed_exporter(http(format!("http://{address}/v1/traces"), PATIENCE))
        .batch_config(BatchConfig::default().scheduled_delay(Duration::ZERO))
        .build()
        .unwrap();
    provider.tracer("t").start("span").end();
    eventually("an attempt", || provider.stats().exporters[0].in_flight > 0);
    drop(port);
    let listener = std::net::TcpListener::bind(address).unwrap();
    let server = RawServer::on(listener, vec![Reply::ok()]);
    provider.shutdown(PATIENCE).unwrap();
    assert_eq!(provider.stats().exporters[0].exported, 1);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn shutdown_waits_for_a_collector_that_says_when() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::start(vec![Reply::Bytes(busy.to_owned()), Reply::ok()]);
    let sent = send_at_shutdown(http(server.url(), PATIENCE), 3, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert!(sent.took >= Duration::from_secs(1), "{sent:?}");
}

/// With less time than the collector asked for, one attempt is made before the time is over.
#[test]
fn shutdown_leaves_one_attempt_before_its_own_deadline() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n";
    let server = RawServer::start(vec![Reply::Bytes(busy.to_owned()), Reply::ok()]);
    let time = Duration::from_secs(2);
    let sent = send_at_shutdown(http(server.url(), PATIENCE), 3, time);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert!(sent.took < time, "{sent:?}");
}

#[test]
fn shutdown_tries_again_where_a_connection_was_lost() {
    let server = RawServer::start(vec![Reply::Close, Reply::Close, Reply::ok()]);
    let sent = send_at_shutdown(http(server.url(), PATIENCE), 3, PATIENCE);
    assert_eq!(sent.stats.exported, 3, "{sent:?}");
    assert_eq!(server.received().len(), 3);
}

#[test]
fn shutdown_names_a_peer_that_does_not_answer() {
    log::start();
    let time = Duration::from_millis(300);
    let server = RawServer::start(vec![Reply::Hang]);
    let collector = Collector::with_replies(vec![CollectorReply::Hang]);
    let servers = [
        (http(server.url(), PATIENCE), server.address),
        (
            grpc(format!("http://{}", collector.grpc), PATIENCE),
            collector.grpc,
        ),
    ];
    for (exporter, address) in servers {
        let sent = send_at_shutdown(exporter, 3, time);
        assert_eq!(sent.stats.failed["deadline"], 3, "{sent:?}");
        let logged = log::containing(&address.to_string());
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert_eq!(logged[0].fields["cause"], "no answer in time");
    }
}
