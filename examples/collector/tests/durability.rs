//! The program: its output, its signals, and what is left after it is killed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::program::{PORTS, Program};
use common::{PROTOBUF, hex_id, request, span, until};
use prost::Message as _;

#[tokio::test]
async fn everything_answered_before_a_kill_is_there_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(directory.path());
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/traces", program.address("otlp-http"));
    let (next, mut senders) = (Arc::new(AtomicU64::new(1)), Vec::new());
    for _ in 0..4 {
        let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
        senders.push(tokio::spawn(async move {
            let mut answered = Vec::new();
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                let body = request("s", vec![span(id, 1, None, "op", id, 1)]).encode_to_vec();
                let post = client.post(&url).header(PROTOBUF.0, PROTOBUF.1).body(body);
                match post.send().await {
                    Ok(response) if response.status() == 200 => answered.push(id),
                    _ => return answered,
                }
            }
        }));
    }
    until(async || (next.load(Ordering::Relaxed) > 300).then_some(())).await;
    program.signal("-KILL");
    program.ended().await;
    let mut answered = Vec::new();
    for sender in senders {
        answered.extend(sender.await.unwrap());
    }
    assert!(answered.len() > 200);

    let again = Program::start(directory.path());
    let query = again.address("query").to_owned();
    for id in answered {
        let url = format!("http://{query}/api/traces/{}", hex_id(id));
        let status = client.get(url).send().await.unwrap().status();
        assert_eq!(status, 200, "trace {id} was accepted and is gone");
    }
    // The index is whole as well: a search by operation walks to every trace.
    let url = format!("http://{query}/api/traces?serviceName=s&operationName=op&limit=1000");
    let found: serde_json::Value = client.get(url).send().await.unwrap().json().await.unwrap();
    assert!(found["traces"].as_array().unwrap().len() > 200);
}

#[tokio::test]
async fn a_clean_stop_leaves_everything_in_the_one_file() {
    // The order of closing was once left to chance, so that one stop proves little.
    for _ in 0..8 {
        let directory = tempfile::tempdir().unwrap();
        let mut program = Program::start(directory.path());
        let client = reqwest::Client::new();
        let url = format!("http://{}/v1/traces", program.address("otlp-http"));
        for id in 1..=20 {
            let body = request("s", vec![span(id, 1, None, "op", id, 1)]).encode_to_vec();
            let post = client.post(&url).header(PROTOBUF.0, PROTOBUF.1).body(body);
            assert_eq!(post.send().await.unwrap().status(), 200);
            // Has readers opened.
            let stats = format!("http://{}/api/stats", program.address("query"));
            assert_eq!(client.get(stats).send().await.unwrap().status(), 200);
        }
        program.signal("-TERM");
        assert!(program.ended().await.success());
        let log = directory.path().join("traces.sqlite-wal").metadata();
        assert_eq!(log.map_or(0, |log| log.len()), 0);

        let copy = tempfile::tempdir().unwrap();
        let name = "traces.sqlite";
        std::fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        let again = Program::start(copy.path());
        let query = again.address("query");
        let url = format!("http://{query}/api/traces?serviceName=s&operationName=op&limit=1000");
        let found: serde_json::Value = client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(found["traces"].as_array().unwrap().len(), 20);
    }
}

#[tokio::test]
async fn the_program_says_where_it_is_and_ends_cleanly_on_either_signal() {
    for signal in ["-INT", "-TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let mut program = Program::start(directory.path());
        let names: Vec<&str> = program
            .lines
            .iter()
            .filter_map(|line| line.split(' ').nth(1))
            .take(4)
            .collect();
        assert_eq!(names, ["otlp-grpc", "otlp-http", "query", "health"]);
        assert_eq!(
            program.lines[4],
            format!("data-dir {}", directory.path().display())
        );
        let health = format!("http://{}/", program.address("health"));
        assert_eq!(reqwest::get(health).await.unwrap().status(), 200);
        program.signal(signal);
        assert!(program.ended().await.success(), "{signal}");
    }
}

#[test]
fn the_program_prints_its_version() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tracer-collector"));
    let output = program.arg("--version").output().unwrap();
    assert!(output.status.success());
    let expected = format!("tracer-collector {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[tokio::test]
async fn the_program_listens_on_a_name_and_refuses_what_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut ports = PORTS;
    ports[1] = "--otlp-http=localhost:0";
    let program = Program::with_ports(ports, directory.path());
    let address = program.address("otlp-http");
    assert!(address.ip().is_loopback());
    let url = format!("http://localhost:{}/v1/traces", address.port());
    let post = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json");
    assert_eq!(post.body("{}").send().await.unwrap().status(), 200);

    let mut program = Command::new(env!("CARGO_BIN_EXE_tracer-collector"));
    let output = program.arg("--otlp-http=4318").output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("expected HOST:PORT, such as localhost:4318"),
        "{message}"
    );
}

#[tokio::test]
async fn a_second_program_on_the_same_data_fails_with_a_reason() {
    let directory = tempfile::tempdir().unwrap();
    let first = Program::start(directory.path());
    let output = Command::new(env!("CARGO_BIN_EXE_tracer-collector"))
        .args(PORTS)
        .arg("--data-dir")
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is in use by another collector"));
    drop(first);
}

#[tokio::test]
async fn a_trace_is_queryable_as_soon_as_it_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path());
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/traces", program.address("otlp-http"));
    for id in 1..=20 {
        let body = request("s", vec![span(id, 1, None, "op", id, 1)]).encode_to_vec();
        let started = std::time::Instant::now();
        client
            .post(&url)
            .header(PROTOBUF.0, PROTOBUF.1)
            .body(body)
            .send()
            .await
            .unwrap();
        let trace = format!(
            "http://{}/api/traces/{}",
            program.address("query"),
            hex_id(id)
        );
        assert_eq!(client.get(trace).send().await.unwrap().status(), 200);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_damaged_store_is_named_in_the_log_and_not_in_the_answer() {
    use sqlx::{ConnectOptions as _, Executor as _};

    let directory = tempfile::tempdir().unwrap();
    let program = Program::start(directory.path());
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/traces", program.address("otlp-http"));
    let body = request("s", vec![span(1, 1, None, "op", 1, 1)]).encode_to_vec();
    let post = client.post(&url).header(PROTOBUF.0, PROTOBUF.1).body(body);
    assert_eq!(post.send().await.unwrap().status(), 200);

    let file = directory.path().join("traces.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = options.connect().await.unwrap();
    let damage = "UPDATE segment SET spans = x'0102'";
    other.execute(damage).await.unwrap();
    sqlx::Connection::close(other).await.unwrap();

    let trace = format!(
        "http://{}/api/traces/{}",
        program.address("query"),
        hex_id(1)
    );
    let answer = client.get(trace).send().await.unwrap();
    assert_eq!(answer.status(), 500);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["message"], "the store cannot be read");
    let line = format!(
        "cannot read {}: a stored segment does not decode",
        file.display()
    );
    assert_eq!(program.log().trim_end(), line);
}
