//! The pipeline in random schedules: rings, registry, worker, flush and shutdown are the real code.
//! A thread that exports one batch after the other takes the place of an exporter's runtime.
//! Run with
//! `RUSTFLAGS="--cfg tracer_shuttle" cargo test -p tracer-core --release --lib shuttle_models`.
//!
//! Each test runs 1000 schedules under PCT of depth 3 (Burckhardt et al., "A randomized scheduler
//! with probabilistic guarantees of finding bugs", 2010) and 1000 uniformly random ones; with
//! `TRACER_FULL=1` 100,000 of each. The seed is printed and taken back from `TRACER_SEED`.

#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    collections::HashSet,
    env,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::SpanId;
use shuttle::{
    Config, Runner,
    rand::{Rng as _, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread,
};

use super::{
    BatchConfig,
    lifecycle::start_worker,
    test_host::{TestHost, TestThread},
};
use crate::{
    error::FlushError,
    exporter::{ExportError, ExportFuture, ExportSuccess, SpanExporter},
    record::SpanBatch,
    stats::Stats,
};

/// Time does not pass in a model.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Runs a model in many schedules.
pub(crate) fn explore(model: fn()) {
    let seed = match env::var("TRACER_SEED") {
        Ok(seed) => seed.parse().expect("TRACER_SEED is a number"),
        Err(_) => RandomState::new().hash_one("shuttle"),
    };
    let schedules = if env::var_os("TRACER_FULL").is_some() {
        100_000
    } else {
        1_000
    };
    println!("TRACER_SEED={seed}");
    run(PctScheduler::new_from_seed(seed, 3, schedules), model);
    run(RandomScheduler::new_from_seed(seed, schedules), model);
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) {
    let start = Instant::now();
    let mut config = Config::default();
    // Shuttle would warn that it treats every atomic as sequentially consistent. Loom checks the
    // orderings.
    config.silence_warnings = true;
    let schedules = Runner::new(scheduler, config).run(model);
    println!("{schedules} schedules in {:.1?}", start.elapsed());
}

/// How an exporter answers batches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answers {
    Takes,
    /// Takes a batch, rejects one span of it, or fails, by chance.
    Varies,
}

/// An exporter that keeps the ids of the spans that it took, so that none is taken twice.
#[derive(Clone, Debug)]
pub(crate) struct IdExporter {
    answers: Answers,
    taken: Arc<Mutex<HashSet<SpanId>>>,
}

impl IdExporter {
    pub(crate) fn new(answers: Answers) -> Self {
        Self {
            answers,
            taken: Arc::default(),
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.lock().expect("no poison").len() as u64
    }
}

impl SpanExporter for IdExporter {
    fn component_type(&self) -> &'static str {
        "ids"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        let chance = match self.answers {
            Answers::Takes => 0,
            Answers::Varies => thread_rng().gen_range(0..3),
        };
        if chance == 2 {
            return Box::pin(async { Err(ExportError::Encode) });
        }
        let rejected = u64::from(chance == 1);
        let mut taken = self.taken.lock().expect("no poison");
        for span in batch.spans().skip(rejected as usize) {
            assert!(taken.insert(span.span_id()), "a span twice");
        }
        Box::pin(async move { Ok(ExportSuccess::with_rejected(rejected)) })
    }
}

/// A configuration in which everything is small, so that rings wrap and queues fill.
pub(crate) fn small(max_ring_bytes: usize) -> BatchConfig {
    BatchConfig::default()
        .max_ring_bytes(max_ring_bytes)
        .max_export_batch_size(2)
        // About four spans.
        .max_queue_bytes(320)
}

fn pipeline(exporters: &[IdExporter], max_ring_bytes: usize) -> Arc<TestHost> {
    let exporters = exporters.iter().cloned();
    let exporters = exporters.map(|exporter| Arc::new(exporter) as Arc<dyn SpanExporter>);
    let (host, worker) = TestHost::start(small(max_ring_bytes), exporters.collect());
    start_worker(worker).expect("a thread");
    host
}

#[track_caller]
pub(crate) fn check_at_rest(stats: &Stats) {
    assert!(stats.balances(), "{stats:?}");
    assert_eq!(
        (stats.started, stats.waiting),
        (stats.ended, 0),
        "{stats:?}"
    );
    for exporter in &stats.exporters {
        assert_eq!(exporter.waiting, 0, "{stats:?}");
    }
}

/// Spans of threads that come and go are in the result of every flush that began after their ends.
#[test]
fn flush_delivers_what_ended_before_it_while_others_go_on() {
    explore(|| {
        let exporter = IdExporter::new(Answers::Takes);
        let host = pipeline(&[exporter.clone()], 4096);
        let ended = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (host, ended) = (Arc::clone(&host), Arc::clone(&ended));
                thread::spawn(move || {
                    let mut thread = TestThread::new(&host);
                    for _ in 0..3 {
                        thread.end_span();
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let (other, other_exporter, other_ended) =
            (Arc::clone(&host), exporter.clone(), Arc::clone(&ended));
        let flush = move || {
            let before = other_ended.load(Ordering::SeqCst);
            assert_eq!(other.flush(LONG), Ok(()));
            let taken = other_exporter.taken();
            assert!(taken >= before, "{taken} of {before}");
        };
        let flushing = thread::spawn(flush.clone());
        flush();
        flush();
        for thread in threads.into_iter().chain([flushing]) {
            thread.join().expect("thread");
        }
        assert_eq!(host.shutdown(LONG), Some(Ok(())));
        let stats = host.stats();
        check_at_rest(&stats);
        assert_eq!((stats.ended, exporter.taken()), (9, 9), "{stats:?}");
    });
}

/// Every span is counted once, even if rings are full and exporters fail.
#[test]
fn ledger_is_exact_after_full_rings_and_failing_exporters() {
    explore(|| {
        let exporters = [
            IdExporter::new(Answers::Takes),
            IdExporter::new(Answers::Varies),
        ];
        let host = pipeline(&exporters, 256);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let host = Arc::clone(&host);
                thread::spawn(move || {
                    let mut thread = TestThread::new(&host);
                    for _ in 0..6 {
                        thread.end_span();
                    }
                    let stats = host.stats();
                    assert!(stats.ended <= stats.started, "{stats:?}");
                })
            })
            .collect();
        let flushed = host.flush(LONG);
        assert!(
            matches!(flushed, Ok(()) | Err(FlushError::NotDelivered { .. })),
            "{flushed:?}"
        );
        for thread in threads {
            thread.join().expect("thread");
        }
        // Its result reports the losses, which the ledger has as well.
        let _ = host.shutdown(LONG);
        let stats = host.stats();
        check_at_rest(&stats);
        assert_eq!(stats.ended, 12);
        for (exporter, counted) in exporters.iter().zip(&stats.exporters) {
            assert_eq!(counted.exported, exporter.taken(), "{stats:?}");
        }
    });
}
