//! What a span records.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Status, Tracer},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample};
use tracer_core::{TracerProvider, sdk::SdkExporter};
use tracer_tests::poll::PATIENCE;

use crate::{Keeper, both};

#[derive(Clone, Debug)]
struct RecordOnly;

impl ShouldSample for RecordOnly {
    fn should_sample(
        &self,
        _: Option<&opentelemetry::Context>,
        _: opentelemetry::TraceId,
        _: &str,
        _: &opentelemetry::trace::SpanKind,
        _: &[KeyValue],
        _: &[opentelemetry::trace::Link],
    ) -> SamplingResult {
        SamplingResult {
            decision: SamplingDecision::RecordOnly,
            attributes: Vec::new(),
            trace_state: opentelemetry::trace::TraceState::NONE,
        }
    }
}

/// trace/sdk.md "Sampling": exporters should not receive spans that are recorded only.
#[test]
fn d1_spans_that_are_recorded_only_are_not_exported() {
    fn program<P: opentelemetry::trace::TracerProvider>(provider: &P) {
        provider.tracer("t").start("recorded").end();
    }
    let keeper = Keeper::default();
    let ours = TracerProvider::builder()
        .sampler(RecordOnly)
        .exporter(SdkExporter::new(keeper.clone()))
        .build()
        .unwrap();
    program(&ours);
    ours.shutdown(PATIENCE).unwrap();
    assert_eq!(keeper.spans(), []);
    assert_eq!(ours.stats().not_sampled, 1);

    let keeper = Keeper::default();
    let stock = SdkTracerProvider::builder()
        .with_sampler(RecordOnly)
        .with_batch_exporter(keeper.clone())
        .build();
    program(&stock);
    stock.shutdown().unwrap();
    // Stock today: exported, because the batch processor does not look at the flag.
    assert_eq!(keeper.spans().len(), 1);
}

/// common/README.md "Attribute Collections": exported keys must be unique.
#[test]
fn d2_attribute_keys_are_unique() {
    fn program<T: Tracer>(tracer: &T) {
        let mut span = tracer.start("x");
        span.set_attribute(KeyValue::new("k", 1));
        span.set_attribute(KeyValue::new("k", 2));
        span.add_event("e", vec![KeyValue::new("k", 1), KeyValue::new("k", 2)]);
    }
    let [ours, stock] = both(program, program);
    assert_eq!(ours[0].attributes, [KeyValue::new("k", 2)]);
    assert_eq!(ours[0].events[0].attributes, [KeyValue::new("k", 2)]);
    // Stock today: both are kept.
    assert_eq!(stock[0].attributes.len(), 2);
    assert_eq!(stock[0].events[0].attributes.len(), 2);
}

/// trace/api.md "Set Status": only the value of the last call is recorded.
#[test]
fn d3_last_error_wins() {
    fn program<T: Tracer>(tracer: &T) {
        let mut span = tracer.start("x");
        span.set_status(Status::error("b"));
        span.set_status(Status::error("a"));
    }
    let [ours, stock] = both(program, program);
    assert_eq!(ours[0].status, Status::error("a"));
    // Stock today: descriptions are compared, and the greater one stays.
    assert_eq!(stock[0].status, Status::error("b"));
}

/// A wall clock that is set back must not give a span that ends before it starts. The stock SDK
/// takes both times from that clock; here both are given, since no test may set the machine's.
#[test]
fn d14_no_span_ends_before_it_starts() {
    fn program<T: Tracer>(tracer: &T) {
        let at =
            |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        let builder = tracer.span_builder("x").with_start_time(at(10));
        builder.start(tracer).end_with_timestamp(at(5));
    }
    let [ours, stock] = both(program, program);
    assert_eq!(ours[0].end_time, ours[0].start_time);
    // Stock today: as given.
    assert!(stock[0].end_time < stock[0].start_time);
}

/// common/README.md "Attribute": the key must not be empty.
#[test]
fn empty_keys_are_dropped_and_counted() {
    fn program<T: Tracer>(tracer: &T) {
        tracer.start("x").set_attribute(KeyValue::new("", 1));
    }
    let [ours, stock] = both(program, program);
    assert_eq!(ours[0].attributes, []);
    assert_eq!(ours[0].dropped_attributes_count, 1);
    // Stock today: kept.
    assert_eq!(stock[0].attributes.len(), 1);
}

/// A value without a limit lets one attribute take the memory of thousands of spans.
#[test]
fn values_have_a_limit() {
    fn program<T: Tracer>(tracer: &T) {
        let huge = "x".repeat(1 << 20);
        tracer.start("x").set_attribute(KeyValue::new("k", huge));
    }
    let [ours, stock] = both(program, program);
    assert_eq!(ours[0].attributes[0].value.as_str().len(), 4096);
    // Stock today: there is none to set.
    assert_eq!(stock[0].attributes[0].value.as_str().len(), 1 << 20);
}
