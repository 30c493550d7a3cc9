//! How long a root span takes its caller, at the tail.

use std::{
    hint::spin_loop,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Case, System, Target,
    bench::{Bench, Job, line},
    system,
};

const THREADS: usize = 2;
/// 100 000 spans a second on each thread.
const PERIOD: Duration = Duration::from_micros(10);
const SPANS: usize = 200_000;
/// Before them: more than pass a ring once, whose pages are then there. Until then every 51st root
/// span of a thread takes a page fault, some 1.5 us.
const WARM_UP: usize = 20_000;
const PARTS: [(&str, usize); 4] = [
    ("p50", 5_000),
    ("p99", 9_900),
    ("p99.9", 9_990),
    ("p99.99", 9_999),
];

/// Nanoseconds from before the start to after the end, one reading of the clock included.
pub(crate) fn compare(bench: &Bench) {
    let systems = ["ours", "otel"];
    let [ours, otel]: [[f64; PARTS.len()]; 2] =
        bench.measure("latency", systems, &Target::Null, &[]);
    for (((part, _), ours), otel) in PARTS.iter().zip(ours).zip(otel) {
        line(&format!("latency_ns_{part}"), ours, "otel", otel);
    }
}

pub(crate) fn child(job: &Job) -> Vec<f64> {
    let system = system(&job.system, &job.target);
    let mut samples: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| paced(&*system)))
            .collect();
        let samples = threads.into_iter().map(|thread| thread.join());
        samples
            .flat_map(|samples| samples.expect("a producer"))
            .collect()
    });
    samples.sort_unstable();
    let at = |part: usize| samples.get(samples.len() * part / 10_000).copied();
    PARTS
        .into_iter()
        .map(|(_, part)| at(part).map_or(f64::NAN, |nanos| nanos as f64))
        .collect()
}

fn paced(system: &dyn System) -> Vec<u64> {
    // Touched before: a page fault is not the tracer's.
    let mut samples = vec![1; WARM_UP + SPANS];
    let mut due = Instant::now();
    for sample in &mut samples {
        let begun = loop {
            let now = Instant::now();
            if now >= due {
                break now;
            }
            spin_loop();
        };
        // A thread that was set aside does not catch up.
        due = due.max(begun.checked_sub(PERIOD).unwrap_or(begun)) + PERIOD;
        system.run(Case::Root, 1);
        *sample = begun.elapsed().as_nanos() as u64;
    }
    samples.drain(..WARM_UP);
    samples
}
