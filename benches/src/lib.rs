//! The systems that are compared, each doing the same work behind one trait.
//!
//! Every system exports to a sink that only counts, so what is measured is the caller's path; the
//! count says whether spans were lost on the way.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up is to stop"
)]

mod cases;
mod fastrace_system;
mod otel_systems;

use std::time::Duration;

pub use cases::{Case, SPANS_PER_BURST};
pub use otel_systems::attributes;

/// How long a flush may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// One tracing system under measurement.
pub trait System {
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

/// The systems by name; the first is ours.
pub const SYSTEMS: [&str; 3] = ["ours", "otel", "fastrace"];

/// Sets up a system by its name, in this process for good.
pub fn system(name: &str) -> Box<dyn System> {
    match name {
        "ours" => Box::new(otel_systems::ours()),
        "otel" => Box::new(otel_systems::stock()),
        "fastrace" => Box::new(fastrace_system::FastraceSystem::new()),
        other => panic_unknown(other),
    }
}

fn panic_unknown(name: &str) -> ! {
    eprintln!("no system {name:?}; there are {SYSTEMS:?}");
    std::process::exit(2)
}
