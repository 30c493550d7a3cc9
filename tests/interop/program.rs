//! A program of spans that any implementation of the tracing traits can run.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Event, Link, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceId, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::Resource;

/// The trace that all spans with a parent in another process belong to.
pub const REMOTE_TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

/// Per span, where the program goes over.
pub const MAX_ATTRIBUTES: u32 = 24;
pub const MAX_EVENTS: u32 = 3;
pub const MAX_LINKS: u32 = 3;

pub fn resource() -> Resource {
    let attributes = [
        KeyValue::new("service.name", "interop"),
        KeyValue::new("größe", 1.5),
        KeyValue::new("canary", true),
        KeyValue::new("process.pid", 4711),
        KeyValue::new(
            "zones",
            Value::Array(Array::String(vec!["a".into(), "ß".into()])),
        ),
    ];
    let schema_url = "https://opentelemetry.io/schemas/1.37.0";
    Resource::builder_empty()
        .with_schema_url(attributes, schema_url)
        .build()
}

/// Everything the API has: all types, kinds and statuses, parents near and far, events, links,
/// exceptions, times given and times of the clock, more than the limits, and what must not arrive.
pub fn run<P>(provider: &P)
where
    P: TracerProvider,
    P::Tracer: Send + Sync + 'static,
    <P::Tracer as Tracer>::Span: Send + Sync + 'static,
{
    let web = InstrumentationScope::builder("web")
        .with_version("1.2.3")
        .with_schema_url("https://opentelemetry.io/schemas/1.36.0")
        .with_attributes([KeyValue::new("team", "checkout"), KeyValue::new("n", 1)])
        .build();
    let web = provider.tracer_with_scope(web);
    let plain = provider.tracer("plain");

    let root = server(&web);
    let near = client(&web, &root);
    kinds(&plain, &root, &near);
    crowded(&plain, &root);
    by_the_clock(&plain);
    unsampled(&plain);
    root.span().end_with_timestamp(time(900));
}

/// So many milliseconds, and some nanoseconds, into the program.
fn time(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        + Duration::new(1_700_000_000, 123_456_789)
        + Duration::from_millis(millis)
}

fn foreign(trace_id: u128, flags: TraceFlags, state: &str) -> SpanContext {
    let state = state.parse().unwrap();
    SpanContext::new(
        TraceId::from(trace_id),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        flags,
        true,
        state,
    )
}

fn far(flags: TraceFlags) -> Context {
    Context::new().with_remote_span_context(foreign(
        REMOTE_TRACE,
        flags,
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    ))
}

fn server<T>(tracer: &T) -> Context
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let mut span = tracer
        .span_builder("before")
        .with_kind(SpanKind::Server)
        .with_start_time(time(0))
        .with_attributes([
            KeyValue::new("at.start", true),
            KeyValue::new("text", "grüße, 漢字, 🎉, e\u{301}"),
        ])
        .with_events(vec![Event::new(
            "accepted",
            time(1),
            vec![KeyValue::new("bytes", 512)],
            0,
        )])
        .start_with_context(tracer, &far(TraceFlags::SAMPLED));
    span.set_attributes([
        KeyValue::new("text.empty", ""),
        KeyValue::new("text.control", "\t\n\" \\ \u{1} \0 <&>"),
        KeyValue::new("text.owned", "ab".repeat(300)),
        KeyValue::new("schlüssel", "key"),
        KeyValue::new("no", false),
        KeyValue::new("int.zero", 0),
        KeyValue::new("int.min", i64::MIN),
        KeyValue::new("int.max", i64::MAX),
        KeyValue::new("double", 0.1),
        KeyValue::new("double.zero", 0.0),
        KeyValue::new("double.infinity", f64::INFINITY),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new(
            "ints",
            Value::Array(Array::I64(vec![i64::MIN, 0, i64::MAX])),
        ),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.5, -0.0, 1e300]))),
        KeyValue::new(
            "texts",
            Value::Array(Array::String(vec!["a".into(), "".into()])),
        ),
        KeyValue::new("empty", Value::Array(Array::I64(vec![]))),
    ]);
    span.update_name("POST /checkout 漢字");
    Context::new().with_span(span)
}

fn client<T>(tracer: &T, parent: &Context) -> SpanContext
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let mut span = tracer
        .span_builder("charge")
        .with_kind(SpanKind::Client)
        .with_start_time(time(10))
        .start_with_context(tracer, parent);
    let attempt = vec![KeyValue::new("attempt", 2), KeyValue::new("final", false)];
    span.add_event_with_timestamp("retry", time(20), attempt);
    // This one has the time of the clock.
    span.record_error(&std::io::Error::other("card declined: №4"));
    span.set_status(Status::error("card declined"));
    span.end_with_timestamp(time(30));
    span.span_context().clone()
}

/// The other kinds, each with a link, under a parent in the process.
fn kinds<T>(tracer: &T, parent: &Context, near: &SpanContext)
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let kinds = [SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal];
    for (kind, at) in kinds.into_iter().zip([40, 50, 60]) {
        let why = vec![KeyValue::new("why", "batch"), KeyValue::new("n", 7)];
        let link = foreign(0x1111, TraceFlags::SAMPLED, "v=1-2");
        let mut span = tracer
            .span_builder(format!("{kind:?}"))
            .with_kind(kind)
            .with_start_time(time(at))
            .with_links(vec![Link::new(link, why, 0)])
            .start_with_context(tracer, parent);
        span.add_link(near.clone(), vec![]);
        span.set_status(Status::Ok);
        // A status that is ok stays so, and nothing counts after the end.
        span.set_status(Status::error("too late"));
        span.end_with_timestamp(time(at));
        span.set_attribute(KeyValue::new("after", "end"));
        span.end_with_timestamp(time(at + 1));
    }
}

/// Two more of everything than the limits allow.
fn crowded<T>(tracer: &T, parent: &Context)
where
    T: Tracer,
    T::Span: Send + Sync + 'static,
{
    let mut span = tracer
        .span_builder("crowded")
        .with_start_time(time(70))
        .start_with_context(tracer, parent);
    for number in 0..i64::from(MAX_ATTRIBUTES) + 2 {
        span.set_attribute(KeyValue::new(format!("n{number}"), number));
    }
    for number in 0..u64::from(MAX_EVENTS) + 2 {
        span.add_event_with_timestamp(format!("e{number}"), time(71 + number), vec![]);
    }
    for number in 1..=u128::from(MAX_LINKS) + 2 {
        span.add_link(foreign(number, TraceFlags::NOT_SAMPLED, ""), vec![]);
    }
    span.end_with_timestamp(time(80));
}

/// A trace of its own, with no time given.
fn by_the_clock<T: Tracer>(tracer: &T) {
    let mut span = tracer
        .span_builder("clock")
        .start_with_context(tracer, &Context::new());
    span.add_event("tick", vec![]);
    span.end();
}

fn unsampled<T: Tracer>(tracer: &T) {
    let mut span = tracer
        .span_builder("unsampled")
        .start_with_context(tracer, &far(TraceFlags::NOT_SAMPLED));
    assert!(!span.is_recording());
    span.end();
}
