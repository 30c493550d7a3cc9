//! The collector within the files that its system lets it open.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use std::net::TcpStream;
use std::time::Duration;

use common::program::Program;
use common::{PROTOBUF, http2, request, span, until};
use prost::Message as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections, more than the files of the collector.
const IDLE: usize = 1100;

/// Lets this test hold its own ends of the connections.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = IDLE as u64 + 200;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
    }
}

#[tokio::test]
async fn idle_connections_to_one_port_leave_the_others_answering() {
    raise_own_limit();
    let directory = tempfile::tempdir().unwrap();
    let program = Program::with_open_files(1024, directory.path());
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        // A connection for each request: one that is open already needs no place.
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let body = request("s", vec![span(1, 1, None, "op", 0, 1)]).encode_to_vec();

    for crowded in ["otlp-http", "query", "health", "otlp-grpc"] {
        let address = program.address(crowded);
        let idle: Vec<TcpStream> = (0..IDLE)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let line = format!("{crowded}: all 960 connections are in use, new ones wait");
        until(async || program.log().contains(&line).then_some(())).await;

        for (name, path) in [("query", "/api/stats"), ("query", "/"), ("health", "/")] {
            if name != crowded {
                let url = format!("http://{}{path}", program.address(name));
                let answer = client.get(url).send().await;
                assert_eq!(answer.unwrap().status(), 200, "{crowded}: {name}");
            }
        }
        if crowded != "otlp-http" {
            let url = format!("http://{}/v1/traces", program.address("otlp-http"));
            let post = client.post(url).header(PROTOBUF.0, PROTOBUF.1);
            let answer = post.body(body.clone()).send().await;
            assert_eq!(answer.unwrap().status(), 200, "{crowded}");
        }
        if crowded != "otlp-grpc" {
            let length = (body.len() as u32).to_be_bytes();
            let framed = [&[0], &length[..], &body].concat();
            let answer = http2::export(program.address("otlp-grpc"), &[], &framed).await;
            assert_eq!(answer.grpc("grpc-status"), Some("0"), "{crowded}");
        }
        drop(idle);
    }
    // One line for each port, however many connections had to wait, and no other complaint.
    assert_eq!(program.log().lines().count(), 4, "{}", program.log());
}
