//! A process that traces and ends, in the way that its first argument names. What it has to say it
//! prints; what goes wrong ends it with a code that is not 0.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(unix),
    allow(unused, reason = "for systems with processes as unix has them")
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "the test sees a process that fails"
)]

use std::fs;
use std::process::{ExitCode, exit};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::global;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use tokio::signal::unix::{SignalKind, signal};
use tracer_core::{ConfigError, FlushError, TracerProvider};
use tracer_export::OtlpHttpConfig;

const SPANS_PER_THREAD: usize = 5;

fn main() -> ExitCode {
    let how = std::env::args().nth(1).unwrap_or_default();
    if how == "starved" {
        starved();
        return ExitCode::SUCCESS;
    }
    let guard = tracer_export::builder()
        .shutdown_timeout(Duration::from_millis(300))
        .init()
        .expect("set-up");
    thread::spawn(work).join().expect("thread");
    work();
    let before = Instant::now();
    match how.as_str() {
        "return" => drop(guard),
        "return without a word" => return ExitCode::SUCCESS,
        "exit" => {
            drop(guard);
            println!("{}", before.elapsed().as_millis());
            exit(0);
        }
        "exit with the guard" => exit(0),
        "panic" => panic!("asked to"),
        "terminate" => wait_for_signal(),
        other => panic!("{other} is not known"),
    }
    println!("{}", before.elapsed().as_millis());
    ExitCode::SUCCESS
}

fn work() {
    for _ in 0..SPANS_PER_THREAD {
        global::tracer("t").start("x");
    }
}

/// As a service that shuts down in order.
fn wait_for_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("runtime").block_on(async {
        let mut signals = signal(SignalKind::terminate()).expect("signals");
        println!("waiting");
        signals.recv().await;
    });
}

/// Builds providers under a limit of threads that is raised one by one, until one can be built.
fn starved() {
    let build = || {
        let exporter = || OtlpHttpConfig::default().build().expect("exporter");
        TracerProvider::builder()
            .exporter(exporter())
            .exporter(exporter())
            .build()
    };
    let mut failures = 0;
    let provider = loop {
        set_limit(threads_of_user() + failures);
        match build() {
            Ok(provider) => break provider,
            Err(ConfigError::Spawn(_)) => failures += 1,
            Err(error) => panic!("{error}"),
        }
        // Threads that were started before the one that could not be end by themselves.
        let deadline = Instant::now() + Duration::from_secs(20);
        while threads() > 1 {
            assert!(Instant::now() < deadline, "a thread is left behind");
            thread::yield_now();
        }
    };
    println!("{failures}");
    // A forked child that gets no thread: no panic, no hang, and all is counted.
    set_limit(threads_of_user() + 1);
    match fork::fork().expect("fork") {
        fork::Fork::Child => {
            provider.tracer("t").start("x");
            let flushed = provider.force_flush(Duration::from_secs(20));
            let stats = provider.stats();
            let counted = (stats.ended, stats.dropped.already_shutdown) == (1, 1);
            let well = flushed == Err(FlushError::AlreadyShutdown) && counted && stats.balances();
            exit(i32::from(!well));
        }
        fork::Fork::Parent(pid) => assert_eq!(fork::waitpid(pid).ok(), Some(0), "the child"),
    }
}

fn set_limit(threads: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = Rlimit {
        current: Some(threads),
        maximum: getrlimit(Resource::Nproc).maximum,
    };
    setrlimit(Resource::Nproc, limit).expect("limit");
}

fn threads() -> u64 {
    number("self", "Threads:").expect("own status")
}

/// The threads of all processes of this process's user.
fn threads_of_user() -> u64 {
    let user = number("self", "Uid:");
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| number(pid, "Uid:") == user)
        .filter_map(|pid| number(&pid, "Threads:"))
        .sum()
}

/// The first number of a line of `/proc/<pid>/status`; nothing if the process has ended.
fn number(pid: &str, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status.lines().find_map(|one| one.strip_prefix(line))?;
    numbers.split_whitespace().next()?.parse().ok()
}
