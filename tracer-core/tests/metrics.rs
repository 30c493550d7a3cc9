//! The `otel.sdk.*` metrics (semantic conventions, otel/sdk-metrics.md) against the statistics and
//! against what the test did, read through the SDK's own metrics pipeline.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod support;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use opentelemetry::{
    Context, TraceId,
    trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    metrics::data::{AggregatedMetrics, MetricData},
    trace::SamplingDecision,
};
use support::{
    Mood, Recorder, TIMEOUT, balanced, eventually,
    meters::{Meters, check},
    sampler::SamplerFn,
};
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportResult, ExportSuccess, SpanBatch, SpanExporter,
    Status,
};

/// Decides by the name of the span.
fn by_name(name: &str) -> SamplingDecision {
    match name {
        "drop" => SamplingDecision::Drop,
        "record" => SamplingDecision::RecordOnly,
        _ => SamplingDecision::RecordAndSample,
    }
}

fn parent(is_remote: bool) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        is_remote,
        TraceState::NONE,
    ))
}

#[test]
fn starts_are_counted_by_origin_and_result_and_live_spans_by_result() {
    let meters = Meters::new();
    let provider = meters
        .builder()
        .sampler(SamplerFn::new(by_name))
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    let contexts = [Context::new(), parent(false), parent(true)];
    let mut live = Vec::new();
    // 1, 2, .. 9 spans of the nine kinds, each kind on a thread of its own.
    let mut many = 0;
    for context in &contexts {
        for name in ["drop", "record", "keep"] {
            many += 1;
            let start = || {
                (0..many)
                    .map(|_| tracer.start_with_context(name, context))
                    .collect::<Vec<_>>()
            };
            live.extend(thread::scope(|scope| {
                scope.spawn(start).join().expect("thread")
            }));
        }
    }
    let started = [
        ("origin=local,sampling_result=DROP", 4),
        ("origin=local,sampling_result=RECORD_AND_SAMPLE", 6),
        ("origin=local,sampling_result=RECORD_ONLY", 5),
        ("origin=none,sampling_result=DROP", 1),
        ("origin=none,sampling_result=RECORD_AND_SAMPLE", 3),
        ("origin=none,sampling_result=RECORD_ONLY", 2),
        ("origin=remote,sampling_result=DROP", 7),
        ("origin=remote,sampling_result=RECORD_AND_SAMPLE", 9),
        ("origin=remote,sampling_result=RECORD_ONLY", 8),
    ];
    let values = meters.collect();
    check(&values, "span.started", &started);
    let all = [
        ("sampling_result=RECORD_AND_SAMPLE", 18),
        ("sampling_result=RECORD_ONLY", 15),
    ];
    check(&values, "span.live", &all);

    // The first kinds end: 1 dropped, 2 recorded, 3 kept, of which one is discarded.
    live[3].discard();
    live.drain(..6);
    let rest = [
        ("sampling_result=RECORD_AND_SAMPLE", 15),
        ("sampling_result=RECORD_ONLY", 13),
    ];
    let values = meters.collect();
    check(&values, "span.live", &rest);
    check(&values, "span.started", &started);
    let stats = balanced(&provider);
    assert_eq!((stats.started, stats.ended), (33, 5));
    drop(live);
    let none = [
        ("sampling_result=RECORD_AND_SAMPLE", 0),
        ("sampling_result=RECORD_ONLY", 0),
    ];
    check(&meters.collect(), "span.live", &none);
}

/// An exporter that returns the given answers in order.
#[derive(Clone, Debug, Default)]
struct Script(Arc<Mutex<VecDeque<ExportResult>>>);

impl SpanExporter for Script {
    fn component_type(&self) -> &'static str {
        "script"
    }

    fn server(&self) -> Option<(String, u16)> {
        Some(("collector.example".to_owned(), 4318))
    }

    fn export<'a>(&'a self, _batch: &'a SpanBatch) -> ExportFuture<'a> {
        let answer = self.0.lock().unwrap().pop_front().expect("an answer");
        Box::pin(async { answer })
    }
}

#[test]
fn outcomes_of_exports_are_reported_as_the_conventions_say() {
    let status = Status::Http;
    let answers = [
        Ok(ExportSuccess::default().status(status(200))),
        Ok(ExportSuccess::with_rejected(2).status(status(200))),
        Err(ExportError::NonRetryable {
            status: status(400),
        }),
        Err(ExportError::RetriesExhausted {
            status: Status::Grpc(14),
        }),
        Err(ExportError::RetriesExhausted {
            status: Status::NoAnswer,
        }),
        Ok(ExportSuccess::default().status(Status::Grpc(0))),
    ];
    let exports = answers.len();
    let script = Script(Arc::new(Mutex::new(answers.into())));
    let meters = Meters::new();
    let provider = meters.builder().exporter(script).build().expect("provider");
    for _ in 0..exports {
        for _ in 0..5 {
            provider.tracer("t").start("x").end();
        }
        // A flush ends the batch; the statistics have its outcome.
        let _ = provider.force_flush(TIMEOUT);
    }
    let values = meters.collect();
    let to = "address=collector.example,port=4318";
    check(
        &values,
        "exporter.span.exported",
        &[
            (&*format!("type=non_retryable,type=script,{to}"), 5),
            (&*format!("type=rejected,type=script,{to}"), 2),
            (&*format!("type=retries_exhausted,type=script,{to}"), 10),
            (&*format!("type=script,{to}"), 13),
        ],
    );
    check(
        &values,
        "exporter.operation.duration",
        &[
            (
                &*format!("type=non_retryable,status_code=400,type=script,{to}"),
                1,
            ),
            (
                &*format!("type=rejected,status_code=200,type=script,{to}"),
                1,
            ),
            (
                &*format!("type=retries_exhausted,type=script,status_code=UNAVAILABLE,{to}"),
                1,
            ),
            (&*format!("type=retries_exhausted,type=script,{to}"), 1),
            (&*format!("status_code=200,type=script,{to}"), 1),
            (&*format!("type=script,status_code=OK,{to}"), 1),
        ]
        .sorted(),
    );
    check(
        &values,
        "processor.span.processed",
        &[("type=batching_span_processor", 30)],
    );
    check(
        &values,
        "exporter.span.inflight",
        &[(&*format!("type=script,{to}"), 0)],
    );
    let stats = balanced(&provider);
    assert_eq!(stats.exporters[0].exported, 13);
    // Collecting metrics changes no metric.
    assert_eq!(meters.collect(), values);
}

/// Expected lists are written in the order of the test's steps.
trait Sorted {
    fn sorted(self) -> Self;
}

impl<const N: usize> Sorted for [(&str, i64); N] {
    fn sorted(mut self) -> Self {
        self.sort_unstable();
        self
    }
}

#[test]
fn queue_and_losses_are_reported_as_the_statistics_have_them() {
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default()
        .max_queue_size(10)
        .max_export_batch_size(10)
        .max_concurrent_exports(1)
        .max_ring_bytes(4096);
    let meters = Meters::new();
    let provider = meters
        .builder()
        .exporter(recorder)
        .batch_config(config)
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    let pipe = "type=batching_span_processor";
    for _ in 0..10 {
        tracer.start("x").end();
    }
    eventually("an export", || {
        provider.stats().exporters[0].in_flight == 10
    });
    let values = meters.collect();
    check(&values, "processor.span.queue.capacity", &[(pipe, 10)]);
    check(&values, "processor.span.queue.size", &[(pipe, 0)]);
    check(&values, "processor.span.processed", &[(pipe, 10)]);
    check(&values, "exporter.span.inflight", &[("type=recorder", 10)]);
    check(&values, "exporter.span.exported", &[("type=recorder", 0)]);

    for _ in 0..7 {
        tracer.start("x").end();
    }
    check(&meters.collect(), "processor.span.queue.size", &[(pipe, 7)]);
    // Larger than the ring.
    let mut large = tracer.start("x".repeat(5000));
    large.end();
    eventually("a full ring", || {
        tracer.start("x").end();
        provider.stats().dropped.queue_full > 0
    });
    let late = tracer.start("late");
    let full = provider.stats().dropped.queue_full;
    provider
        .shutdown(Duration::from_millis(50))
        .expect_err("hung");
    drop(late);

    let stats = balanced(&provider);
    let lane = &stats.exporters[0];
    assert_eq!((lane.in_flight, lane.waiting, stats.waiting), (0, 0, 0));
    let queue_full = (stats.dropped.queue_full + lane.queue_full).cast_signed();
    assert!(queue_full >= full.cast_signed());
    let unsent = lane.never_sent.cast_signed();
    assert_eq!(lane.failed["deadline"].cast_signed(), unsent + 10);
    let values = meters.collect();
    check(
        &values,
        "processor.span.processed",
        &[
            (&*format!("type=already_shutdown,{pipe}"), 1),
            (&*format!("type=span_too_large,{pipe}"), 1),
            (&*format!("type=deadline,{pipe}"), unsent),
            (&*format!("type=queue_full,{pipe}"), queue_full),
            (pipe, 10),
        ]
        .sorted(),
    );
    let processed = unsent + queue_full + 12;
    assert_eq!(processed, stats.ended.cast_signed(), "each span once");
    check(
        &values,
        "exporter.span.exported",
        &[("type=deadline,type=recorder", 10), ("type=recorder", 0)],
    );
    check(&values, "processor.span.queue.size", &[(pipe, 0)]);
    check(&values, "exporter.span.inflight", &[("type=recorder", 0)]);
    eventually("the end of the export", || {
        let key = "exporter.operation.duration{type=deadline,type=recorder}";
        meters.collect().get(key) == Some(&1)
    });
}

#[test]
fn every_exporter_has_components_of_its_own_and_a_provider_that_is_gone_reports_nothing() {
    let meters = Meters::new();
    let provider = meters
        .builder()
        .exporter(Recorder::default())
        .exporter(Recorder::default())
        .build()
        .expect("provider");
    provider.tracer("t").start("x").end();
    provider.shutdown(TIMEOUT).expect("shutdown");
    meters.collected.reset();
    meters.provider.force_flush().expect("collected");
    let metrics = meters.collected.get_finished_metrics().expect("metrics");
    let scope = metrics[0].scope_metrics().next().expect("scope");
    let exported = scope
        .metrics()
        .find(|metric| metric.name() == "otel.sdk.exporter.span.exported")
        .expect("metric");
    let AggregatedMetrics::U64(MetricData::Sum(sum)) = exported.data() else {
        panic!("a counter")
    };
    let names: Vec<_> = sum
        .data_points()
        .flat_map(|point| {
            assert_eq!(point.value(), 1);
            point.attributes().cloned().collect::<Vec<_>>()
        })
        .filter(|attribute| attribute.key.as_str() == "otel.component.name")
        .collect();
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);

    assert_eq!(scope.metrics().count(), 8);
    drop(provider);
    let left = meters.collect();
    let durations = left
        .keys()
        .filter(|key| !key.starts_with("exporter.operation"));
    assert_eq!(durations.count(), 0, "{left:?}");
}
