//! Exhaustive models of the pipeline: threads that end spans, the worker, and the callers of flush
//! and shutdown. All of it is the real code, except that there are no exporters.

use std::{sync::Arc, time::Duration};

use loom::thread;

use super::{
    config::BatchConfig,
    ring_registry::{Consumer, RingRegistry},
    span_counters::SpanCounters,
    test_host::{TestHost, TestThread},
    wakeup::Wakeup,
    worker::Worker,
};
use crate::{
    ring::segment::SegmentPool,
    stats::Stats,
    sync::{AtomicBool, Ordering, model::explore},
};

const LONG: Duration = Duration::from_secs(3600);

/// The bytes of one segment in the models, which holds one span.
const ONE_SPAN: usize = 128;

/// Creates a pipeline without exporters, which puts each span into a batch of its own, and its
/// worker.
fn pipeline(max_ring_bytes: usize) -> (Arc<TestHost>, Worker) {
    let config = BatchConfig::default()
        .max_export_batch_size(1)
        .max_ring_bytes(max_ring_bytes);
    TestHost::start(config, Vec::new())
}

/// Creates the same pipeline with its worker on a thread. Loom waits for that thread at the end of
/// the model.
fn running_pipeline(max_ring_bytes: usize) -> Arc<TestHost> {
    let (host, worker) = pipeline(max_ring_bytes);
    thread::spawn(|| worker.run());
    host
}

/// Ends spans on the calling thread, which then leaves its ring to others.
fn end_spans(host: &Arc<TestHost>, spans: usize) {
    let mut thread = TestThread::new(host);
    for _ in 0..spans {
        thread.end_span();
    }
}

/// After a pause, the worker sees what a thread did before it called `wake`, however early that
/// was.
#[test]
fn no_wakeup_is_lost() {
    explore(None, || {
        let wakeup = Arc::new(Wakeup::default());
        let done = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let (worker_wakeup, worker_done) = (Arc::clone(&wakeup), Arc::clone(&done));
        let sleeping = thread::spawn(move || {
            // Relaxed: the wakeup must order it.
            while !worker_done.iter().all(|done| done.load(Ordering::Relaxed)) {
                worker_wakeup.pause(LONG);
            }
        });
        for done in done.iter() {
            done.store(true, Ordering::Relaxed);
            wakeup.wake();
        }
        sleeping.join().expect("sleeper");
    });
}

/// A ring that grows wakes the worker, which then drains the ring. If the ring does not grow, the
/// worker took the first span before the second one ended.
#[test]
fn ring_that_grows_is_drained_without_a_timer() {
    explore(Some(2), || {
        let host = running_pipeline(2 * ONE_SPAN);
        end_spans(&host, 2);
        while host.stats().queued < 1 {
            thread::yield_now();
        }
        assert_eq!(host.shutdown(LONG), Some(Ok(())));
        assert_eq!(at_rest(&host).queued, 2);
    });
}

/// A ring that cannot grow and drops a span wakes the worker too.
#[test]
fn ring_that_is_full_is_drained_without_a_timer() {
    explore(Some(2), || {
        let host = running_pipeline(ONE_SPAN);
        end_spans(&host, 2);
        while host.stats().queued < 1 {
            thread::yield_now();
        }
        // The result depends on whether the second span was lost.
        let _ = host.shutdown(LONG);
        let stats = at_rest(&host);
        assert_eq!(stats.queued + stats.dropped.queue_full, 2);
    });
}

/// A flush takes every span that ended before it, on its caller's thread or, if the caller knows of
/// the end, on another thread.
#[test]
fn flush_takes_every_span_that_ended_before_it() {
    explore(Some(2), || {
        let host = running_pipeline(2 * ONE_SPAN);
        let ended_there = Arc::new(AtomicBool::new(false));
        let (there, flag) = (Arc::clone(&host), Arc::clone(&ended_there));
        let ending = thread::spawn(move || {
            end_spans(&there, 1);
            // Release: pairs with the Acquire load below, by which the caller knows of the end.
            flag.store(true, Ordering::Release);
        });
        end_spans(&host, 1);
        let before = 1 + u64::from(ended_there.load(Ordering::Acquire));
        assert_eq!(host.flush(LONG), Ok(()));
        // A whole snapshot would make many more interleavings.
        let queued = host.state().counts.queued.load(Ordering::Acquire);
        assert!(queued >= before, "{queued} of {before}");
        assert_eq!(host.shutdown(LONG), Some(Ok(())));
        ending.join().expect("other thread");
    });
}

/// Of two shutdowns, one succeeds and the other one does nothing. A span that ended before is
/// queued for the exporters. A span that ends meanwhile is queued or counted as too late.
#[test]
fn one_shutdown_succeeds_and_every_span_is_counted() {
    explore(Some(2), || {
        let host = running_pipeline(2 * ONE_SPAN);
        let there = Arc::clone(&host);
        let ending = thread::spawn(move || {
            end_spans(&there, 1);
            there.shutdown(LONG)
        });
        end_spans(&host, 1);
        let results = (host.shutdown(LONG), ending.join().expect("other thread"));
        assert!(
            matches!(results, (Some(Ok(())), None) | (None, Some(Ok(())))),
            "{results:?}"
        );
        assert!(at_rest(&host).queued >= 1);
    });
}

/// No snapshot counts more spans at a stage than at an earlier one.
#[test]
fn snapshot_counts_no_span_at_a_stage_before_the_earlier_ones() {
    explore(None, || {
        let (host, mut worker) = pipeline(ONE_SPAN);
        let watched = Arc::clone(&host);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert!(stats.ended <= stats.started, "{stats:?}");
            // `waiting` is the rest, so this fails if the other outcomes exceed the ended spans.
            assert!(stats.balances(), "{stats:?}");
        });
        end_spans(&host, 2);
        worker.round();
        watching.join().expect("watcher");
        let stats = at_rest(&host);
        assert_eq!((stats.queued, stats.dropped.queue_full), (1, 1));
    });
}

/// The same holds while the worker takes spans out of a ring that it knows already.
#[test]
fn snapshot_counts_no_queued_span_that_has_not_ended() {
    explore(Some(3), || {
        let (host, mut worker) = pipeline(ONE_SPAN);
        end_spans(&host, 1);
        worker.round();
        let working = thread::spawn(move || {
            worker.round();
            worker
        });
        let watched = Arc::clone(&host);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert!(stats.balances(), "{stats:?}");
        });
        end_spans(&host, 1);
        watching.join().expect("watcher");
        let mut worker = working.join().expect("worker");
        worker.round();
        assert_eq!(at_rest(&host).queued, 2);
    });
}

/// A span that a shutdown queues for the exporters is never counted as too late for it.
#[test]
fn snapshot_during_shutdown_counts_no_queued_span_as_late() {
    explore(Some(2), || {
        let host = running_pipeline(2 * ONE_SPAN);
        let watched = Arc::clone(&host);
        let watching = thread::spawn(move || {
            let stats = watched.stats();
            assert_eq!(stats.dropped.total(), 0, "{stats:?}");
            assert!(stats.balances(), "{stats:?}");
        });
        end_spans(&host, 1);
        assert_eq!(host.shutdown(LONG), Some(Ok(())));
        watching.join().expect("watcher");
        assert_eq!(at_rest(&host).queued, 1);
    });
}

/// The rings of threads that come and go are drained, and then retired with their counts.
#[test]
fn rings_of_ended_threads_are_drained_and_retired() {
    explore(Some(3), || {
        let (host, mut worker) = pipeline(2 * ONE_SPAN);
        let threads = [(); 2].map(|()| {
            let host = Arc::clone(&host);
            thread::spawn(move || end_spans(&host, 1))
        });
        worker.round();
        worker.round();
        for thread in threads {
            thread.join().expect("a thread");
        }
        // The second `trim` drops the rings that no thread has needed since the first one.
        host.state().registry.trim();
        host.state().registry.trim();
        worker.round();
        assert_eq!(host.state().registry.len(), 0);
        let stats = at_rest(&host);
        assert_eq!((stats.ended, stats.queued), (2, 2));
    });
}

/// If a ring is abandoned just after the worker has looked at it, its last span is drained before
/// the ring is retired.
#[test]
fn ring_that_is_abandoned_while_it_is_drained_loses_nothing() {
    explore(None, || {
        let (host, mut worker) = pipeline(ONE_SPAN);
        let mut producer = host.state().registry.producer().expect("a ring");
        worker.round();
        let working = thread::spawn(move || {
            worker.round();
            worker
        });
        let counters = producer.shared();
        SpanCounters::add_one(&counters.started);
        SpanCounters::add_one(&counters.ended);
        let record = [u64::from(8_u32)];
        assert!(producer.push_words(record, &[]).is_ok());
        drop(producer);
        let mut worker = working.join().expect("worker");
        worker.round();
        assert_eq!(at_rest(&host).queued, 1);
        assert_eq!(host.state().registry.len(), 0);
    });
}

/// Two threads use one ring one after the other, or a ring each. The records of both come out, and
/// their counts add up.
#[test]
fn ring_is_handed_on_with_its_records_and_counts() {
    explore(Some(3), || {
        let segments = SegmentPool::with_sizes(4 * 16, 16, 16);
        let registry = Arc::new(RingRegistry::new(segments));
        let threads = [1, 2].map(|value| {
            let registry = Arc::clone(&registry);
            thread::spawn(move || {
                let mut producer = registry.producer().expect("a ring");
                SpanCounters::add_one(&producer.shared().ended);
                // A record of two words: its length, then a value.
                assert!(producer.push_words([16, value], &[]).is_ok());
                registry.give_back(producer);
            })
        });
        let mut consumers = Vec::new();
        let mut seen = Vec::new();
        let mut round = || {
            registry.take_new(&mut consumers);
            for consumer in &mut consumers {
                let until = consumer.available();
                let mut record = Vec::new();
                while consumer.pop(until, &mut record) {
                    seen.push(record[8]);
                    record.clear();
                }
                consumer.release();
            }
        };
        round();
        for thread in threads {
            thread.join().expect("a thread");
        }
        round();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
        assert!(registry.len() <= 2);
        assert_eq!(registry.totals().ended, 2);
        // No ring is needed now, so the producers are dropped and the rings retired.
        registry.trim();
        registry.trim();
        assert!(consumers.iter().all(Consumer::is_abandoned));
        registry.retire(consumers);
        assert_eq!((registry.len(), registry.totals().ended), (0, 2));
    });
}

/// Returns the ledger of a pipeline at rest, in which every span has its outcome.
#[track_caller]
fn at_rest(host: &TestHost) -> Stats {
    let stats = host.stats();
    assert_eq!(
        (stats.started, stats.waiting),
        (stats.ended, 0),
        "{stats:?}"
    );
    assert!(stats.balances(), "{stats:?}");
    stats
}
