//! The example `debug_spans` stops at a signal.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn debug_spans_example_stops_at_a_signal() {
    let test = std::env::current_exe().unwrap();
    let program = test
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples/debug_spans");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/debug_spans.rs");
    // Cargo builds examples with the tests, unless a test is named.
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    if changed(&program) < changed(Path::new(source)) {
        let mut build = Command::new(env!("CARGO"));
        build.args([
            "build",
            "--quiet",
            "-p",
            "tracer-instrument",
            "--example",
            "debug_spans",
        ]);
        assert!(build.status().unwrap().success());
    }
    for signal in ["-TERM", "-INT"] {
        let mut process = Command::new(&program)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut url).unwrap();
        assert_eq!(reqwest::get(url.trim()).await.unwrap().status(), 200);
        let id = process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        let status = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > DEADLINE {
                process.kill().unwrap();
                panic!("{signal} does not stop the example");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(status.success(), "{signal}");
    }
}
