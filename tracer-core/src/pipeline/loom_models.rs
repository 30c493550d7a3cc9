//! Exhaustive models of what the callers, the worker and the callers of flush and shutdown do to
//! each other. All of it is the real code; only the lanes are left out.

use std::{sync::Arc, time::Duration};

use loom::thread;
use opentelemetry::{Context, trace::Tracer as _};
use opentelemetry_sdk::Resource;

use super::{bell::Bell, config::BatchConfig, worker::Worker};
use crate::{
    provider::{Shared, TracerProvider},
    ring::counters::Counters,
    stats::Stats,
    sync::{AtomicBool, Ordering, model::explore},
    tracer::Tracer,
};

const LONG: Duration = Duration::from_secs(3600);

/// The bytes of one segment in the models, which holds one span.
const ONE_SPAN: usize = 128;

/// A pipeline without exporters that sends each span by itself, and its worker.
fn pipeline(max_ring_bytes: usize) -> (Arc<Shared>, Worker) {
    let config = BatchConfig::default()
        .max_export_batch_size(1)
        .max_ring_bytes(max_ring_bytes);
    let builder = TracerProvider::builder()
        .resource(Resource::builder_empty().build())
        .batch_config(config);
    builder.idle().expect("pipeline")
}

/// The same with the worker on a thread of its own. Loom waits for it at the end of the model.
fn running_pipeline(max_ring_bytes: usize) -> Arc<Shared> {
    let (shared, worker) = pipeline(max_ring_bytes);
    thread::spawn(|| worker.run());
    shared
}

fn end_span(shared: &Arc<Shared>) {
    let tracer = Tracer::new(Arc::clone(shared), 0);
    drop(tracer.start_with_context("s", &Context::new()));
}

/// What was done before the bell rang is seen after the pause, however often and early it rings.
#[test]
fn bell_loses_no_ring() {
    explore(None, || {
        let bell = Arc::new(Bell::default());
        let done = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let (other_bell, other_done) = (Arc::clone(&bell), Arc::clone(&done));
        let sleeping = thread::spawn(move || {
            // Relaxed: the bell is to order it.
            while !other_done.iter().all(|done| done.load(Ordering::Relaxed)) {
                other_bell.pause(LONG);
            }
        });
        for done in done.iter() {
            done.store(true, Ordering::Relaxed);
            bell.ring();
        }
        sleeping.join().expect("sleeper");
    });
}

/// A ring that grows wakes the worker, which then drains the ring. If the ring does not grow, the
/// worker took the first span before the second one ended.
#[test]
fn ring_that_grows_is_drained_without_a_timer() {
    explore(Some(2), || {
        let shared = running_pipeline(2 * ONE_SPAN);
        end_span(&shared);
        end_span(&shared);
        while shared.stats().drained < 1 {
            thread::yield_now();
        }
        assert!(shared.shutdown(LONG).is_ok());
        assert_eq!(at_rest(&shared).drained, 2);
    });
}

/// A ring that cannot grow and drops a span wakes the worker too.
#[test]
fn ring_that_is_full_is_drained_without_a_timer() {
    explore(Some(2), || {
        let shared = running_pipeline(ONE_SPAN);
        end_span(&shared);
        end_span(&shared);
        while shared.stats().drained < 1 {
            thread::yield_now();
        }
        // The result depends on whether the second span was lost.
        let _ = shared.shutdown(LONG);
        let stats = at_rest(&shared);
        assert_eq!(stats.drained + stats.dropped.queue_full, 2);
    });
}

/// A span whose end came before a flush is in its result, while another thread ends one too; and
/// so is that one when the other thread has told of it.
#[test]
fn flush_answers_for_every_span_that_ended_before_it() {
    explore(Some(2), || {
        let shared = running_pipeline(2 * ONE_SPAN);
        let told = Arc::new(AtomicBool::new(false));
        let (there, telling) = (Arc::clone(&shared), Arc::clone(&told));
        let ending = thread::spawn(move || {
            end_span(&there);
            // Release: pairs with the Acquire load below, as whatever one thread tells another by.
            telling.store(true, Ordering::Release);
        });
        end_span(&shared);
        let before = 1 + u64::from(told.load(Ordering::Acquire));
        assert_eq!(shared.flush(LONG), Ok(()));
        let drained = shared.engine().counts.drained.load(Ordering::Acquire);
        assert!(drained >= before, "{drained} of {before}");
        assert!(shared.shutdown(LONG).is_ok());
        ending.join().expect("other thread");
    });
}

/// Of two shutdowns one does it and the other says so; a span that ends meanwhile is sent or
/// counted, and one that ended before is sent.
#[test]
fn one_shutdown_happens_and_every_span_is_counted() {
    explore(Some(2), || {
        let shared = running_pipeline(2 * ONE_SPAN);
        let there = Arc::clone(&shared);
        let ending = thread::spawn(move || {
            end_span(&there);
            there.shutdown(LONG).is_ok()
        });
        end_span(&shared);
        let first_here = shared.shutdown(LONG).is_ok();
        let first_there = ending.join().expect("other thread");
        assert!(first_here != first_there, "{first_here} {first_there}");
        assert!(at_rest(&shared).drained >= 1);
    });
}

/// The last clone of a provider shuts it down, whichever thread drops it, and not before.
#[test]
fn last_clone_to_go_shuts_down() {
    explore(Some(2), || {
        let shared = running_pipeline(2 * ONE_SPAN);
        let provider = TracerProvider::new(Arc::clone(&shared));
        let (there, clone) = (Arc::clone(&shared), provider.clone());
        let dropping = thread::spawn(move || {
            end_span(&there);
            drop(clone);
        });
        drop(provider);
        dropping.join().expect("other thread");
        assert_eq!(at_rest(&shared).drained, 1);
    });
}

/// No snapshot shows more spans at a stage than at the stages before it.
#[test]
fn snapshot_under_load_exceeds_nothing() {
    explore(None, || {
        let (shared, mut worker) = pipeline(ONE_SPAN);
        let watched = Arc::clone(&shared);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert!(stats.ended <= stats.started, "{stats:?}");
            // `waiting` is what the others leave, so this fails where they exceed the ended.
            assert!(stats.balances(), "{stats:?}");
        });
        end_span(&shared);
        end_span(&shared);
        worker.round();
        watching.join().expect("watcher");
        let stats = at_rest(&shared);
        assert_eq!((stats.drained, stats.dropped.queue_full), (1, 1));
    });
}

/// The same while the worker takes spans from a ring that it knows already.
#[test]
fn snapshot_shows_no_span_taken_that_has_not_ended() {
    explore(Some(3), || {
        let (shared, mut worker) = pipeline(ONE_SPAN);
        end_span(&shared);
        worker.round();
        let working = thread::spawn(move || {
            worker.round();
            worker
        });
        let watched = Arc::clone(&shared);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert!(stats.balances(), "{stats:?}");
        });
        end_span(&shared);
        watching.join().expect("watcher");
        let mut worker = working.join().expect("worker");
        worker.round();
        assert_eq!(at_rest(&shared).drained, 2);
    });
}

/// A span that a shutdown sends is at no moment counted as too late for it.
#[test]
fn snapshot_during_shutdown_takes_no_sent_span_for_late() {
    explore(Some(2), || {
        let shared = running_pipeline(2 * ONE_SPAN);
        let watched = Arc::clone(&shared);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert_eq!(stats.dropped.total(), 0, "{stats:?}");
            assert!(stats.balances(), "{stats:?}");
        });
        end_span(&shared);
        assert!(shared.shutdown(LONG).is_ok());
        watching.join().expect("watcher");
        assert_eq!(at_rest(&shared).drained, 1);
    });
}

/// The ring of each thread that comes and goes is drained once and given back once, with its
/// counts.
#[test]
fn rings_of_threads_that_are_gone_are_drained_and_given_back() {
    explore(Some(3), || {
        let (shared, mut worker) = pipeline(2 * ONE_SPAN);
        let threads = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || end_span(&shared))
        });
        worker.round();
        worker.round();
        for thread in threads {
            thread.join().expect("a thread");
        }
        // Loom drops a thread's locals, which give its ring back, only after the join.
        while shared.engine().registry.len() > 0 {
            thread::yield_now();
            shared.engine().registry.trim();
            worker.round();
        }
        let stats = at_rest(&shared);
        assert_eq!((stats.ended, stats.drained), (2, 2));
    });
}

/// If a thread ends just after the worker has looked at its ring, its last span is drained before
/// the ring is dropped.
#[test]
fn ring_that_is_abandoned_while_it_is_drained_loses_nothing() {
    explore(None, || {
        let (shared, mut worker) = pipeline(ONE_SPAN);
        let mut producer = shared.engine().registry.producer().expect("a ring");
        worker.round();
        let working = thread::spawn(move || {
            worker.round();
            worker
        });
        let counters = producer.counters();
        Counters::bump(&counters.started);
        Counters::bump(&counters.ended);
        let record = [u64::from(8_u32)];
        assert!(producer.push_words(record, &[]).is_ok());
        drop(producer);
        let mut worker = working.join().expect("worker");
        worker.round();
        assert_eq!(at_rest(&shared).drained, 1);
        assert_eq!(shared.engine().registry.len(), 0);
    });
}

/// The ledger when nothing moves any more.
#[track_caller]
fn at_rest(shared: &Shared) -> Stats {
    let stats = shared.stats();
    assert_eq!(
        (stats.started, stats.waiting),
        (stats.ended, 0),
        "{stats:?}"
    );
    assert!(stats.balances(), "{stats:?}");
    stats
}
