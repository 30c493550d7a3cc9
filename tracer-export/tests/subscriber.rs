//! A subscriber that is installed after the set-up still gets the messages of the set-up. In a test
//! program of its own, because both are global to the process.

#![cfg(feature = "http")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]

mod support;

use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tracer_core::span;
use tracer_export::Guard;

use self::support::log::{self, Line};

/// Sets tracing up globally, with a refused variable.
fn init(endpoint: &str) -> Guard {
    let endpoint = endpoint.to_owned();
    let builder = tracer_export::builder().env(move |name| match name {
        "OTEL_BSP_SCHEDULE_DELAY" => Some("soon".to_owned()),
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
        "OTEL_EXPORTER_OTLP_TIMEOUT" => Some("200".to_owned()),
        _ => None,
    });
    builder.init().unwrap()
}

#[track_caller]
fn the_only(text: &str) -> Line {
    let lines = log::containing(text);
    assert_eq!(lines.len(), 1, "{text}: {lines:?}");
    lines[0].clone()
}

#[test]
fn messages_of_the_set_up_reach_a_subscriber_installed_after_it() {
    // Bound, so that no other socket gets the port, and not listening.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = closed.local_addr().unwrap().to_string();

    let guard = init(&format!("http://{address}"));
    drop(span!("lost"));
    guard
        .provider()
        .force_flush(Duration::from_secs(20))
        .unwrap_err();

    log::start();
    drop(span!("lost too"));
    let start = Instant::now();
    drop(guard);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );

    the_only("OTEL_BSP_SCHEDULE_DELAY: is not a number of milliseconds");
    let failed = the_only(&address);
    assert_eq!(failed.fields["cause"], "connection refused");
    the_only("spans were lost before tracing ended");
    the_only("shutdown was incomplete");

    assert_eq!(log::containing("tracing is set up again").len(), 0);
    let second = init("http://localhost:4318");
    the_only("tracing is set up again: `span!`, propagators");
    drop(second);
}
