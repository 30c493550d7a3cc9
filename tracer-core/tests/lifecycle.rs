//! Nothing is lost in silence: each test ends with a ledger that balances.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod support;

use std::{
    cell::RefCell,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use support::{Recorder, TIMEOUT, balanced, configured, eventually, provider};
use tracer_core::{BatchConfig, ConfigError, FlushError, ShutdownError, Span, TracerProvider};

#[test]
fn ten_thousand_short_threads_lose_nothing_and_their_rings_are_freed() {
    let recorder = Recorder::default();
    let provider = configured(&recorder, BatchConfig::default().ring_bytes(4096));
    let tracer = provider.tracer("t");
    for _ in 0..10_000 / 50 {
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        tracer.start("short");
                    }
                });
            }
        });
        // Keeps within the drain rate, as the promise demands.
        provider.force_flush(TIMEOUT).expect("flush");
    }
    let stats = balanced(&provider);
    assert_eq!(stats.ended, 30_000);
    assert_eq!(stats.exporters[0].exported, 30_000);
    assert_eq!(recorder.distinct(), 30_000);
    eventually("giving back the rings", || provider.stats().rings == 0);
    assert_eq!(
        balanced(&provider).ended,
        30_000,
        "counts outlive the rings"
    );
}

#[test]
fn flush_delivers_everything_that_ended_before_it_while_others_go_on() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                tracer.start("noise");
                thread::sleep(Duration::from_micros(50));
            }
        });
        for round in 0..50 {
            tracer.start("mine");
            provider.force_flush(TIMEOUT).expect("flush");
            let mine = recorder
                .spans()
                .iter()
                .filter(|span| span.name == "mine")
                .count();
            assert_eq!(mine, round + 1);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(recorder.was_flushed());
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].exported, stats.ended);
}

#[test]
fn shutdown_under_load_exports_all_before_it_and_counts_all_after_it() {
    for _ in 0..50 {
        let recorder = Recorder::default();
        let provider = configured(&recorder, BatchConfig::default().max_queue_size(100_000));
        let tracer = provider.tracer("t");
        let barrier = Barrier::new(5);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..500 {
                        tracer.start("x");
                    }
                });
            }
            barrier.wait();
            thread::yield_now();
            provider.shutdown(TIMEOUT).expect("shutdown");
        });
        let stats = balanced(&provider);
        assert_eq!(stats.exporters[0].exported, recorder.distinct());
        assert_eq!(
            stats.ended,
            stats.exporters[0].exported + stats.dropped.already_shutdown
        );
        assert!(recorder.was_closed());
    }
}

#[test]
fn span_that_lives_through_the_shutdown_is_counted() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let late = provider.tracer("t").start("late");
    provider.shutdown(TIMEOUT).expect("shutdown");
    drop(late);
    let stats = balanced(&provider);
    assert_eq!((stats.ended, stats.dropped.already_shutdown), (1, 1));
    assert!(
        !provider
            .tracer("t")
            .start("never")
            .span_context()
            .is_valid()
    );
}

#[test]
fn second_shutdown_and_later_flush_say_so_at_once() {
    let provider = provider(&Recorder::default());
    let clone = provider.clone();
    clone.shutdown(TIMEOUT).expect("first");
    let before = Instant::now();
    assert_eq!(
        provider.shutdown(TIMEOUT),
        Err(ShutdownError::AlreadyShutdown)
    );
    assert_eq!(
        provider.force_flush(TIMEOUT),
        Err(FlushError::AlreadyShutdown)
    );
    assert!(
        before.elapsed() < TIMEOUT / 2,
        "did not wait for the timeout"
    );
}

#[test]
fn dropping_the_last_clone_exports_what_is_left() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    tracer.start("left");
    drop(provider.clone());
    assert!(!recorder.was_closed());
    drop(provider);
    assert_eq!(recorder.distinct(), 1);
    assert!(recorder.was_closed());
}

#[test]
fn batches_go_out_by_size_and_by_delay() {
    let recorder = Recorder::default();
    let config = BatchConfig::default()
        .max_export_batch_size(10)
        .scheduled_delay(Duration::from_millis(100));
    let provider = configured(&recorder, config);
    let tracer = provider.tracer("t");
    for _ in 0..25 {
        tracer.start("x");
    }
    eventually("the batch that is not full", || recorder.distinct() == 25);
    let mut batches = recorder.batches();
    batches.sort_unstable();
    assert_eq!(batches, [5, 10, 10]);
}

/// The thread's own ring may be gone by then, in whichever order the locals are destroyed.
#[test]
fn span_that_ends_while_the_threads_locals_are_destroyed_is_delivered() {
    thread_local! {
        static KEPT: RefCell<Option<Span>> = const { RefCell::new(None) };
    }
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    for ring_first in [true, false] {
        let tracer = provider.tracer("t");
        let started = tracer.start("ended in a destructor");
        thread::spawn(move || {
            if ring_first {
                tracer.start("registers the ring first");
            }
            KEPT.set(Some(started));
            tracer.start("has a ring");
        })
        .join()
        .expect("thread");
    }
    provider.force_flush(TIMEOUT).expect("flush");
    let stats = balanced(&provider);
    assert_eq!((stats.ended, stats.exporters[0].exported), (5, 5));
}

#[test]
fn thousand_concurrent_flushes_are_all_answered() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    provider.tracer("t").start("x");
                    provider.force_flush(TIMEOUT).expect("flush");
                }
            });
        }
    });
    assert_eq!(recorder.distinct(), 1000);
    balanced(&provider);
}

#[test]
fn impossible_configuration_fails_at_build() {
    let build = |config| TracerProvider::builder().batch_config(config).build();
    let error = build(BatchConfig::default().max_queue_size(0)).expect_err("zero");
    assert!(matches!(
        error,
        ConfigError::Zero {
            field: "max_queue_size"
        }
    ));
    let error = build(BatchConfig::default().max_queue_size(10)).expect_err("512 over 10");
    assert_eq!(
        error.to_string(),
        "max_export_batch_size 512 is above max_queue_size 10"
    );
}

#[test]
fn public_types_cross_threads() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<TracerProvider>();
    check::<tracer_core::Tracer>();
    check::<Span>();
    check::<tracer_core::SpanBatch>();
    check::<tracer_core::Stats>();
}
