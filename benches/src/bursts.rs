//! Bursts of spans that end faster than any exporter takes them.

use std::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::{
    Case, System, Target,
    bench::{Bench, Job, line},
    load::settled,
    memory::resident_bytes,
    system,
};

/// How long after a burst its memory should have been given back.
const REST: Duration = Duration::from_secs(10);

/// Threads that keep the machine busy.
const SPINNING: usize = 4;

const SYSTEMS: [&str; 3] = ["ours", "otel", "fastrace"];

/// Prints the percentage of spans that never reach the sink, and the bytes that a burst leaves
/// behind.
pub(crate) fn compare(bench: &Bench) {
    for (case, threads, spans) in [
        (Case::BurstSmall, 1, 10_000),
        (Case::BurstSmall, 1, 100_000),
        (Case::BurstSmall, 4, 100_000),
        (Case::BurstLarge, 1, 500),
    ] {
        for (spinning, machine) in [(0, "quiet"), (SPINNING, "busy")] {
            let numbers = [threads, spans, spinning].map(|number| number.to_string());
            let [threads, spans, spinning] = numbers.each_ref().map(String::as_str);
            let options = [case.name(), threads, spans, spinning, "lost"];
            let [[ours], [otel], [fastrace]] =
                bench.measure("bursts", SYSTEMS, &Target::Null, &options);
            let name = format!("{}_lost_percent_{threads}_{spans}_{machine}", case.name());
            line(&name, ours, "otel", otel);
            line(&name, ours, "fastrace", fastrace);
        }
    }
    let options = [Case::BurstSmall.name(), "1", "100000", "0", "kept"];
    let [[ours], [otel], [fastrace]] = bench.measure("bursts", SYSTEMS, &Target::Null, &options);
    line("burst_small_kept_bytes", ours, "otel", otel);
    line("burst_small_kept_bytes", ours, "fastrace", fastrace);
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let [case, threads, spans, spinning, asked] = job.options.as_slice() else {
        panic!("CASE THREADS SPANS SPINNING lost|kept")
    };
    let case = Case::by_name(case).expect("a case");
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let (threads, spans) = (number(threads), number(spans));
    let system = system(&job.system, &job.target);
    // So that threads, connections and pools exist before the measurement.
    system.run(case, 10);
    system.flush();
    let before = resident_bytes();
    let lost = beside(number(spinning), || {
        let received = settled(&*system);
        burst(&*system, case, threads, spans);
        system.flush();
        spans as u64 - (settled(&*system) - received)
    });
    if asked == "lost" {
        return vec![lost as f64 / spans as f64 * 100.0];
    }
    thread::sleep(REST);
    vec![resident_bytes() - before]
}

fn burst(system: &dyn System, case: Case, threads: usize, spans: usize) {
    if threads == 1 {
        return system.run(case, spans);
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| system.run(case, spans / threads));
        }
    });
}

/// Runs `work` while `spinning` threads spin.
fn beside<T>(spinning: usize, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..spinning {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    })
}
