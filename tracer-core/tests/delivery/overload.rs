//! More spans than an exporter takes: memory stays bounded, threads get a fair share, and every
//! lost span is counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportResult, ExportSuccess, FlushError, ShutdownError,
    SpanBatch, SpanExporter, TracerProvider,
};

use crate::support::{
    Mood, Recorder, TIMEOUT, balanced, configured, eventually, provider,
    sampler::{self},
};

/// The behaviour of an exporter: it answers slowly, blocks its thread, or fails to flush.
#[derive(Debug, Default)]
struct Odd {
    pause: Duration,
    block: Duration,
    close_fails: bool,
    threads: [AtomicU64; 4],
}

/// A clone of the `Arc` stays with the test.
#[derive(Clone, Debug)]
struct Shared(Arc<Odd>);

impl SpanExporter for Shared {
    fn component_type(&self) -> &'static str {
        "odd"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            for span in batch.spans() {
                let thread = span.name().parse::<usize>().unwrap_or_default();
                self.0.threads[thread].fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(self.0.block);
            tokio::time::sleep(self.0.pause).await;
            Ok(ExportSuccess::default())
        })
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        let result: ExportResult = if self.0.close_fails {
            Err(ExportError::Encode)
        } else {
            Ok(ExportSuccess::default())
        };
        Box::pin(async { result })
    }
}

/// The worker once began every round at the first thread's ring, so that under back pressure only
/// that thread's spans went out.
#[test]
fn every_thread_has_its_share_of_a_slow_exporter() {
    let odd = Shared(Arc::new(Odd {
        pause: Duration::from_millis(5),
        ..Odd::default()
    }));
    let provider = TracerProvider::builder()
        .exporter(odd.clone())
        .batch_config(BatchConfig::default().max_ring_bytes(1 << 16))
        .build()
        .expect("provider");
    let stop = AtomicBool::new(false);
    let exported = |thread: usize| odd.0.threads[thread].load(Ordering::Relaxed);
    thread::scope(|scope| {
        for name in ["0", "1", "2", "3"] {
            let tracer = provider.tracer("t");
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    tracer.start(name);
                }
            });
        }
        eventually("a share of each thread", || {
            (0..4).all(|thread| exported(thread) > 2000)
        });
        stop.store(true, Ordering::Relaxed);
    });
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
}

/// A flush with a long deadline once kept a later shutdown from being seen.
#[test]
fn shutdown_overtakes_a_flush_that_waits_for_a_hung_exporter() {
    for many in [1, 10_000] {
        let recorder = Recorder::with_mood(Mood::Hang);
        let config = BatchConfig::default()
            .max_queue_size(10)
            .max_export_batch_size(10)
            .max_concurrent_exports(1);
        let provider = configured(&recorder, config);
        let tracer = provider.tracer("t");
        for _ in 0..many {
            tracer.start("x");
        }
        thread::scope(|scope| {
            let flush = scope.spawn(|| provider.force_flush(TIMEOUT * 10));
            eventually("the flush", || provider.stats().queued > 0);
            let before = Instant::now();
            let answer = provider.shutdown(Duration::from_millis(200));
            assert_eq!(answer, Err(ShutdownError::Flush(FlushError::Deadline)));
            assert!(flush.join().expect("thread").is_err());
            assert!(before.elapsed() < TIMEOUT, "waited for the flush");
        });
        let stats = balanced(&provider);
        assert_eq!((stats.waiting, stats.exporters[0].waiting), (0, 0));
        assert_eq!(stats.dropped.already_shutdown, 0);
    }
}

#[test]
fn exporter_that_blocks_its_thread_is_counted_when_the_shutdown_returns() {
    let odd = Shared(Arc::new(Odd {
        block: Duration::from_millis(500),
        ..Odd::default()
    }));
    let provider = TracerProvider::builder()
        .exporter(odd)
        .build()
        .expect("provider");
    provider.tracer("t").start("0");
    let answer = provider.shutdown(Duration::from_millis(50));
    assert_eq!(answer, Err(ShutdownError::Flush(FlushError::Deadline)));
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].failed["deadline"], 1);
    assert_eq!(stats.exporters[0].waiting, 0);
}

#[test]
fn bytes_of_a_hung_exporters_queue_are_bounded() {
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default()
        .max_queue_bytes(1 << 20)
        .max_export_batch_bytes(1 << 17)
        .scheduled_delay(Duration::ZERO);
    let provider = configured(&recorder, config);
    let tracer = provider.tracer("t");
    eventually("a full queue", || {
        let mut span = tracer.start("large");
        span.set_attribute(KeyValue::new("k", "v".repeat(4000)));
        span.set_attribute(KeyValue::new("l", "v".repeat(4000)));
        provider.stats().exporters[0].waiting > 100
    });
    assert_eq!(
        provider.force_flush(Duration::from_millis(100)),
        Err(FlushError::Deadline)
    );
    let waiting = provider.stats().exporters[0].waiting;
    assert!(waiting * 8000 <= 1 << 20, "{waiting} spans of 8 KB wait");
    assert!(provider.shutdown(Duration::from_millis(50)).is_err());
    balanced(&provider);
}

#[test]
fn failed_flush_of_an_exporter_is_reported_to_the_caller() {
    let odd = Shared(Arc::new(Odd {
        close_fails: true,
        ..Odd::default()
    }));
    let provider = TracerProvider::builder()
        .exporter(odd)
        .build()
        .expect("provider");
    assert_eq!(provider.force_flush(TIMEOUT), Err(FlushError::Exporter));
}

/// A recording kept by the ring that threads without locals share once kept its provider alive.
#[test]
fn providers_are_freed_whatever_thread_their_spans_end_on() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<tracer_core::Span>> =
            const { std::cell::RefCell::new(None) };
    }
    let alive = Arc::new(());
    for _ in 0..10 {
        let sampler = sampler::keeping(Arc::clone(&alive));
        thread::spawn(move || {
            let provider = TracerProvider::builder()
                .sampler(sampler)
                .build()
                .expect("provider");
            KEPT.set(Some(provider.tracer("t").start("x")));
            provider.tracer("t").start("y");
        })
        .join()
        .expect("thread");
    }
    eventually("freeing the providers", || Arc::strong_count(&alive) == 1);
}

#[test]
fn late_spans_take_no_rings() {
    let providers = [
        provider(&Recorder::default()),
        provider(&Recorder::default()),
    ];
    let spans: Vec<_> = (0..200)
        .map(|n| providers[n % 2].tracer("t").start("late"))
        .collect();
    for provider in &providers {
        provider.shutdown(TIMEOUT).expect("shutdown");
    }
    thread::spawn(move || drop(spans)).join().expect("thread");
    for provider in &providers {
        let stats = balanced(provider);
        assert_eq!((stats.started, stats.ended, stats.rings), (100, 100, 1));
        assert_eq!(stats.dropped.already_shutdown, 100);
    }
}

#[test]
fn longest_timeouts_and_largest_bounds_overflow_nothing() {
    let provider = provider(&Recorder::default());
    provider.force_flush(Duration::MAX).expect("flush");
    provider.shutdown(Duration::MAX).expect("shutdown");
    let largest = [
        BatchConfig::default().max_ring_bytes(usize::MAX),
        BatchConfig::default().max_queue_size(usize::MAX),
        BatchConfig::default().max_queue_bytes(usize::MAX),
    ];
    for config in largest {
        let recorder = Recorder::default();
        let provider = configured(&recorder, config);
        for _ in 0..1000 {
            provider.tracer("t").start("x");
        }
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(recorder.distinct(), 1000);
    }
}
