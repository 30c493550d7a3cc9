//! `RingProcessor` in the stock provider exports what the stock processors export.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, Value,
    trace::{
        Event, Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
        TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    trace::{
        BatchSpanProcessor, InMemorySpanExporter, SamplingDecision, SdkTracerProvider,
        SimpleSpanProcessor, SpanData, SpanProcessor,
    },
};
use tracer_core::{BatchConfig, ConfigError, SpanExporter, sdk::RingProcessor};

use crate::support::{
    Mood, Recorder, TIMEOUT, eventually,
    sampler::{self},
};

fn rings(recorder: &Recorder, config: BatchConfig) -> RingProcessor {
    let exporter: Box<dyn SpanExporter> = Box::new(recorder.clone());
    RingProcessor::new(vec![exporter], config).expect("processor")
}

fn remote(flags: u8) -> SpanContext {
    SpanContext::new(
        TraceId::from(0x0102_0304),
        SpanId::from(0x0506),
        TraceFlags::new(flags),
        true,
        TraceState::from_key_value([("a", "1"), ("b", "2")]).expect("tracestate"),
    )
}

/// Spans with every field, in two scopes.
fn program(provider: &SdkTracerProvider) {
    let scope = InstrumentationScope::builder("first")
        .with_version("1.2")
        .with_schema_url("https://example.com/schema")
        .with_attributes([KeyValue::new("scope.attribute", 7)])
        .build();
    let first = provider.tracer_with_scope(scope);
    let second = provider.tracer("second");
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    for kind in [
        SpanKind::Client,
        SpanKind::Server,
        SpanKind::Producer,
        SpanKind::Consumer,
        SpanKind::Internal,
    ] {
        let parent = Context::new().with_remote_span_context(remote(0x03));
        let builder = first
            .span_builder(format!("{kind:?}"))
            .with_kind(kind)
            .with_start_time(start)
            .with_attributes([KeyValue::new("text", "grüße"), KeyValue::new("flag", false)])
            .with_events(vec![Event::new(
                "early",
                start,
                vec![KeyValue::new("n", 1)],
                0,
            )])
            .with_links(vec![Link::new(
                remote(0x01),
                vec![KeyValue::new("why", "batch")],
                0,
            )]);
        let mut span = first.build_with_context(builder, &parent);
        span.set_attribute(KeyValue::new("long", "x".repeat(20_000)));
        span.set_attribute(KeyValue::new("int", -1));
        span.set_attribute(KeyValue::new("double", 0.5));
        let array = Array::String(vec!["a".into(), "b".into()]);
        span.set_attribute(KeyValue::new("array", Value::Array(array)));
        span.set_attribute(KeyValue::new("over the limit", 1));
        for event in ["one", "two", "over the limit"] {
            let attributes = (0..4).map(|n| KeyValue::new(format!("k{n}"), n)).collect();
            span.add_event(event, attributes);
        }
        span.add_link(remote(0x00), vec![]);
        span.add_link(remote(0x00), vec![]);
        span.set_status(Status::error("broken"));
        span.update_name("renamed");
        span.end_with_timestamp(start + Duration::from_nanos(17));
        // A root of another scope, and its child.
        let root = Context::new().with_span(second.start_with_context("root", &Context::new()));
        let mut child = second.start_with_context("child", &root);
        child.set_status(Status::Ok);
    }
}

#[test]
fn exporter_gets_field_by_field_what_the_stock_pipeline_exports() {
    let recorder = Recorder::default();
    let stock = InMemorySpanExporter::default();
    let rings = rings(&recorder, BatchConfig::default());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings.clone())
        .with_span_processor(SimpleSpanProcessor::new(stock.clone()))
        .with_max_attributes_per_span(6)
        .with_max_events_per_span(3)
        .with_max_links_per_span(2)
        .with_max_attributes_per_event(3)
        .build();
    program(&provider);
    provider.force_flush().expect("flush");
    let expected = stock.get_finished_spans().expect("spans");
    assert_eq!(expected.len(), 15);
    let span = &expected[0];
    assert_eq!(span.attributes.len(), 6);
    let dropped = (
        span.dropped_attributes_count,
        span.events.dropped_count,
        span.links.dropped_count,
        span.events[1].dropped_attributes_count,
    );
    assert_eq!(dropped, (1, 1, 1, 1), "the program meets every limit");
    assert_eq!(recorder.spans(), expected);
    assert!(recorder.was_flushed());
    provider.shutdown().expect("shutdown");
    assert!(recorder.was_closed());
    let stats = rings.stats();
    assert!(stats.balances(), "{stats:#?}");
    assert_eq!(stats.exporters[0].exported, 15);
}

/// common/README.md "Attribute Collections": keys are unique in what is exported. The stock SDK
/// keeps both values.
#[test]
fn attribute_set_twice_arrives_once_with_the_last_value() {
    let recorder = Recorder::default();
    let stock = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings(&recorder, BatchConfig::default()))
        .with_span_processor(SimpleSpanProcessor::new(stock.clone()))
        .build();
    let mut span = provider.tracer("t").start("x");
    span.set_attribute(KeyValue::new("k", 1));
    span.set_attribute(KeyValue::new("k", 2));
    drop(span);
    provider.force_flush().expect("flush");
    assert_eq!(recorder.spans()[0].attributes, [KeyValue::new("k", 2)]);
    let stock = stock.get_finished_spans().expect("spans");
    assert_eq!(stock[0].attributes.len(), 2);
}

/// trace/sdk.md "Sampling": exporters should not receive spans that are not sampled. The stock
/// batch processor of 0.33 exports them.
#[test]
fn record_only_spans_are_counted_and_not_exported() {
    let recorder = Recorder::default();
    let stock = InMemorySpanExporter::default();
    let rings = rings(&recorder, BatchConfig::default());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings.clone())
        .with_span_processor(BatchSpanProcessor::builder(stock.clone()).build())
        .with_sampler(sampler::always(SamplingDecision::RecordOnly))
        .build();
    provider.tracer("t").start("x").end();
    provider.force_flush().expect("flush");
    assert_eq!(recorder.spans(), []);
    let stats = rings.stats();
    assert!(stats.balances(), "{stats:#?}");
    assert_eq!((stats.ended, stats.not_sampled), (1, 1));
    let stock = stock.get_finished_spans().expect("spans");
    assert_eq!(stock.len(), 1, "the stock SDK has been fixed");
}

#[test]
fn exporter_gets_the_resource_of_the_stock_provider() {
    #[derive(Debug)]
    struct Keeps(std::sync::mpsc::Sender<Resource>);
    impl SpanExporter for Keeps {
        fn component_type(&self) -> &'static str {
            "keeps"
        }
        fn export<'a>(
            &'a self,
            batch: &'a tracer_core::SpanBatch,
        ) -> tracer_core::ExportFuture<'a> {
            self.0.send(batch.resource().clone()).expect("test waits");
            Box::pin(async { Ok(tracer_core::ExportSuccess::default()) })
        }
        fn set_resource(&mut self, resource: &Resource) {
            self.0.send(resource.clone()).expect("test waits");
        }
    }
    let (sender, seen) = std::sync::mpsc::channel();
    let rings = RingProcessor::new(vec![Box::new(Keeps(sender))], BatchConfig::default());
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "shop"))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_span_processor(rings.expect("processor"))
        .build();
    assert_eq!(seen.recv_timeout(TIMEOUT).expect("set"), resource);
    provider.tracer("t").start("x").end();
    provider.force_flush().expect("flush");
    assert_eq!(seen.recv_timeout(TIMEOUT).expect("batch"), resource);
}

#[test]
fn overload_is_counted_and_the_shutdown_keeps_its_deadline() {
    let recorder = Recorder::with_mood(Mood::Hang);
    let config = BatchConfig::default()
        .max_export_batch_size(8)
        .max_concurrent_exports(1)
        .max_ring_bytes(4096);
    let rings = rings(&recorder, config);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings.clone())
        .build();
    let tracer = provider.tracer("t");
    eventually("a full ring", || {
        tracer.start("x").end();
        rings.stats().dropped.queue_full > 0
    });
    let timeout = Duration::from_millis(50);
    let late = provider.shutdown_with_timeout(timeout).expect_err("late");
    assert!(format!("{late:?}").contains("50ms"), "{late:?}");
    let stats = rings.stats();
    assert!(stats.balances(), "{stats:#?}");
    assert_eq!(stats.waiting + stats.exporters[0].waiting, 0);
    assert!(matches!(
        SpanProcessor::force_flush(&rings),
        Err(OTelSdkError::AlreadyShutdown)
    ));
}

#[test]
fn bad_configuration_is_refused_at_once() {
    let refused = RingProcessor::new(vec![], BatchConfig::default().max_queue_size(0));
    assert!(matches!(
        refused,
        Err(ConfigError::Zero {
            field: "max_queue_size"
        })
    ));
}

/// The cost for the caller of `end`, besides dropping the SDK's span.
#[test]
fn ended_span_is_taken_without_an_allocation() {
    let recorder = Recorder::default();
    let mut rings = rings(&recorder, BatchConfig::default());
    rings.set_resource(&Resource::builder_empty().build());
    let stock = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(stock.clone())
        .build();
    provider.tracer("t").start("x").end();
    let span: SpanData = stock.get_finished_spans().expect("spans").remove(0);
    // The thread's ring and first buffer.
    for _ in 0..2 {
        rings.on_end(span.clone());
    }
    let given = span.clone();
    let counted = allocation_counter::measure(|| rings.on_end(given));
    assert_eq!(counted.count_total, 0);
}

/// A provider that was built later once started the exporters after all.
#[test]
fn shutdown_before_the_provider_is_built_keeps_the_exporters_from_starting() {
    let recorder = Recorder::default();
    let rings = rings(&recorder, BatchConfig::default());
    rings.shutdown_with_timeout(TIMEOUT).expect("shutdown");
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rings.clone())
        .build();
    provider.tracer("t").start("x").end();
    provider.force_flush().expect("flush");
    let stats = rings.stats();
    assert_eq!((stats.ended, stats.dropped.already_shutdown), (1, 1));
    assert!(stats.exporters.is_empty());
    assert!(recorder.spans().is_empty());
}
