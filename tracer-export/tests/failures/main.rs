//! Spans that do not arrive: answers that are not successes, the messages about them, and
//! shutdowns.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected fails"
)]
#![cfg(all(feature = "grpc", feature = "http", feature = "tls"))]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod messages;
mod shutdown;

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpSocket;
use tracer_core::SpanExporter;
use tracer_export::{Compression, OtlpGrpcConfig, OtlpHttpConfig};

const PATIENCE: Duration = Duration::from_secs(20);

fn http(url: impl Into<String>, timeout: Duration) -> Box<dyn SpanExporter> {
    let config = OtlpHttpConfig::default().endpoint(url).timeout(timeout);
    Box::new(config.compression(Compression::Gzip).build().unwrap())
}

fn grpc(url: impl Into<String>, timeout: Duration) -> Box<dyn SpanExporter> {
    let config = OtlpGrpcConfig::default().endpoint(url).timeout(timeout);
    Box::new(config.build().unwrap())
}

/// An address where nothing listens. It is reserved, so that no other socket gets it.
struct ClosedPort {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl ClosedPort {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self {
            address,
            _socket: socket,
        }
    }
}
