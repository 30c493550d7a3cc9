//! Ours against its peers, in one run: `cargo bench -p tracer-benches --bench compare`.
//!
//! One line a case and peer: `case ours peer peer's ratio`; the documentation of the library beside
//! this file says how each figure is taken. `--rounds N` (default 31; figures that take seconds
//! have a tenth of it), `--case NAME` (default all). A run takes about four minutes.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on is to stop"
)]

use std::{env, process::Command};

use tracer_benches::{Bench, Case, MEASURES, Timed, http_sink, machine, serve, serve_timed};

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1..)
    };
    let option = |name: &str| after(name)?.first().cloned();
    if arguments.iter().any(|argument| argument == "--sink") {
        http_sink::serve();
    }
    if let Some(name) = option("--system") {
        return serve_timed(&name);
    }
    if let Some(job) = after("--measure") {
        return serve(job);
    }
    let rounds = option("--rounds").map_or(31, |rounds| rounds.parse().expect("a number"));
    let only = option("--case");
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);

    machine::tell();
    println!("case ours peer peer's ratio");
    let cases = Case::ALL.into_iter().filter(|case| wanted(case.name()));
    let cases: Vec<_> = cases.collect();
    if !cases.is_empty() {
        let mut timed = Timed::start(rounds);
        for case in cases {
            timed.compare(case);
        }
        timed.tell_lost();
    }
    if wanted("allocations") {
        let counted = Command::new(env!("CARGO_BIN_EXE_allocations")).status();
        assert!(counted.expect("allocations").success());
    }
    let measures = MEASURES.into_iter().filter(|measure| wanted(measure.name));
    let measures: Vec<_> = measures.collect();
    if !measures.is_empty() {
        let bench = Bench::start(rounds);
        for measure in measures {
            (measure.compare)(&bench);
        }
    }
}
