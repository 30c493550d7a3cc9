//! Log lines that carry ids against those that do not: `cargo bench -p tracer-benches --bench logs`.
//!
//! One line a figure: `case ours peer peer's ratio`. `--rounds N` (default 1001). A run takes
//! seconds.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on is to stop"
)]

use std::{env, process::Command};

use tracer_benches::{log_lines, machine};

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let rounds = arguments.iter().position(|argument| argument == "--rounds");
    let rounds = rounds.and_then(|at| arguments.get(at + 1));
    let rounds = rounds.map_or(1001, |rounds| rounds.parse().expect("a number"));
    machine::tell();
    println!("case ours peer peer's ratio");
    for pair in log_lines::pairs() {
        pair.time(rounds);
    }
    // Counting replaces the allocator, which would slow down what is timed.
    let counted = Command::new(env!("CARGO_BIN_EXE_allocations"))
        .arg("logs")
        .status();
    assert!(counted.expect("allocations").success());
}
