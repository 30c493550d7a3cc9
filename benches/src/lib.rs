//! Ours against its peers: the systems, each doing the same work behind one trait, and how each
//! figure is taken.
//!
//! `cargo bench -p tracer-benches --bench compare` prints one line a case and peer:
//! `case ours peer peer's ratio`. Names carry the unit; a timed case without one is in nanoseconds
//! per operation. Every system runs in a process of its own with the defaults of its pipeline.
//! Rounds of the systems are interleaved, so that all see the same moods of the machine, and a
//! figure is the median of its rounds.
//!
//! | `--case` | how the figure is taken |
//! | --- | --- |
//! | one of [`Case`] | caller's time for bursts of 1500 spans into a sink that counts, the flush between bursts apart; `# lost` says whether spans were lost on the way |
//! | `allocations` | of the caller's thread, per operation, less those of the same work on a tracer that does nothing |
//! | `w3c` | one message each way, on one thread: 40 bursts of 2000 in each of several processes. `HeaderMap` unless the name says map; with three members of state unless it says plain; `baggage` adds three of those. `least` is what the types of `http` and of the API take for the same result |
//! | `formats` | the same for the formats before the W3C's, on a `HashMap` through the traits of the API |
//! | `hostile` | one extraction from headers of 64 KiB that hold whatever makes the parser slowest, the middle one of 15: over the 1 ms that is allowed, and over the same of half the bytes, where 2 is linear work |
//! | `encode` | 512 stored spans to an OTLP request, against grouping and prost, which is what `opentelemetry-otlp` does |
//! | `cpu` | processor time of the whole process over the spans that arrive at an HTTP sink in another process, bursts of 1500 with attributes and a flush after each |
//! | `loss` | ended spans that never reach the sink, after 1.5 s: one producer at full speed and at a pace with the HTTP sink, two with one that only counts; `ended_per_second` is the pace really held |
//! | `scaling` | root spans ended by one and by two threads at full speed; `others_cores` is what the other threads of the process took meanwhile |
//! | `latency` | a root span, from one reading of the clock to the next, two threads of 100 000 spans a second each |
//! | `bursts` | percent of the ended spans of one burst that never reach a sink that only counts: native spans with two attributes, or spans of 8 KB, on a quiet machine and beside four spinning threads. `kept_bytes` is the resident memory 10 s after the burst, less that before it |
//! | `short_threads` | 20,000 threads with one span each, 64 at a time: the seconds that a wave takes, and the resident memory at its end and 3 s later, less that before it; `bare` makes no spans |
//! | `idle` | a process that made one span: context switches and processor time of all threads over 5 s; then a span after 600 ms without one: the time it takes its caller; and how long a span takes to reach the sink |
//! | `memory` | resident bytes that a tracer with its HTTP exporter adds after one span (`idle_anonymous` counts only those without a file behind them), and that each of 32 threads adds after it has ended one span or 10,000, and again 3 s later |
//!
//! A record of a run, which begins with the machine and the versions, is its output:
//! `cargo bench -p tracer-benches --bench compare > benches/record/DATE.txt`.
//!
//! Log lines have a run of their own, [`log_lines`].
//!
//! Instructions, which unlike time do not depend on the machine's load, are counted by `icount.rs`.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on is to stop"
)]

mod bench;
mod bursts;
mod cases;
mod timing;

mod carry;
mod cpu;
pub mod encode;
mod formats;
pub mod hostile;
mod idle;
mod latency;
mod load;
pub mod log_lines;
mod memory;
mod short_threads;

mod fastrace_system;
pub mod http_sink;
pub mod machine;
mod native_system;
mod otel_systems;
mod tracing_system;

use std::time::Duration;

pub use bench::{Bench, MEASURES, Measure, line, serve};
pub use carry::Carry;
pub use cases::{Case, SPANS_PER_BURST};
pub use otel_systems::{Sink, attributes};
pub use timing::{Timed, serve_timed};

/// How long a flush may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// One tracing system under measurement.
pub trait System: Send + Sync {
    /// Whether the system has anything like the case.
    fn does(&self, case: Case) -> bool {
        let _ = case;
        true
    }

    /// Does so many operations of the case.
    fn run(&self, case: Case, operations: usize);
    /// Sends what is buffered. Not part of the measured time.
    fn flush(&self);
    /// How many spans reached the sink so far.
    fn received(&self) -> u64;
}

/// Where a system's spans go.
#[derive(Clone, Debug)]
pub enum Target {
    /// To this URL, as OTLP over HTTP.
    Http(String),
    /// To a sink that only counts.
    Null,
}

/// The systems whose cases are timed; the first is ours.
pub const SYSTEMS: [&str; 6] = [
    "ours",
    "otel",
    "tracing",
    "fastrace",
    "tracing_ours",
    "ours_active",
];

/// Those that are ours by another way in, each with the name of its cases and its own peer.
pub const WAYS_IN: [(&str, &str, &str); 2] = [
    ("tracing_ours", "tracing_layer", "tracing"),
    ("ours_active", "active", "otel"),
];

/// Sets up a system by its name, in this process for good.
pub fn system(name: &str, target: &Target) -> Box<dyn System> {
    match name {
        "ours" => Box::new(otel_systems::ours(target)),
        "ours_active" => Box::new(otel_systems::ours_active(target)),
        "otel" => Box::new(otel_systems::stock(target)),
        "tracing" => Box::new(tracing_system::peer()),
        "tracing_ours" => Box::new(tracing_system::ours()),
        "fastrace" => Box::new(fastrace_system::FastraceSystem::new()),
        "nothing" => Box::new(otel_systems::nothing()),
        other => panic!("no system {other:?}"),
    }
}
