//! Exporters and samplers that fail, hang or panic, and overload: every lost span is counted.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _, TracerProvider as _,
    },
};
use tracer_core::{
    BatchConfig, ExportFuture, FlushError, ShutdownError, SpanBatch, SpanExporter, TracerProvider,
};

use crate::support::{
    Mood, Recorder, TIMEOUT, balanced, configured, eventually, provider, quiet_panic,
    sampler::SamplerFn,
};

#[test]
fn overload_drops_the_newest_and_counts_them() {
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default()
        .max_ring_bytes(4096)
        .max_export_batch_size(5)
        .max_concurrent_exports(1);
    let provider = configured(&recorder, config);
    let tracer = provider.tracer("t");
    for _ in 0..10_000 {
        tracer.start("x");
    }
    // On a busy machine, the worker may not run before the deadlines below.
    eventually("a batch for the exporter", || {
        provider.stats().exporters[0].waiting > 0
    });
    let refused = provider.force_flush(Duration::from_millis(50));
    assert_eq!(refused, Err(FlushError::Deadline));
    let stats = balanced(&provider);
    assert_eq!(stats.ended, 10_000);
    assert!(stats.dropped.queue_full > 7_000, "{stats:?}");
    let refused = provider.shutdown(Duration::from_millis(50));
    assert_eq!(refused, Err(ShutdownError::Flush(FlushError::Deadline)));
    let stats = balanced(&provider);
    assert_eq!((stats.waiting, stats.exporters[0].waiting), (0, 0));
    // Spans that the worker could not take in time stay in the ring, and count as late.
    let failed = stats.exporters[0].failed["deadline"];
    assert_eq!(stats.ended, stats.dropped.total() + failed);
}

#[test]
fn span_that_does_not_fit_into_the_rings_is_counted_as_too_large() {
    let recorder = Recorder::default();
    let provider = configured(&recorder, BatchConfig::default().max_ring_bytes(1024));
    let mut span = provider.tracer("t").start("x");
    span.set_attribute(KeyValue::new("k", "v".repeat(2000)));
    span.end();
    provider.force_flush(TIMEOUT).expect("flush");
    assert_eq!(balanced(&provider).dropped.span_too_large, 1);
}

#[test]
fn hung_exporter_delays_no_other_and_its_spans_fail_by_the_deadline() {
    let (hung, well) = (Recorder::with_mood(Mood::Hang), Recorder::default());
    let provider = TracerProvider::builder()
        .exporter(hung)
        .exporter(well.clone())
        .batch_config(
            BatchConfig::default()
                .scheduled_delay(Duration::from_millis(1))
                .export_timeout(Duration::from_millis(200)),
        )
        .build()
        .expect("provider");
    provider.tracer("t").start("x");
    eventually("the other export", || well.distinct() == 1);
    let answer = provider.force_flush(TIMEOUT);
    assert_eq!(answer, Err(FlushError::NotDelivered { spans: 1 }));
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].failed["deadline"], 1);
    assert_eq!(stats.exporters[1].exported, 1);
}

/// Panics with a payload that panics in turn when it is dropped.
fn vicious_panic() -> ! {
    struct Vicious;

    impl Drop for Vicious {
        fn drop(&mut self) {
            if !thread::panicking() {
                quiet_panic();
            }
        }
    }
    resume_unwind(Box::new(Vicious))
}

/// Panics wherever it is called: in the call, in the future, at each flush and at the shutdown.
#[derive(Debug, Default)]
struct Vicious {
    exports: AtomicU64,
}

impl SpanExporter for Vicious {
    fn component_type(&self) -> &'static str {
        "vicious"
    }

    fn export<'a>(&'a self, _: &'a SpanBatch) -> ExportFuture<'a> {
        if self
            .exports
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(2)
        {
            vicious_panic();
        }
        Box::pin(async { vicious_panic() })
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        vicious_panic();
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        vicious_panic();
    }
}

#[test]
fn thousand_panics_of_an_exporter_lose_its_batches_and_no_others() {
    let (recorder, well) = (Recorder::with_mood(Mood::Panic), Recorder::default());
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .exporter(Vicious::default())
        .exporter(well.clone())
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    for _ in 0..1000 {
        tracer.start("lost");
        let answer = provider.force_flush(TIMEOUT);
        assert_eq!(answer, Err(FlushError::NotDelivered { spans: 2 }));
    }
    recorder.set_mood(Mood::Take);
    tracer.start("kept");
    assert!(provider.force_flush(TIMEOUT).is_err());
    let answer = provider.shutdown(TIMEOUT);
    assert_eq!(answer, Err(ShutdownError::Flush(FlushError::Exporter)));
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].failed["panicked"], 1000);
    assert_eq!(stats.exporters[0].exported, 1);
    assert_eq!(stats.exporters[1].failed["panicked"], 1001);
    assert_eq!(stats.exporters[2].exported, 1001);
    assert_eq!(well.distinct(), 1001);
}

#[test]
fn refused_and_rejected_spans_are_counted_and_never_more_than_the_batch() {
    let recorder = Recorder::with_mood(Mood::Refuse);
    let provider = provider(&recorder);
    let tracer = provider.tracer("t");
    for (mood, failed, rejected, exported) in [
        (Mood::Refuse, 2, 0, 0),
        (Mood::Reject(1), 2, 1, 1),
        (Mood::Reject(u64::MAX), 2, 3, 1),
    ] {
        recorder.set_mood(mood);
        tracer.start("a");
        tracer.start("b");
        assert!(provider.force_flush(TIMEOUT).is_err());
        let stats = balanced(&provider);
        assert_eq!(stats.exporters[0].failed["non_retryable"], failed);
        assert_eq!(stats.exporters[0].rejected, rejected);
        assert_eq!(stats.exporters[0].exported, exported);
    }
}

#[test]
fn thousand_panics_of_a_sampler_lose_the_spans_and_do_not_reach_the_caller() {
    let provider = TracerProvider::builder()
        .sampler(SamplerFn::new(|_: &str| vicious_panic()))
        .build()
        .expect("provider");
    let parent = SpanContext::new(
        TraceId::from(7_u128),
        SpanId::from(8_u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let cx = Context::new().with_remote_span_context(parent);
    for _ in 0..1000 {
        let span = provider.tracer("t").start_with_context("x", &cx);
        assert!(!span.is_recording());
        assert_eq!(span.span_context().trace_id(), TraceId::from(7_u128));
    }
    let stats = balanced(&provider);
    assert_eq!((stats.sampler_panics, stats.started), (1000, 0));
}
