//! The examples that serve end on a signal and lose neither a request nor a span.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracer_collector::{Collector, CollectorConfig};

const DEADLINE: Duration = Duration::from_secs(20);

struct Example {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Example {
    fn start(name: &str, endpoint: &str) -> Self {
        Self::start_with_stderr(name, endpoint, Stdio::inherit())
    }

    fn start_with_stderr(name: &str, endpoint: &str, stderr: Stdio) -> Self {
        let mut process = Command::new(program(name))
            .arg("127.0.0.1:0")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut example = Self {
            process,
            output,
            address: String::new(),
        };
        let line = example.line();
        let address = line.strip_prefix("listening on ");
        example.address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        example
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    async fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < DEADLINE, "still running");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Cargo builds the examples of a package with its tests, beside them, unless a test is named: then
/// they may be missing or old.
fn program(name: &str) -> PathBuf {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.rs"));
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
    if changed(&program) < changed(&source) {
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "-p",
            "tracer-examples",
            "--example",
            name,
        ]);
        assert!(build.status().unwrap().success());
    }
    program
}

impl Drop for Example {
    fn drop(&mut self) {
        // Already ended, in a test that passes.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_service_answers_what_it_has_begun_and_sends_its_last_spans() {
    for signal in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = CollectorConfig::default().data_dir(directory.path());
        let config = config.otlp_grpc(any).otlp_http(any).query(any).health(any);
        let collector = Collector::start(config).await.unwrap();
        let endpoint = format!("http://{}", collector.otlp_http_address());
        let mut service = Example::start("service", &endpoint);

        // The stock takes 300 ms; the signal comes while the order waits for it.
        let url = format!("http://{}/orders/7", service.address);
        let asked = tokio::spawn(reqwest::get(url));
        let (mut service, line) = tokio::task::spawn_blocking(move || {
            let line = service.line();
            (service, line)
        })
        .await
        .unwrap();
        assert_eq!(line, "counting 7");
        service.signal(signal);
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200, "{signal}");
        assert_eq!(answer.text().await.unwrap(), "12 of 7\n");
        assert!(service.ended().await.success(), "{signal}");

        // An accepted span is found immediately, so there is nothing to wait for.
        let url = format!("http://{}/api/traces", collector.query_address());
        let found: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        let traces = found["traces"].as_array().unwrap();
        let order = traces
            .iter()
            .find(|trace| trace["rootOperation"] == "GET /orders/{id}");
        // Two requests to the service, the client's between them, and the span of its own.
        assert_eq!(order.unwrap()["spanCount"], 4, "{found}");
        collector.shutdown().await.unwrap();
    }
}

/// Without a subscriber for `tracing`, the example lost its spans without a message.
#[tokio::test]
async fn a_service_without_a_collector_logs_where_it_could_not_send() {
    // Bound and never listening, so that connections to it are refused.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    let mut service = Example::start_with_stderr("service", &endpoint, Stdio::piped());

    let url = format!("http://{}/stock/7", service.address);
    assert_eq!(reqwest::get(url).await.unwrap().status(), 200);
    service.signal("-TERM");
    assert!(service.ended().await.success());

    let mut log = String::new();
    let mut stderr = service.process.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert!(log.contains(&endpoint), "{log}");
}

#[tokio::test]
async fn the_service_of_the_harness_ends_with_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut service = Example::start("w3c_service", "http://127.0.0.1:9");
        let url = format!("http://{}/test", service.address);
        let request = reqwest::Client::new()
            .post(url)
            .json(&serde_json::json!([]));
        assert_eq!(request.send().await.unwrap().status(), 200);
        service.signal(signal);
        assert!(service.ended().await.success(), "{signal}");
    }
}
