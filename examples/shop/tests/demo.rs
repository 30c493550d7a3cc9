//! The demonstration as a user runs it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

const SHOP: &str = env!("CARGO_BIN_EXE_shop");

#[test]
fn once_finds_every_trace_complete_and_prints_a_summary() {
    // What the user set for other programs does not reach the services.
    let output = Command::new(SHOP)
        .args(["--once", "--json", "--requests", "12"])
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .env("OTEL_SDK_DISABLED", "true")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["complete"], true);
    assert_eq!(summary["requests"], 12);
    assert_eq!(summary["completeTraces"], 12);
    assert_eq!(summary["missing"], Value::Array(Vec::new()));
    assert_eq!(summary["failingTraceFoundBySearch"], true);
    assert_eq!(summary["slowTraceFoundBySearch"], true);
    // Each service logs at least once for an order.
    assert!(summary["logLines"].as_u64().unwrap() >= 5 * 12);
    for kind in ["ok", "failing", "slow"] {
        let trace = &summary["traces"][kind];
        assert_eq!(trace["spanCount"], 13);
        let page = trace["page"].as_str().unwrap();
        assert!(
            page.ends_with(&format!("/trace/{}", trace["traceId"].as_str().unwrap())),
            "{page}"
        );
        assert!(told.contains(page), "{told}");
    }
    // The order that asks the far warehouse waits 600 ms there.
    assert!(summary["traces"]["slow"]["durationMs"].as_f64().unwrap() >= 600.0);
    for expected in [
        "└─ payment  POST /payments",
        "ERROR: the card network cannot be reached",
        "INTERNAL",
        "UNSET",
        "card not charged",
        "\"service.name\":\"gateway\"",
    ] {
        assert!(told.contains(expected), "no {expected} in {told}");
    }
}

#[test]
fn the_shop_stays_open_until_it_is_told_to_stop() {
    let mut child = Command::new(SHOP)
        .args(["--requests", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut page = None;
    for line in lines.by_ref().map(Result::unwrap) {
        page = page.or_else(|| line.strip_prefix("page").map(|rest| rest.trim().to_owned()));
        if line.starts_with("The shop stays open") {
            break;
        }
    }
    let address = page.unwrap().replace("http://", "");
    assert!(
        std::net::TcpStream::connect(&address).is_ok(),
        "the page is there"
    );
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
    assert!(std::net::TcpStream::connect(&address).is_err());
}
