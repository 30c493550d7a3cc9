//! Memory of a tracer that has nothing to do, and of each thread that made spans.

use std::{
    fs,
    sync::{Arc, Barrier},
    thread,
};

use crate::{
    Case, System,
    bench::{Bench, Job, line},
    system,
};

const THREADS: usize = 32;
/// More than fill a ring, so that each of its pages has been touched.
const SPANS: usize = 10_000;

/// Resident bytes that the tracer with its OTLP/HTTP exporter adds to a process, and each thread
/// that has ended one span, or many, adds to it.
pub(crate) fn compare(bench: &Bench) {
    let [ours, otel] = bench.measure("memory", ["ours", "otel"], &bench.http(), &[]);
    let [idle, thread, busy]: [f64; 3] = ours;
    let [peers_idle, peers_thread, peers_busy] = otel;
    line("memory_bytes_idle", idle, "otel", peers_idle);
    line("memory_bytes_thread", thread, "otel", peers_thread);
    line("memory_bytes_busy_thread", busy, "otel", peers_busy);
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let before = resident_bytes();
    let system: Arc<dyn System> = Arc::from(system(&job.system, &job.target));
    system.run(Case::Root, 1);
    system.flush();
    let idle = resident_bytes() - before;
    // The first threads leave stacks and the allocator's memory behind for the next.
    threads(&system, 0);
    let bare = threads(&system, 0);
    let one = threads(&system, 1);
    let many = threads(&system, SPANS);
    let each = |all: f64| (all - bare) / THREADS as f64;
    vec![idle, each(one), each(many)]
}

/// What so many threads add while they live, each having ended so many spans.
fn threads(system: &Arc<dyn System>, spans: usize) -> f64 {
    let before = resident_bytes();
    let (done, end) = (
        Arc::new(Barrier::new(THREADS + 1)),
        Arc::new(Barrier::new(THREADS + 1)),
    );
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (system, done, end) = (Arc::clone(system), Arc::clone(&done), Arc::clone(&end));
            thread::spawn(move || {
                // The allocator's own memory for a thread is there without spans too.
                drop(std::hint::black_box(vec![1_u8; 64]));
                system.run(Case::Root, spans);
                done.wait();
                end.wait();
            })
        })
        .collect();
    done.wait();
    system.flush();
    let added = resident_bytes() - before;
    end.wait();
    for thread in threads {
        thread.join().expect("a thread");
    }
    added
}

/// The `Rss` of smaps_rollup, which unlike that of statm is exact.
pub(crate) fn resident_bytes() -> f64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("procfs");
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes
        .and_then(|number| number.parse::<f64>().ok())
        .expect("a number")
        * 1024.0
}
