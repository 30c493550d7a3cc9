//! The traits of `opentelemetry` record what the stock SDK records. The same program runs with
//! both, and the spans are compared field by field.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, Value,
    trace::{
        Event, Link, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
        TraceId, TraceState, Tracer, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracer_core::{SpanLimits, TracerProvider};

use crate::support::{Recorder, TIMEOUT, balanced, process::in_own_process, provider};

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn remote(flags: u8, state: &str) -> SpanContext {
    SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::new(flags),
        true,
        state.parse().expect("trace state"),
    )
}

/// Everything the API has, with explicit times so that two runs compare equal.
fn program<T>(tracer: &T)
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let parent = Context::new().with_remote_span_context(remote(1, "a=1,b=2"));
    let mut span = tracer
        .span_builder("rpc")
        .with_kind(SpanKind::Server)
        .with_start_time(time(0))
        .with_attributes([KeyValue::new("at.start", true)])
        .with_events(vec![Event::new(
            "born",
            time(1),
            vec![KeyValue::new("n", 1)],
            0,
        )])
        .with_links(vec![Link::new(
            remote(3, "x=y"),
            vec![KeyValue::new("why", "batch")],
            0,
        )])
        .start_with_context(tracer, &parent);
    span.set_attributes([
        KeyValue::new("int", -5),
        KeyValue::new("double", 0.25),
        KeyValue::new("text", "grüße"),
        KeyValue::new("ints", Value::Array(vec![1_i64, -1].into())),
        KeyValue::new(
            "texts",
            Value::Array(Array::String(vec!["a".into(), "b".into()])),
        ),
    ]);
    span.add_event_with_timestamp("half way", time(2), vec![KeyValue::new("ok", false)]);
    span.add_link(remote(0, ""), vec![]);
    span.update_name("rpc.Service/Call");
    span.set_status(Status::error("broken"));
    span.end_with_timestamp(time(3));

    for kind in [
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
        SpanKind::Internal,
    ] {
        let mut span = tracer
            .span_builder(Cow::Owned(format!("{kind:?}")))
            .with_kind(kind)
            .with_start_time(time(4))
            .start_with_context(tracer, &parent);
        span.set_status(Status::Ok);
        span.set_status(Status::error("too late"));
        span.end_with_timestamp(time(5));
        span.set_attribute(KeyValue::new("after", "end"));
        assert!(!span.is_recording());
    }
}

fn ours(limits: SpanLimits, program: impl FnOnce(&tracer_core::Tracer)) -> Vec<SpanData> {
    let recorder = Recorder::default();
    let provider = TracerProvider::builder()
        .exporter(recorder.clone())
        .span_limits(limits)
        .build()
        .expect("provider");
    program(&provider.tracer_with_scope(scope()));
    provider.shutdown(TIMEOUT).expect("shutdown");
    balanced(&provider);
    recorder.spans()
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("library")
        .with_version("1.2")
        .with_schema_url("https://example.test/schema")
        .with_attributes([KeyValue::new("scope", "attribute")])
        .build()
}

#[test]
fn spans_equal_those_of_the_stock_sdk_field_by_field() {
    let memory = InMemorySpanExporter::default();
    let stock = SdkTracerProvider::builder()
        .with_simple_exporter(memory.clone())
        .build();
    program(&stock.tracer_with_scope(scope()));
    let expected = memory.get_finished_spans().expect("stock spans");
    let mut spans = ours(SpanLimits::default(), program);
    assert_eq!(spans.len(), 5);
    for (span, expected) in spans.iter_mut().zip(&expected) {
        // The only field that is random by nature.
        assert_ne!(span.span_context.span_id(), SpanId::INVALID);
        span.span_context = SpanContext::new(
            span.span_context.trace_id(),
            expected.span_context.span_id(),
            span.span_context.trace_flags(),
            span.span_context.is_remote(),
            span.span_context.trace_state().clone(),
        );
        assert_eq!(span, expected);
    }
}

#[test]
fn limits_cut_and_count_as_the_stock_sdk_does() {
    fn many<T: Tracer>(tracer: &T) {
        let mut span = tracer
            .span_builder("many")
            .with_start_time(time(0))
            .start(tracer);
        let key = |n: i64| KeyValue::new(format!("key.{n}"), n);
        for n in 0..5 {
            span.set_attribute(key(n));
            span.add_event_with_timestamp("e", time(1), (0..n).map(key).collect());
            span.add_link(remote(1, ""), (0..n).map(key).collect());
        }
        span.end_with_timestamp(time(2));
    }
    let memory = InMemorySpanExporter::default();
    let stock = SdkTracerProvider::builder()
        .with_max_attributes_per_span(3)
        .with_max_events_per_span(4)
        .with_max_links_per_span(4)
        .with_max_attributes_per_event(2)
        .with_max_attributes_per_link(1)
        .with_simple_exporter(memory.clone())
        .build();
    many(&stock.tracer("t"));
    let limits = SpanLimits::default()
        .max_attributes(3)
        .max_events(4)
        .max_links(4)
        .max_attributes_per_event(2)
        .max_attributes_per_link(1);
    let (ours, stock) = (
        ours(limits, many),
        memory.get_finished_spans().expect("spans"),
    );
    let (ours, stock) = (&ours[0], &stock[0]);
    assert_eq!(ours.attributes, stock.attributes);
    assert_eq!(
        ours.dropped_attributes_count,
        stock.dropped_attributes_count
    );
    assert_eq!(ours.events, stock.events);
    assert_eq!(ours.links, stock.links);
}

/// Attribute keys are unique and the last value wins (common/README.md "Attribute Collections");
/// the stock SDK exports both.
#[test]
fn setting_a_key_again_replaces_its_value_wherever_it_stands() {
    let spans = ours(SpanLimits::default().max_attributes(3), |tracer| {
        let mut span = tracer.start("x");
        for (key, value) in [("a", 1), ("bb", 2), ("c", 3)] {
            span.set_attribute(KeyValue::new(key, value));
            span.add_event(key, vec![]);
        }
        span.update_name("a longer name");
        span.set_attribute(KeyValue::new("a", "longer than before"));
        span.set_attribute(KeyValue::new("c", "last"));
        span.set_attribute(KeyValue::new("bb", true));
        span.set_attribute(KeyValue::new("d", "over the limit"));
    });
    assert_eq!(spans[0].name, "a longer name");
    assert_eq!(
        spans[0].attributes,
        [
            KeyValue::new("a", "longer than before"),
            KeyValue::new("c", "last"),
            KeyValue::new("bb", true),
        ]
    );
    assert_eq!(spans[0].dropped_attributes_count, 1);
    let events: Vec<_> = spans[0]
        .events
        .iter()
        .map(|event| event.name.as_ref())
        .collect();
    assert_eq!(events, ["a", "bb", "c"]);
}

/// "Only the value of the last call will be recorded" (trace/api.md "Set Status"); the stock SDK
/// keeps the description that sorts higher.
#[test]
fn last_error_status_wins_and_unset_is_ignored() {
    let spans = ours(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("x");
        span.set_status(Status::error("b"));
        span.set_status(Status::error("a"));
        span.set_status(Status::Unset);
    });
    assert_eq!(spans[0].status, Status::error("a"));
}

#[test]
fn roots_carry_the_random_flag_and_children_all_flags_of_their_parent() {
    ours(SpanLimits::default(), |tracer| {
        let root = tracer.start("root");
        assert_eq!(root.span_context().trace_flags().to_u8(), 0x03);
        let parent = Context::new().with_remote_span_context(remote(0xa5, ""));
        let child = tracer.start_with_context("child", &parent);
        assert_eq!(child.span_context().trace_flags().to_u8(), 0xa5);
        let parent = Context::new().with_remote_span_context(remote(0xa4, "k=v"));
        let unsampled = tracer.start_with_context("unsampled", &parent);
        assert!(!unsampled.is_recording());
        assert_eq!(unsampled.span_context().trace_flags().to_u8(), 0xa4);
        assert_eq!(unsampled.span_context().trace_state().get("k"), Some("v"));
        assert_ne!(
            unsampled.span_context().span_id(),
            SpanId::from(0x00f0_67aa_0ba9_02b7)
        );
    });
}

/// The stock SDK ignores the counts of data that the caller has already dropped.
#[test]
fn dropped_counts_of_given_events_and_links_are_kept() {
    let spans = ours(SpanLimits::default(), |tracer| {
        tracer
            .span_builder("x")
            .with_events(vec![Event::new("e", time(1), vec![], 7)])
            .with_links(vec![Link::new(remote(3, ""), vec![], 9)])
            .start(tracer);
    });
    assert_eq!(spans[0].events[0].dropped_attributes_count, 7);
    assert_eq!(spans[0].links[0].dropped_attributes_count, 9);
}

#[test]
fn active_span_is_the_parent_across_the_global_provider() {
    in_own_process!();
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    opentelemetry::global::set_tracer_provider(provider.clone());
    let tracer = opentelemetry::global::tracer("app");
    tracer.in_span("outer", |context| {
        let outer = context.span().span_context().clone();
        tracer.in_span("inner", |context| {
            let inner = context.span().span_context().clone();
            assert_eq!(inner.trace_id(), outer.trace_id());
        });
    });
    provider.force_flush(TIMEOUT).expect("flush");
    let spans = recorder.spans();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0].name, "inner");
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
    assert!(!spans[0].parent_span_is_remote);
    assert_eq!(spans[1].parent_span_id, SpanId::INVALID);
    for span in &spans {
        assert!(span.end_time >= span.start_time);
        let age = SystemTime::now()
            .duration_since(span.end_time)
            .expect("not in the future");
        assert!(age < Duration::from_secs(5), "{age:?}");
    }
    assert!(
        spans[0].start_time >= spans[1].start_time,
        "one clock for all spans"
    );
}

#[test]
fn exception_keeps_type_message_chain_and_the_callers_attributes() {
    let spans = ours(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("x");
        let error = "x".parse::<u8>().expect_err("no number");
        span.record_exception(&error, &[KeyValue::new("exception.message", "mine")]);
        span.record_error(&error);
        let hidden: Arc<dyn std::error::Error> = Arc::new(error);
        span.record_exception(&hidden, &[]);
    });
    let [rich, plain, hidden] = &spans[0].events.events[..] else {
        panic!("three events")
    };
    assert_eq!(rich.name, "exception");
    assert_eq!(
        rich.attributes,
        [
            KeyValue::new("exception.type", "core::num::error::ParseIntError"),
            KeyValue::new("exception.message", "mine"),
        ]
    );
    // The type behind a pointer is as unknown as that behind a reference.
    for unknown in [plain, hidden] {
        assert_eq!(
            unknown.attributes,
            [KeyValue::new(
                "exception.message",
                "invalid digit found in string"
            )]
        );
    }
}

#[test]
fn end_before_start_is_cut_to_the_start() {
    let spans = ours(SpanLimits::default(), |tracer| {
        let mut span = tracer.start("stepped");
        span.end_with_timestamp(time(0));
    });
    assert_eq!(spans[0].end_time, spans[0].start_time);
}

#[test]
fn suppressed_context_gives_no_span() {
    ours(SpanLimits::default(), |tracer| {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        assert!(!tracer.enabled());
        let span = tracer.start("x");
        assert!(!span.is_recording());
        assert!(!span.span_context().is_valid());
    });
}

#[test]
fn trace_state_of_the_sampler_reaches_the_exporter() {
    let state = TraceState::from_key_value([("k", "v")]).expect("state");
    let spans = ours(SpanLimits::default(), |tracer| {
        let parent = Context::new().with_remote_span_context(remote(1, "k=v"));
        tracer.start_with_context("x", &parent);
    });
    assert_eq!(*spans[0].span_context.trace_state(), state);
}
