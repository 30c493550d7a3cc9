//! What a live view costs the caller, against the same provider without one:
//! `cargo bench -p tracer-benches --bench live`. One line a case: nanoseconds of a thread for each
//! root span, the median of 301 rounds that alternate.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot go on is to stop"
)]

use std::{
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{TracerProvider, live::LiveView};

const ROUNDS: usize = 301;
/// Few, so that a busy machine seldom sets a thread aside within a round.
const SPANS: u32 = 2_000;

/// A name for each thread, or one for all.
#[derive(Clone, Copy)]
enum Names {
    Own,
    Shared,
}

fn main() {
    println!("case off_ns on_ns added_ns");
    for attributes in [0, 5] {
        for threads in [1, 2] {
            for (names, word) in [(Names::Own, "own_name"), (Names::Shared, "shared_name")] {
                if threads == 1 && word == "shared_name" {
                    continue;
                }
                let (off, on) = compare(threads, attributes, names);
                println!(
                    "attributes_{attributes}_threads_{threads}_{word} {off:.0} {on:.0} {:.0}",
                    on - off
                );
            }
        }
    }
}

fn compare(threads: usize, attributes: i64, names: Names) -> (f64, f64) {
    let build = |live: Option<&LiveView>| {
        let builder = TracerProvider::builder();
        let builder = live.into_iter().fold(builder, |b, live| b.live_view(live));
        builder.build().expect("provider")
    };
    let (off, on) = (build(None), build(Some(&LiveView::default())));
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(&off, threads, attributes, names));
        with.push(round(&on, threads, attributes, names));
    }
    (median(without), median(with))
}

/// The time of one thread for one span, in nanoseconds.
fn round(provider: &TracerProvider, threads: usize, attributes: i64, names: Names) -> f64 {
    let work = |thread: usize| {
        let tracer = provider.tracer("bench");
        let name = match names {
            Names::Own if thread == 1 => "b",
            _ => "a",
        };
        tracer.start(name).end();
        let before = Instant::now();
        for _ in 0..SPANS {
            let mut span = tracer.start(name);
            for key in ["k1", "k2", "k3", "k4", "k5"]
                .into_iter()
                .take(attributes.unsigned_abs() as usize)
            {
                span.set_attribute(KeyValue::new(key, 8080));
            }
        }
        before.elapsed()
    };
    let took: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|at| scope.spawn(move || work(at)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|took| took.expect("thread")).collect()
    });
    let mean = took.iter().sum::<Duration>().as_secs_f64() / threads as f64;
    mean * 1e9 / f64::from(SPANS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
