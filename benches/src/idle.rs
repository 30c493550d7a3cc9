//! A process that makes no spans, and the first span after a pause.

use std::{
    fs,
    hint::spin_loop,
    thread,
    time::{Duration, Instant},
};

use rustix::time::ClockId;

use crate::{
    Case, Target,
    bench::{Bench, Job, line, median},
    load::cpu_time,
    system,
};

const WATCHED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(600);
const PAUSES: usize = 9;

/// Longer than any batch delay.
const PATIENCE: Duration = Duration::from_secs(20);

const SYSTEMS: [&str; 3] = ["ours", "otel", "fastrace"];

/// Prints what an idle tracer takes, and what the first span after a pause takes.
pub(crate) fn compare(bench: &Bench) {
    let [ours, peers @ ..] = bench.measure::<3, 4>("idle", SYSTEMS, &Target::Null, &[]);
    let figures = [
        "idle_wakeups_per_second",
        "idle_core_percent",
        "span_after_pause_ns",
        "span_after_pause_delivered_ms",
    ];
    for (at, figure) in figures.iter().enumerate() {
        let of = |values: &[f64; 4]| values.get(at).copied().unwrap_or(f64::NAN);
        for (name, peer) in SYSTEMS.iter().skip(1).zip(&peers) {
            line(figure, of(&ours), name, of(peer));
        }
    }
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let system = system(&job.system, &job.target);
    system.run(Case::Root, 1);
    system.flush();
    // So that threads that poll have slowed down.
    thread::sleep(Duration::from_secs(2));
    let (switches, cpu) = (switches(), cpu_time(ClockId::ProcessCPUTime));
    thread::sleep(WATCHED);
    let seconds = WATCHED.as_secs_f64();
    let cpu = (cpu_time(ClockId::ProcessCPUTime) - cpu).as_secs_f64() / seconds * 100.0;
    // Without this thread's own sleep.
    let wakeups = (self::switches() - switches).saturating_sub(1) as f64 / seconds;

    // The caller spins, so that its caches stay warm and only the tracer is measured.
    let spans = (0..PAUSES).map(|_| {
        let begun = Instant::now();
        while begun.elapsed() < PAUSE {
            spin_loop();
        }
        let begun = Instant::now();
        system.run(Case::Root, 1);
        begun.elapsed().as_nanos() as f64
    });
    let after_pause = median(spans.collect());

    system.flush();
    thread::sleep(Duration::from_secs(2));
    let before = system.received();
    let begun = Instant::now();
    system.run(Case::Root, 1);
    while system.received() == before && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
    let delivered = begun.elapsed().as_secs_f64() * 1000.0;
    vec![wakeups, cpu, after_pause, delivered]
}

/// The context switches of all live threads so far.
fn switches() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("procfs").flatten();
    let of_task = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        let counts = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    tasks.map(of_task).sum()
}
