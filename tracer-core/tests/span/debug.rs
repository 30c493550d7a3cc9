//! No public type's `Debug` prints data that a caller put into a span or a resource, because the
//! output may end up in logs.

use std::fmt;

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{Span as _, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanProcessor as _},
};
use tracer_core::{
    BatchConfig, ExportFuture, ExportSuccess, Span, SpanBatch, SpanExporter, SpanProcessor,
    SpanRecord, TracerProvider,
    sdk::{RingProcessor, SdkExporter, SdkProcessor},
};

use crate::support::{Recorder, TIMEOUT};

const CANARY: &str = "canary";

#[track_caller]
fn assert_silent(value: &dyn fmt::Debug) {
    let text = format!("{value:?}");
    // Bytes that are printed as numbers reveal as much.
    let bytes = format!("{:?}", CANARY.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(!text.contains(CANARY) && !text.contains(bytes), "{text}");
}

fn attribute() -> KeyValue {
    KeyValue::new(CANARY, CANARY)
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_attribute(attribute())
        .build()
}

#[derive(Debug)]
struct Prints;

impl SpanProcessor for Prints {
    fn on_start(&self, span: &mut Span, _: &Context) {
        assert_silent(span);
    }

    fn on_ending(&self, span: &mut Span) {
        assert_silent(span);
    }

    fn on_end(&self, span: &SpanRecord<'_>, _: &InstrumentationScope) {
        assert_silent(span);
    }
}

impl SpanExporter for Prints {
    fn component_type(&self) -> &'static str {
        "prints"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        assert_silent(batch);
        assert_silent(&batch.spans());
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

#[test]
fn debug_of_no_public_type_prints_what_spans_and_resources_hold() {
    let recorder = Recorder::default();
    let sdk = SdkProcessor::new(SimpleSpanProcessor::new(InMemorySpanExporter::default()));
    let builder = TracerProvider::builder()
        .resource(resource())
        .processor(Prints)
        .processor(sdk)
        .exporter(Prints)
        .exporter(recorder.clone());
    assert_silent(&builder);
    let provider = builder.build().expect("provider");
    let scope = InstrumentationScope::builder(CANARY)
        .with_attributes([attribute()])
        .build();
    let tracer = provider.tracer_with_scope(scope);
    let mut span = tracer
        .span_builder(CANARY)
        .with_attributes([attribute()])
        .start(&tracer);
    span.add_event(CANARY, vec![attribute()]);
    span.set_status(Status::error(CANARY));
    assert_silent(&span);
    assert_silent(&span.record());
    span.end();
    assert_silent(&span);
    provider.force_flush(TIMEOUT).expect("flush");
    assert_silent(&tracer);
    assert_silent(&provider);
    assert_silent(&provider.stats());
    provider.shutdown(TIMEOUT).expect("shutdown");
    assert_eq!(
        (recorder.distinct(), provider.stats().processor_panics),
        (1, 0)
    );
}

#[test]
fn debug_of_no_adapter_prints_the_resource() {
    let memory = InMemorySpanExporter::default();
    let mut exporter = SdkExporter::new(memory.clone());
    SpanExporter::set_resource(&mut exporter, &resource());
    assert_silent(&exporter);
    let mut processor = SdkProcessor::new(SimpleSpanProcessor::new(memory));
    SpanProcessor::set_resource(&mut processor, &resource());
    assert_silent(&processor);
    let mut rings =
        RingProcessor::new(vec![Box::new(exporter)], BatchConfig::default()).expect("processor");
    rings.set_resource(&resource());
    assert_silent(&rings);
}
