//! Threads that start and end in all ways: their spans are exported, and their rings are freed.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use tracer_core::{BatchConfig, Span, TracerProvider};

use crate::support::{Recorder, TIMEOUT, balanced, configured, eventually, provider, quiet_panic};

const THREADS: u64 = 10_000;
const AT_ONCE: u64 = 64;

/// Every second thread ends with a panic, with a span open.
#[test]
fn ten_thousand_short_threads_lose_nothing_and_their_rings_are_freed() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    let most_rings = AtomicU64::new(0);
    for first in (0..THREADS).step_by(usize::try_from(AT_ONCE).expect("fits")) {
        thread::scope(|scope| {
            for thread in first..THREADS.min(first + AT_ONCE) {
                let (tracer, most_rings, provider) = (&tracer, &most_rings, &provider);
                let short = scope.spawn(move || {
                    tracer.start("short");
                    tracer.start("short");
                    let _open = tracer.start("short");
                    if thread % 64 == 0 {
                        most_rings.fetch_max(provider.stats().rings, Ordering::SeqCst);
                    }
                    if thread % 2 == 0 {
                        quiet_panic();
                    }
                });
                // Joined here, so that the scope does not panic in turn.
                scope.spawn(move || assert_eq!(short.join().is_err(), thread % 2 == 0));
            }
        });
        // Keeps the spans within the rate at which the worker drains the rings.
        provider.force_flush(TIMEOUT).expect("flush");
    }
    let stats = balanced(&provider);
    assert_eq!(stats.ended, 3 * THREADS);
    assert_eq!(stats.exporters[0].exported, 3 * THREADS);
    assert_eq!(recorder.distinct(), 3 * THREADS);
    // As many as there were threads at the same time: each leaves its ring to the next.
    let most_rings = most_rings.into_inner();
    assert!(most_rings <= AT_ONCE, "{most_rings} rings");
    eventually("giving back the rings", || provider.stats().rings == 0);
    assert_eq!(
        balanced(&provider).ended,
        3 * THREADS,
        "counts outlive the rings"
    );
}

/// The ring is full to its last word when its thread ends. The spans that fit are exported, and
/// exactly the others are counted.
#[test]
fn thread_that_ends_with_a_full_ring_loses_only_what_found_it_full() {
    for panics in [false, true] {
        let recorder = Recorder::default();
        let config = BatchConfig::default()
            .max_ring_bytes(4096)
            .scheduled_delay(TIMEOUT);
        let provider = configured(&recorder, config);
        let tracer = provider.tracer("t");
        let full = thread::spawn(move || {
            for _ in 0..1000 {
                tracer.start("x");
            }
            if panics {
                quiet_panic();
            }
        });
        assert_eq!(full.join().is_err(), panics);
        provider.force_flush(TIMEOUT).expect("flush");
        let stats = balanced(&provider);
        assert_eq!(stats.ended, 1000);
        assert!(stats.dropped.queue_full > 0, "{stats:?}");
        assert_eq!(stats.exporters[0].exported, 1000 - stats.dropped.queue_full);
        assert_eq!(recorder.distinct(), stats.exporters[0].exported);
        eventually("giving back the ring", || provider.stats().rings == 0);
    }
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

/// A provider whose last clone is dropped with a thread's locals shuts down there.
#[test]
fn provider_dropped_while_the_threads_locals_are_destroyed_delivers() {
    thread_local! {
        static LAST: RefCell<Option<TracerProvider>> = const { RefCell::new(None) };
    }
    for ring_first in [true, false] {
        let recorder = Recorder::default();
        let provider = provider(&recorder);
        thread::spawn(move || {
            if ring_first {
                provider.tracer("t").start("x");
            }
            LAST.set(Some(provider.clone()));
            provider.tracer("t").start("y");
        })
        .join()
        .expect("thread");
        assert_eq!(recorder.distinct(), 1 + u64::from(ring_first));
        assert!(recorder.was_closed());
    }
}
