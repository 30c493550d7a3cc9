//! Flush, shutdown and drop deliver or count every span.

use std::{
    sync::{
        Arc, Barrier, Mutex,
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
    BatchConfig, ConfigError, ExportError, ExportFuture, FlushError, ShutdownError, Span,
    SpanBatch, SpanExporter, Status, TracerProvider,
};

use crate::support::{
    Recorder, TIMEOUT, balanced, configured, eventually, provider, quiet_panic, rounds,
    sampler::{self},
};

#[test]
fn flush_delivers_everything_that_ended_before_it_while_others_go_on() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
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
        stop.store(true, Ordering::Relaxed);
    });
    assert!(recorder.was_flushed());
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].exported, stats.ended);
}

/// An exporter that retries until a shutdown begins.
#[derive(Debug, Default)]
struct Retries {
    begun: Arc<Mutex<Vec<Instant>>>,
}

impl SpanExporter for Retries {
    fn component_type(&self) -> &'static str {
        "retries"
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async {
            while self.begun.lock().expect("lock").is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let status = Status::NoAnswer;
            Err(ExportError::RetriesExhausted { status })
        })
    }

    fn begin_shutdown(&self, deadline: Instant) {
        self.begun.lock().expect("lock").push(deadline);
        quiet_panic();
    }
}

/// This holds even while the exporter's queue is full and the worker waits for room for the last
/// batches.
#[test]
fn shutdown_is_announced_to_an_exporter_before_its_last_batches() {
    let exporter = Retries::default();
    let begun = Arc::clone(&exporter.begun);
    let config = BatchConfig::default()
        .max_export_batch_size(1)
        .max_queue_bytes(1);
    let provider = TracerProvider::builder()
        .batch_config(config)
        .exporter(exporter)
        .build()
        .expect("provider");
    for _ in 0..20 {
        provider.tracer("t").start("x");
    }
    let flushed = provider.force_flush(Duration::from_millis(10));
    assert_eq!(flushed, Err(FlushError::Deadline));
    assert_eq!(
        begun.lock().expect("lock").len(),
        0,
        "a flush is not a shutdown"
    );
    let before = Instant::now();
    let ended = provider.shutdown(TIMEOUT);
    assert!(matches!(ended, Err(ShutdownError::Flush(_))), "{ended:?}");
    assert!(before.elapsed() < TIMEOUT / 2, "{:?}", before.elapsed());
    let begun = begun.lock().expect("lock").clone();
    assert_eq!(begun.len(), 1);
    assert!(begun[0] >= before + TIMEOUT && begun[0] <= Instant::now() + TIMEOUT);
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].failed["retries_exhausted"], 20);
}

/// Spans that ended before the shutdown was called are exported. Spans that ended after it returned
/// are counted as late. Spans that ended in between are one or the other.
#[test]
fn shutdown_under_load_exports_all_before_it_and_counts_all_after_it() {
    for _ in 0..rounds(50, 10_000) {
        let recorder = Recorder::default();
        let provider = configured(&recorder, BatchConfig::default().max_queue_size(100_000));
        let tracer = provider.tracer("t");
        let (barrier, ended, after) = (Barrier::new(9), AtomicU64::new(0), AtomicU64::new(0));
        let (mut before, closed) = (0, AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..200 {
                        let late = closed.load(Ordering::SeqCst);
                        let span = tracer.start("x");
                        let recording = span.is_recording();
                        drop(span);
                        ended.fetch_add(u64::from(recording), Ordering::SeqCst);
                        after.fetch_add(u64::from(recording && late), Ordering::SeqCst);
                    }
                });
            }
            barrier.wait();
            thread::yield_now();
            before = ended.load(Ordering::SeqCst);
            provider.shutdown(TIMEOUT).expect("shutdown");
            closed.store(true, Ordering::SeqCst);
        });
        let stats = balanced(&provider);
        let exported = stats.exporters[0].exported;
        assert_eq!(exported, recorder.distinct());
        assert!(exported >= before, "{before} before, {stats:?}");
        assert_eq!(
            after.load(Ordering::SeqCst),
            0,
            "started after the shutdown"
        );
        assert_eq!(stats.ended, ended.load(Ordering::SeqCst));
        assert_eq!(stats.ended, exported + stats.dropped.already_shutdown);
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
fn one_of_many_shutdowns_by_clones_does_it_and_the_others_say_so_at_once() {
    let mut took = Vec::new();
    for _ in 0..rounds(50, 2000) {
        let recorder = Recorder::default();
        let provider = provider(&recorder);
        provider.tracer("t").start("x");
        let barrier = Barrier::new(8);
        let answers: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let (clone, barrier) = (provider.clone(), &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let before = Instant::now();
                        (clone.shutdown(TIMEOUT), before.elapsed())
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|one| one.join().expect("thread"))
                .collect()
        });
        let (done, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|one| one.0.is_ok());
        assert_eq!(done.len(), 1);
        let refused = |one: &(_, _)| one.0 == Err(ShutdownError::AlreadyShutdown);
        assert!(others.iter().all(refused));
        took.extend(others.iter().map(|one| one.1));
        let flushed = provider.force_flush(TIMEOUT);
        assert_eq!(flushed, Err(FlushError::AlreadyShutdown));
        drop(provider);
        assert_eq!(recorder.distinct(), 1);
    }
    // The median, because a busy machine may suspend any thread.
    took.sort_unstable();
    let median = took[took.len() / 2];
    assert!(median <= Duration::from_millis(1), "{median:?}");
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

/// Spans hold the parts of their provider that they need. The provider's ledger can no longer be
/// read. So the test checks that the spans are not exported, do no harm, and free the provider in
/// the end.
#[test]
fn spans_outlive_their_provider() {
    let alive = Arc::new(());
    let sampler = sampler::keeping(Arc::clone(&alive));
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .sampler(sampler)
        .exporter(recorder.clone())
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    let mut live: Vec<_> = (0..100).map(|_| tracer.start("live")).collect();
    tracer.start("ended");
    drop(provider);
    assert_eq!(recorder.distinct(), 1);
    assert!(!tracer.start("never").is_recording());
    let elsewhere = live.split_off(50);
    for mut span in live {
        span.set_attribute(KeyValue::new("k", "v"));
        span.end();
    }
    thread::spawn(move || drop(elsewhere))
        .join()
        .expect("thread");
    assert_eq!(recorder.distinct(), 1);
    drop(tracer);
    // This thread gives its ring back when it next uses another provider, or ends.
    crate::support::provider(&Recorder::default())
        .tracer("t")
        .start("x");
    eventually("freeing the provider", || Arc::strong_count(&alive) == 1);
}

#[test]
fn thousand_flushes_at_once_share_their_exports_and_are_all_answered() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let barrier = Barrier::new(1000);
    thread::scope(|scope| {
        for _ in 0..1000 {
            let flushing = thread::Builder::new().stack_size(64 << 10);
            let flushing = flushing.spawn_scoped(scope, || {
                provider.tracer("t").start("x");
                barrier.wait();
                provider.force_flush(TIMEOUT).expect("flush");
            });
            flushing.expect("thread");
        }
    });
    // 1,000 spans in batches of 512: two, and one that was due before the flushes.
    let batches = recorder.batches();
    assert!(batches.len() <= 3, "{batches:?}");
    assert_eq!(recorder.distinct(), 1000);
    assert_eq!(balanced(&provider).exporters[0].exported, 1000);
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
    // Which spans share a batch depends on when the delay is over.
    let batches = recorder.batches();
    assert_eq!(batches.iter().sum::<usize>(), 25);
    assert!(batches.iter().all(|&spans| spans <= 10), "{batches:?}");
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
    check::<tracer_core::TracerProviderBuilder>();
    check::<tracer_core::Tracer>();
    check::<Span>();
    check::<tracer_core::SpanLimits>();
    check::<BatchConfig>();
    check::<tracer_core::SpanBatch>();
    check::<tracer_core::SpanRecord<'_>>();
    check::<tracer_core::SpanRecords<'_>>();
    check::<tracer_core::Stats>();
    check::<tracer_core::ExporterStats>();
    check::<tracer_core::Dropped>();
    check::<tracer_core::OverLimit>();
    check::<tracer_core::ExportSuccess>();
    check::<tracer_core::ExportError>();
    check::<tracer_core::Status>();
    check::<tracer_core::TraceIdRandomness>();
    check::<ConfigError>();
    check::<tracer_core::FlushError>();
    check::<tracer_core::ShutdownError>();
    check::<tracer_core::env::Env>();
    check::<tracer_core::env::Diagnostic>();
    check::<tracer_core::resource::Detector>();
    check::<tracer_core::resource::System>();
    check::<tracer_core::sdk::RingProcessor>();
    check::<tracer_core::sdk::SdkExporter<opentelemetry_sdk::trace::InMemorySpanExporter>>();
}
