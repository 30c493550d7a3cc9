//! The whole pipeline in random schedules: tracers, threads' locals, rings, registry, worker,
//! flush and shutdown are the real code. In place of an exporter's runtime stands a thread that
//! exports one batch after the other. Run with
//! `RUSTFLAGS="--cfg tracer_shuttle" cargo test -p tracer-core --release --test shuttle`.
//!
//! Each test runs 1000 schedules under PCT of depth 3 (Burckhardt et al., "A randomized scheduler
//! with probabilistic guarantees of finding bugs", 2010) and 1000 uniformly random ones; with
//! `TRACER_FULL=1` 100,000 of each. The seed is printed and taken back from `TRACER_SEED`.
#![cfg(tracer_shuttle)]
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

use opentelemetry::{
    Context, SpanId,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use shuttle::{
    Config, Runner,
    rand::{Rng as _, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread,
};
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportSuccess, FlushError, SpanBatch, SpanExporter,
    Stats, Tracer, TracerProvider,
};

/// Time does not pass in a model.
const LONG: Duration = Duration::from_secs(3600);

fn check(model: fn()) {
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
    // It would warn that every atomic is sequentially consistent here. Loom looks at the orderings.
    config.silence_warnings = true;
    let schedules = Runner::new(scheduler, config).run(model);
    println!("{schedules} schedules in {:.1?}", start.elapsed());
}

/// What an exporter does with each batch.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Take,
    /// Takes a batch, rejects one span of it, or fails, by chance.
    Any,
}

/// Keeps the ids of the spans that it took, so that nothing is taken twice.
#[derive(Clone, Debug)]
struct Keeper {
    mood: Mood,
    taken: Arc<Mutex<HashSet<SpanId>>>,
}

impl Keeper {
    fn new(mood: Mood) -> Self {
        Self {
            mood,
            taken: Arc::default(),
        }
    }

    fn taken(&self) -> u64 {
        self.taken.lock().expect("no poison").len() as u64
    }
}

impl SpanExporter for Keeper {
    fn component_type(&self) -> &'static str {
        "keeper"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        let chance = match self.mood {
            Mood::Take => 0,
            Mood::Any => thread_rng().gen_range(0..3),
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

/// A pipeline in which everything is small, so that rings wrap and queues fill.
fn provider(exporters: &[Keeper], max_ring_bytes: usize) -> TracerProvider {
    let config = BatchConfig::default()
        .max_ring_bytes(max_ring_bytes)
        .max_export_batch_size(2)
        // About four spans.
        .max_queue_bytes(320);
    let builder = TracerProvider::builder()
        .resource(opentelemetry_sdk::Resource::builder_empty().build())
        .batch_config(config);
    let builder = exporters.iter().fold(builder, |builder, exporter| {
        builder.exporter(exporter.clone())
    });
    builder.build().expect("provider")
}

fn end_span(tracer: &Tracer) {
    // The threads of a model share one current context, so it is not asked.
    tracer.start_with_context("s", &Context::new()).end();
}

#[track_caller]
fn check_at_rest(stats: &Stats) {
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

/// Spans of threads that come and go, whose ends came before a flush, are in its result.
#[test]
fn flush_delivers_what_ended_before_it_while_others_go_on() {
    check(|| {
        let keeper = Keeper::new(Mood::Take);
        let provider = provider(&[keeper.clone()], 4096);
        let ended = Arc::new(AtomicU64::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (tracer, ended) = (provider.tracer("t"), Arc::clone(&ended));
                thread::spawn(move || {
                    for _ in 0..3 {
                        end_span(&tracer);
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let (other, other_keeper, other_ended) =
            (provider.clone(), keeper.clone(), Arc::clone(&ended));
        let flush = move || {
            let before = other_ended.load(Ordering::SeqCst);
            assert_eq!(other.force_flush(LONG), Ok(()));
            let taken = other_keeper.taken();
            assert!(taken >= before, "{taken} of {before}");
        };
        let flushing = thread::spawn(flush.clone());
        flush();
        flush();
        for thread in threads.into_iter().chain([flushing]) {
            thread.join().expect("thread");
        }
        assert!(provider.shutdown(LONG).is_ok());
        let stats = provider.stats();
        check_at_rest(&stats);
        assert_eq!((stats.ended, keeper.taken()), (9, 9), "{stats:?}");
    });
}

/// Whatever rings, queues and exporters do, every span is counted once.
#[test]
fn ledger_is_exact_after_full_rings_and_failing_exporters() {
    check(|| {
        let keepers = [Keeper::new(Mood::Take), Keeper::new(Mood::Any)];
        let provider = provider(&keepers, 256);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (tracer, watched) = (provider.tracer("t"), provider.clone());
                thread::spawn(move || {
                    for _ in 0..6 {
                        end_span(&tracer);
                    }
                    let stats = watched.stats();
                    assert!(stats.ended <= stats.started, "{stats:?}");
                })
            })
            .collect();
        let flushed = provider.force_flush(LONG);
        assert!(
            matches!(flushed, Ok(()) | Err(FlushError::NotDelivered { .. })),
            "{flushed:?}"
        );
        for thread in threads {
            thread.join().expect("thread");
        }
        // Its result says what was lost meanwhile, which the ledger says as well.
        let _ = provider.shutdown(LONG);
        let stats = provider.stats();
        check_at_rest(&stats);
        assert_eq!(stats.ended, 12);
        for (keeper, exporter) in keepers.iter().zip(&stats.exporters) {
            assert_eq!(exporter.exported, keeper.taken(), "{stats:?}");
        }
    });
}

/// One of several shutdowns does it; spans that end meanwhile, on threads with and without a ring,
/// are sent or counted as late.
#[test]
fn shutdown_during_load_counts_every_span() {
    check(|| {
        let keeper = Keeper::new(Mood::Take);
        let provider = provider(&[keeper.clone()], 4096);
        let tracer = provider.tracer("t");
        end_span(&tracer);
        let live = tracer.start_with_context("live", &Context::new());
        let ending = thread::spawn({
            let tracer = tracer.clone();
            move || {
                for _ in 0..4 {
                    end_span(&tracer);
                }
            }
        });
        let moved = thread::spawn(move || drop(live));
        let shutting = thread::spawn({
            let provider = provider.clone();
            move || {
                let flushed = provider.force_flush(LONG);
                assert!(
                    matches!(
                        flushed,
                        Ok(()) | Err(FlushError::AlreadyShutdown | FlushError::Deadline)
                    ),
                    "{flushed:?}"
                );
                provider.shutdown(LONG).is_ok()
            }
        });
        let here = provider.shutdown(LONG).is_ok();
        let there = shutting.join().expect("thread");
        assert!(here != there, "one shutdown: {here} {there}");
        ending.join().expect("thread");
        moved.join().expect("thread");
        let stats = provider.stats();
        check_at_rest(&stats);
        let late = stats.dropped.already_shutdown;
        assert_eq!(stats.dropped.total(), late, "{stats:?}");
        assert_eq!(keeper.taken() + late, stats.ended, "{stats:?}");
        assert!(keeper.taken() >= 1, "the first span ended before");
    });
}

/// The last clone to go shuts down, on whichever thread, with spans still live.
#[test]
fn last_clone_shuts_down_under_live_spans() {
    check(|| {
        let keeper = Keeper::new(Mood::Take);
        let provider = provider(&[keeper.clone()], 4096);
        let tracer = provider.tracer("t");
        let live = tracer.start_with_context("live", &Context::new());
        let dropping: Vec<_> = (0..2)
            .map(|_| {
                let (provider, tracer) = (provider.clone(), tracer.clone());
                thread::spawn(move || {
                    end_span(&tracer);
                    drop(provider);
                })
            })
            .collect();
        drop(provider);
        for thread in dropping {
            thread.join().expect("thread");
        }
        assert_eq!(keeper.taken(), 2);
        drop(live);
        assert_eq!(keeper.taken(), 2);
    });
}
