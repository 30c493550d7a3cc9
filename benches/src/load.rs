//! Producers at a pace or at full speed: how much is lost, and how much two threads do.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{
    Case, System, Target,
    bench::{Bench, Job, line},
    system,
};

const LENGTH: Duration = Duration::from_millis(1500);

/// Spans between two looks at the clock.
const CHUNK: usize = 16;

/// A producer that falls behind by more than this, as when it was set aside, leaves out what it
/// missed instead of catching up: nobody makes spans while it does not run.
const LATEST: Duration = Duration::from_micros(100);

/// What producers do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) case: Case,
    pub(crate) threads: usize,
    /// Spans a second of each thread; `None` for as many as it can.
    pub(crate) pace: Option<u64>,
}

/// Percent of the ended spans that never reach the sink, and what the producers really ended.
pub(crate) fn compare_loss(bench: &Bench) {
    let http = bench.http();
    for (case, name) in [(Case::Root, "root"), (Case::Attributes, "attributes")] {
        for rate in [0, 1_000_000, 1_600_000] {
            loss(bench, &format!("http_1_{name}"), &http, case, 1, rate);
        }
    }
    for rate in [2_000_000, 3_000_000] {
        loss(bench, "null_2_root", &Target::Null, Case::Root, 2, rate);
    }
}

fn loss(bench: &Bench, name: &str, target: &Target, case: Case, threads: u64, rate: u64) {
    let options = [
        case.name(),
        &threads.to_string(),
        &(rate / threads).to_string(),
    ];
    let name = match rate {
        0 => format!("{name}_unpaced"),
        _ => format!("{name}_{}k", rate / 1000),
    };
    let [ours, otel] = bench.measure("loss", ["ours", "otel"], target, &options);
    let [ended, lost, _] = ours;
    let [peers_ended, peers_lost, _] = otel;
    line(&format!("loss_percent_{name}"), lost, "otel", peers_lost);
    let case = format!("ended_per_second_{name}");
    line(&case, ended, "otel", peers_ended);
}

/// Root spans a second of two producers over one, at full speed.
pub(crate) fn compare_scaling(bench: &Bench) {
    let measure = |threads: &str| {
        let options = [Case::Root.name(), threads, "0"];
        bench.measure::<2, 3>("scaling", ["ours", "otel"], &Target::Null, &options)
    };
    let [
        [one, lost_one, others_one],
        [peers_one, peers_lost_one, peers_others_one],
    ] = measure("1");
    let [[two, lost, others], [peers, peers_lost, peers_others]] = measure("2");
    line("ended_per_second_1", one, "otel", peers_one);
    line("ended_per_second_2", two, "otel", peers);
    line("scaling_2_over_1", two / one, "otel", peers / peers_one);
    let delivered = |ended: f64, lost: f64| ended * (1.0 - lost / 100.0);
    let (ours, otel) = (
        delivered(one, lost_one),
        delivered(peers_one, peers_lost_one),
    );
    line("delivered_per_second_1", ours, "otel", otel);
    let (ours, otel) = (delivered(two, lost), delivered(peers, peers_lost));
    line("delivered_per_second_2", ours, "otel", otel);
    // Where there are two cores, this is what the producers do not get.
    line("others_cores_1", others_one, "otel", peers_others_one);
    line("others_cores_2", others, "otel", peers_others);
    line("scaling_loss_percent_1", lost_one, "otel", peers_lost_one);
    line("scaling_loss_percent_2", lost, "otel", peers_lost);
}

/// Ended spans a second, percent lost, and the cores that threads other than the producers took.
pub(crate) fn child(job: &Job) -> Vec<f64> {
    let [case, threads, pace] = job.options.as_slice() else {
        panic!("CASE THREADS PACE")
    };
    let pace: u64 = pace.parse().expect("a number");
    let load = Load {
        case: Case::by_name(case).expect("a case"),
        threads: threads.parse().expect("a number"),
        pace: (pace > 0).then_some(pace),
    };
    let system = system(&job.system, &job.target);
    // Connections, pools and rings are there before.
    system.run(load.case, CHUNK);
    system.flush();
    let before = system.received();
    let cpu = cpu_time(ClockId::ProcessCPUTime);
    let begun = Instant::now();
    let (ended, producers) = produce(&*system, load);
    let seconds = begun.elapsed().as_secs_f64();
    let others = cpu_time(ClockId::ProcessCPUTime) - cpu - producers;
    system.flush();
    let received = settled(&*system) - before;
    let lost = ended.saturating_sub(received) as f64 / ended as f64;
    vec![
        ended as f64 / seconds,
        lost * 100.0,
        others.as_secs_f64() / seconds,
    ]
}

/// Waits until no more spans arrive, and returns how many have. After a flush that timed out, some
/// are still under way.
pub(crate) fn settled(system: &dyn System) -> u64 {
    let mut seen = system.received();
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = system.received();
        if now == seen {
            return now;
        }
        seen = now;
    }
}

/// Ends spans on all threads; returns how many, and the producers' processor time.
fn produce(system: &dyn System, load: Load) -> (u64, Duration) {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..load.threads)
            .map(|_| scope.spawn(|| produce_here(system, load)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a producer"))
            .fold((0, Duration::ZERO), |sum, one| {
                (sum.0 + one.0, sum.1 + one.1)
            })
    })
}

fn produce_here(system: &dyn System, load: Load) -> (u64, Duration) {
    let step = load
        .pace
        .map(|pace| Duration::from_nanos(CHUNK as u64 * 1_000_000_000 / pace));
    let begun = Instant::now();
    let mut due = begun;
    let mut ended = 0;
    loop {
        let mut now = Instant::now();
        if let Some(step) = step {
            while now < due {
                // Between two spans a service leaves the core to others.
                thread::yield_now();
                now = Instant::now();
            }
            due = (due + step).max(now.checked_sub(LATEST).unwrap_or(now));
        }
        if now - begun >= LENGTH {
            return (ended, cpu_time(ClockId::ThreadCPUTime));
        }
        system.run(load.case, CHUNK);
        ended += CHUNK as u64;
    }
}

/// Processor time that the process or the thread has used.
pub(crate) fn cpu_time(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().expect("not negative")
}
