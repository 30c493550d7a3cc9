//! Threads that live for one span.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    Case, System, Target,
    bench::{Bench, Job, line},
    memory::resident_bytes,
    system,
};

const THREADS: usize = 20_000;
const AT_ONCE: usize = 64;
const REST: Duration = Duration::from_secs(3);

/// `bare` makes no spans.
const SYSTEMS: [&str; 4] = ["ours", "otel", "fastrace", "bare"];

/// Prints the seconds that a wave takes, and the bytes that it leaves behind at its end and later.
pub(crate) fn compare(bench: &Bench) {
    let [ours, peers @ ..] = bench.measure::<4, 4>("short_threads", SYSTEMS, &Target::Null, &[]);
    let figures = [
        "seconds",
        "bytes_after_wave",
        "bytes_3s_later",
        "bytes_3s_after_second_wave",
    ];
    for (at, figure) in figures.iter().enumerate() {
        let of = |values: &[f64; 4]| values.get(at).copied().unwrap_or(f64::NAN);
        for (name, peer) in SYSTEMS.iter().skip(1).zip(&peers) {
            line(
                &format!("short_threads_{figure}"),
                of(&ours),
                name,
                of(peer),
            );
        }
    }
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let (name, makes_spans) = match job.system.as_str() {
        "bare" => ("nothing", false),
        name => (name, true),
    };
    let system = system(name, &job.target);
    let spans = usize::from(makes_spans);
    // The first threads leave memory behind that is not the tracer's.
    wave(&*system, 0, AT_ONCE);
    system.run(Case::Root, 1);
    system.flush();
    let before = resident_bytes();
    let begun = Instant::now();
    wave(&*system, spans, THREADS);
    let seconds = begun.elapsed().as_secs_f64();
    let after = resident_bytes() - before;
    thread::sleep(REST);
    let later = resident_bytes() - before;
    wave(&*system, spans, THREADS);
    thread::sleep(REST);
    vec![seconds, after, later, resident_bytes() - before]
}

fn wave(system: &dyn System, spans: usize, threads: usize) {
    for _ in 0..threads.div_ceil(AT_ONCE) {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| system.run(Case::Root, spans));
            }
        });
    }
}
