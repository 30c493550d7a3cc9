//! What needs the subscriber of the whole process: records of the `log` crate, and a `Debug` that logs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;

use serde_json::{Value, json};
use tracer_instrument::log::LineFormat;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Locks for each line: a formatter that wrote while a value is printed would deadlock.
struct Locked;

impl Write for Locked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Logs;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("before, ")?;
        tracing::info!("inner");
        f.write_str("after")
    }
}

#[test]
fn lines_of_the_process() {
    let subscriber = tracing_subscriber::fmt()
        .event_format(LineFormat::json().service_name("orders"))
        .with_writer(|| Locked)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing_log::LogTracer::init().unwrap();

    tracing::info!(logs = ?Logs, "outer");
    log::warn!(target: "driver", "from {}", "log");

    let written = String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{written}");
    assert_eq!(lines[0]["message"], "inner");
    assert_eq!(lines[1]["message"], "outer");
    assert_eq!(lines[1]["fields"], json!({"logs": "before, after"}));
    assert_eq!(lines[2]["message"], "from log");
    assert_eq!(lines[2]["target"], "driver");
    assert_eq!(lines[2]["severity"], "WARN");
    assert_eq!(lines[2].get("fields"), None, "what is metadata is no field");
}
