//! The services as processes, without the demonstration around them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use shop::api::QueryClient;
use shop::check::differences;
use shop::fleet::{Endpoints, Fleet};
use shop::load::{self, Answered};
use tracer_collector::{Collector, CollectorConfig};

const SHOP: &str = env!("CARGO_BIN_EXE_shop");
const DEADLINE: Duration = Duration::from_secs(20);
const ORDERS: usize = 24;

/// A port where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn shop(arguments: &[&str]) -> Output {
    Command::new(SHOP)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, message: &str) {
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(message), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[tokio::test]
async fn without_a_collector_the_services_answer_as_ever() {
    let logs = tempfile::tempdir().unwrap();
    let otlp = Endpoints::new(nobody(), nobody());
    let fleet = Fleet::start(Path::new(SHOP), otlp, logs.path())
        .await
        .unwrap();
    let answered = load::send(fleet.gateway(), ORDERS).await.unwrap();
    assert_eq!(answered.len(), ORDERS);
    let slow = answered
        .iter()
        .filter(|order| order.kind == load::Kind::Slow);
    assert!(slow.map(|order| order.took).min().unwrap() >= Duration::from_millis(600));
    fleet.stop().await;
}

#[tokio::test]
async fn a_collector_that_goes_half_way_changes_no_answer_and_gets_spans_again_when_it_is_back() {
    let data_dir = tempfile::tempdir().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = CollectorConfig::default()
        .query(any)
        .health(any)
        .data_dir(data_dir.path());
    let first = Collector::start(config.clone().otlp_grpc(any).otlp_http(any))
        .await
        .unwrap();
    let (grpc, http) = (first.otlp_grpc_address(), first.otlp_http_address());
    let otlp = Endpoints::new(grpc, http);
    let fleet = Fleet::start(Path::new(SHOP), otlp, data_dir.path())
        .await
        .unwrap();

    let before = load::send(fleet.gateway(), ORDERS).await.unwrap();
    let query = QueryClient::new(first.query_address()).unwrap();
    wait_for_all(&query, &before).await;
    first.shutdown().await.unwrap();
    load::send(fleet.gateway(), ORDERS).await.unwrap();

    let second = Collector::start(config.otlp_grpc(grpc).otlp_http(http))
        .await
        .unwrap();
    let query = QueryClient::new(second.query_address()).unwrap();
    let after = load::send(fleet.gateway(), ORDERS).await.unwrap();
    wait_for_all(&query, &after).await;
    wait_for_all(&query, &before).await;
    fleet.stop().await;
    second.shutdown().await.unwrap();
}

async fn wait_for_all(query: &QueryClient, answered: &[Answered]) {
    let start = Instant::now();
    for order in answered {
        loop {
            let trace = query.trace(&order.trace_id).await.unwrap();
            let missing = trace.map(|trace| differences(&trace, order.kind));
            if missing.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "{}: {missing:?}",
                order.trace_id
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[test]
fn a_service_ends_when_its_stdin_is_closed() {
    let mut child = Command::new(SHOP)
        .args(["--service", "payment"])
        .env("OTEL_TRACES_EXPORTER", "none")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(
        line.starts_with("payment listening on http://127.0.0.1:"),
        "{line}"
    );
    drop(child.stdin.take());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < DEADLINE, "still running");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success());
}

#[test]
fn no_process_outlives_a_parent_that_is_killed() {
    // What is killed cannot clean up: this directory is the test's to remove.
    let temporary = tempfile::tempdir().unwrap();
    let mut parent = Command::new(SHOP)
        .args(["--page", "127.0.0.1:0", "--requests", "3"])
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(parent.stdout.take().unwrap());
    let mut gateway = None;
    let mut line = String::new();
    while gateway.is_none() {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "ended");
        gateway = line
            .strip_prefix("gateway")
            .map(|rest| rest.trim().replace("http://", "").replace('/', ""));
    }
    let gateway: SocketAddr = gateway.unwrap().parse().unwrap();
    assert!(std::net::TcpStream::connect(gateway).is_ok());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let start = Instant::now();
    while std::net::TcpStream::connect(gateway).is_ok() {
        assert!(start.elapsed() < DEADLINE, "the gateway is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
    // All processes hold the same stdout or stderr open only as long as they run.
    stdout.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_port_in_use_is_told_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = shop(&["--service", "payment", "--listen", &address]);
    assert_refused(
        &output,
        &format!("shop: cannot listen on {address}: Address already in use"),
    );
    let output = shop(&["--page", &address, "--once"]);
    assert_refused(&output, &format!("cannot listen on {address}"));
}

#[test]
fn a_service_says_what_it_needs() {
    let output = shop(&["--service", "gateway"]);
    assert_refused(&output, "shop: gateway needs --downstream orders=URL");
    let output = shop(&["--service", "cellar"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the services are"));
    assert_eq!(
        shop(&["--requests", "2"]).status.code(),
        Some(2),
        "three kinds need three orders"
    );
}

/// As the end of a container is: stdin stays open, and the last spans are sent.
#[tokio::test]
async fn a_service_that_is_terminated_sends_its_last_spans() {
    for signal in ["-TERM", "-INT"] {
        let data_dir = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = CollectorConfig::default().data_dir(data_dir.path());
        let config = config.otlp_grpc(any).otlp_http(any).query(any).health(any);
        let collector = Collector::start(config).await.unwrap();
        let endpoint = format!("http://{}", collector.otlp_http_address());
        let mut child = Command::new(SHOP)
            .args(["--service", "inventory"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let (_, url) = line.trim_end().split_once("listening on ").unwrap();

        // Its connection stays open, and does not hold up the end.
        let client = reqwest::Client::new();
        let answer = client.get(format!("{url}/stock/lamp")).send().await;
        assert_eq!(answer.unwrap().status(), 200);
        let kill = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < DEADLINE, "still running");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(status.success(), "{signal}");
        let query = format!("http://{}/api/traces", collector.query_address());
        let found = reqwest::get(query).await.unwrap();
        let found: serde_json::Value = found.json().await.unwrap();
        assert_eq!(found["totalCount"], 1, "{signal}: {found}");
        collector.shutdown().await.unwrap();
    }
}
