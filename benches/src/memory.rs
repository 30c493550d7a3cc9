//! Memory of a tracer that has nothing to do, and of each thread that made spans.

use std::{
    fs,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use crate::{
    Case, System,
    bench::{Bench, Job, line},
    system,
};

const THREADS: usize = 32;
/// Enough that the thread's ring, or its share of a queue, has grown.
const SPANS: usize = 10_000;
/// How long after its last span a thread should have given back what it can.
const REST: Duration = Duration::from_secs(3);

/// Prints the resident bytes that the tracer with its OTLP/HTTP exporter adds to a process. Also
/// prints those that each thread adds: after one span, just after many spans, and some time after
/// them.
///
/// For the idle tracer the anonymous bytes are printed too. The other resident bytes are pages of
/// the executable file, which the kernel shares and can drop.
pub(crate) fn compare(bench: &Bench) {
    let [ours, otel] = bench.measure::<2, 5>("memory", ["ours", "otel"], &bench.http(), &[]);
    let figures = [
        "idle",
        "idle_anonymous",
        "thread",
        "busy_thread",
        "busy_thread_3s_later",
    ];
    for ((figure, ours), otel) in figures.iter().zip(ours).zip(otel) {
        line(&format!("memory_bytes_{figure}"), ours, "otel", otel);
    }
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let before = [resident_bytes(), anonymous_bytes()];
    let system: Arc<dyn System> = Arc::from(system(&job.system, &job.target));
    system.run(Case::Root, 1);
    system.flush();
    let [resident, anonymous] = before;
    let idle = [resident_bytes() - resident, anonymous_bytes() - anonymous];
    // The first threads leave stacks and the allocator's memory behind for the next.
    threads(&system, 0);
    let [bare, _] = threads(&system, 0);
    let [one, _] = threads(&system, 1);
    let [many, later] = threads(&system, SPANS);
    let each = |all: f64| (all - bare) / THREADS as f64;
    let threads = [each(one), each(many), each(later)];
    idle.into_iter().chain(threads).collect()
}

/// The bytes that the live threads add together, once each has ended `spans` spans, and after a
/// rest.
fn threads(system: &Arc<dyn System>, spans: usize) -> [f64; 2] {
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
    thread::sleep(REST);
    let later = resident_bytes() - before;
    end.wait();
    for thread in threads {
        thread.join().expect("a thread");
    }
    [added, later]
}

/// The `Rss` of smaps_rollup, which is exact, unlike that of statm.
pub(crate) fn resident_bytes() -> f64 {
    bytes("Rss:")
}

/// The resident bytes without a file behind them.
fn anonymous_bytes() -> f64 {
    bytes("Anonymous:")
}

fn bytes(field: &str) -> f64 {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").expect("procfs");
    let line = rollup.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    kilobytes
        .and_then(|number| number.parse::<f64>().ok())
        .expect("a number")
        * 1024.0
}
