//! The independent implementations: prost's types generated from the OTLP protos, and the stock
//! SDK with its transformation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, SpanId, TraceId, Value,
    trace::{
        Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceState, Tracer as _, TracerProvider,
    },
};
use opentelemetry_proto::{
    tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{ResourceSpans, Span},
    },
    transform::trace::tonic::group_spans_by_resource_and_scope,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{IdGenerator, SdkTracerProvider, SpanData, SpanExporter},
};
use prost::Message as _;
use tracer_core::SpanLimits;

use super::Encoder;
use crate::otlp::testing::batch;

#[test]
fn requests_equal_those_of_the_stock_sdk() {
    let limits = SpanLimits::default()
        .max_attributes(6)
        .max_events(2)
        .max_links(2)
        .max_attributes_per_event(1)
        .max_attributes_per_link(1);
    let batch = batch(resource(), limits, record);
    let mut encoder = Encoder::default();
    let ours = ExportTraceServiceRequest::decode(encoder.request(&batch).unwrap()).unwrap();
    let [ours] = ours.resource_spans.try_into().unwrap();
    let ids = spans(&ours)
        .map(|span| {
            (
                span.name.clone(),
                (span.trace_id.clone(), span.span_id.clone()),
            )
        })
        .collect();

    let stock = record_with_stock_sdk(ids);
    assert_eq!(normal(ours), normal(stock));
}

#[test]
fn encoding_is_the_same_whatever_was_encoded_before() {
    let large = batch(resource(), SpanLimits::default(), record);
    let small = batch(
        Resource::builder_empty().build(),
        SpanLimits::default(),
        |provider| {
            provider.tracer("only").start("one").end();
        },
    );
    let mut fresh = Encoder::default();
    let expected_len = fresh.encode(&small, 0).unwrap();
    let mut used = Encoder::default();
    used.encode(&large, 0).unwrap();
    let len = used.encode(&small, 0).unwrap();
    assert_eq!(used.bytes(len), fresh.bytes(expected_len));
    let led = used.encode(&small, 5).unwrap();
    assert_eq!(&used.bytes(led)[5..], fresh.bytes(expected_len));

    let request = ExportTraceServiceRequest::decode(used.bytes(led).split_at(5).1).unwrap();
    let scopes = &request.resource_spans[0].scope_spans;
    assert_eq!(scopes.len(), 1);
    assert_eq!(scopes[0].scope.as_ref().unwrap().name, "only");
}

#[test]
fn scopes_of_any_number_keep_their_spans_apart() {
    let batch = batch(resource(), SpanLimits::default(), |provider| {
        for turn in 0..3 {
            for scope in 0..40 {
                let tracer = provider.tracer(format!("scope {scope}"));
                // Lengths on both sides of one-byte and two-byte varints.
                tracer.start("x".repeat(scope * 9 + turn)).end();
            }
        }
        provider.tracer("without spans");
    });
    let mut encoder = Encoder::default();
    let len = encoder.encode(&batch, 0).unwrap();
    let request = ExportTraceServiceRequest::decode(encoder.bytes(len)).unwrap();
    let scopes = &request.resource_spans[0].scope_spans;
    assert_eq!(scopes.len(), 40);
    for (index, scope) in scopes.iter().enumerate() {
        assert_eq!(scope.scope.as_ref().unwrap().name, format!("scope {index}"));
        let lens: Vec<_> = scope.spans.iter().map(|span| span.name.len()).collect();
        assert_eq!(lens, [index * 9, index * 9 + 1, index * 9 + 2]);
    }
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_schema_url(
            [
                KeyValue::new("service.name", "encode"),
                KeyValue::new("flag", false),
                KeyValue::new("minus", -1),
                KeyValue::new("ratio", 0.0),
                KeyValue::new("empty", ""),
                KeyValue::new("list", Value::Array(Array::I64(vec![1, -2, i64::MAX]))),
            ],
            "https://opentelemetry.io/schemas/1.40.0",
        )
        .build()
}

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
}

fn remote(flags: TraceFlags) -> SpanContext {
    let state = TraceState::from_key_value([("vendor", "a:b"), ("other", "1")]).unwrap();
    let trace_id = TraceId::from(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
    SpanContext::new(
        trace_id,
        SpanId::from(0x1112_1314_1516_1718),
        flags,
        true,
        state,
    )
}

/// Every kind of thing a span can hold, some beyond the limits, in two scopes. Names are unique.
fn record<P: TracerProvider>(provider: &P)
where
    <P::Tracer as opentelemetry::trace::Tracer>::Span: Send + Sync + 'static,
{
    let scope = InstrumentationScope::builder("db")
        .with_version("1.2.3")
        .with_schema_url("https://opentelemetry.io/schemas/1.30.0")
        .with_attributes([KeyValue::new("pool", 7)])
        .build();
    let (plain, db) = (provider.tracer("http"), provider.tracer_with_scope(scope));
    provider.tracer("unused");

    let root = plain
        .span_builder("root")
        .with_kind(SpanKind::Server)
        .with_start_time(at(0));
    let root = plain.build_with_context(root, &Context::new());
    let cx = Context::new().with_span(root);

    let kinds = [
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
        SpanKind::Internal,
    ];
    for (name, kind) in ["client", "producer", "consumer", "internal"]
        .into_iter()
        .zip(kinds)
    {
        let builder = db.span_builder(name).with_kind(kind).with_start_time(at(1));
        let mut child = db.build_with_context(builder, &cx);
        for (key, value) in values() {
            child.set_attribute(KeyValue::new(key, value));
        }
        child.set_status(Status::error(format!("{name} broke: ü")));
        child.end_with_timestamp(at(2));
    }

    let remote_cx = Context::new().with_remote_span_context(remote(TraceFlags::SAMPLED));
    let link = |number: i64| {
        let attributes = vec![KeyValue::new("link", number), KeyValue::new("beyond", 1)];
        Link::new(remote(TraceFlags::new(number as u8)), attributes, 0)
    };
    let builder = plain
        .span_builder("server behind a client")
        .with_links(vec![link(0), link(1), link(2)])
        .with_start_time(at(3));
    let mut server = plain.build_with_context(builder, &remote_cx);
    for number in 0..4_i64 {
        let attributes = vec![
            KeyValue::new("event", number),
            KeyValue::new("beyond", true),
        ];
        server.add_event_with_timestamp(format!("event {number}"), at(4), attributes);
    }
    server.add_event_with_timestamp("bare", at(4), vec![]);
    server.set_status(Status::Ok);
    server.end_with_timestamp(at(u32::MAX.into()));

    cx.span().set_attribute(KeyValue::new("http.route", "/"));
    cx.span().end_with_timestamp(at(5));
}

fn values() -> Vec<(&'static str, Value)> {
    vec![
        ("string", "ü".repeat(100).into()),
        ("bool", Value::Bool(true)),
        ("int", Value::I64(i64::MIN)),
        ("double", Value::F64(-0.1)),
        (
            "strings",
            Value::Array(Array::String(vec!["a".into(), "".into()])),
        ),
        (
            "doubles",
            Value::Array(Array::F64(vec![1.5, f64::INFINITY])),
        ),
        (
            "beyond the limit",
            Value::Array(Array::Bool(vec![true, false])),
        ),
    ]
}

/// Records the same again; `ids` has the ids to use by the span's name.
fn record_with_stock_sdk(ids: HashMap<String, (Vec<u8>, Vec<u8>)>) -> ResourceSpans {
    let capture = StockCapture::default();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_id_generator(Replay::new(&ids))
        .with_max_attributes_per_span(6)
        .with_max_events_per_span(2)
        .with_max_links_per_span(2)
        .with_max_attributes_per_event(1)
        .with_max_attributes_per_link(1)
        .with_simple_exporter(capture.clone())
        .build();
    record(&provider);
    let spans = std::mem::take(&mut *capture.0.lock().unwrap());
    let grouped = group_spans_by_resource_and_scope(spans, &(&resource()).into());
    let [resource_spans] = grouped.try_into().unwrap();
    resource_spans
}

#[derive(Clone, Debug, Default)]
struct StockCapture(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for StockCapture {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// Hands out ids that were used before, in the order in which `record` starts spans.
#[derive(Debug)]
struct Replay {
    trace_id: TraceId,
    span_ids: Mutex<std::array::IntoIter<SpanId, 6>>,
}

impl Replay {
    fn new(ids: &HashMap<String, (Vec<u8>, Vec<u8>)>) -> Self {
        let order = [
            "root",
            "client",
            "producer",
            "consumer",
            "internal",
            "server behind a client",
        ];
        let span_ids = order.map(|name| SpanId::from_bytes(ids[name].1[..].try_into().unwrap()));
        Self {
            trace_id: TraceId::from_bytes(ids["root"].0[..].try_into().unwrap()),
            span_ids: Mutex::new(span_ids.into_iter()),
        }
    }
}

impl IdGenerator for Replay {
    fn new_trace_id(&self) -> TraceId {
        self.trace_id
    }

    fn new_span_id(&self) -> SpanId {
        self.span_ids.lock().unwrap().next().unwrap()
    }
}

fn spans(resource_spans: &ResourceSpans) -> impl Iterator<Item = &Span> {
    resource_spans
        .scope_spans
        .iter()
        .flat_map(|scope| &scope.spans)
}

/// Takes away what may differ between two right encodings: the order of scopes, of spans and of
/// the resource's attributes (both come out of a hash map), an unset status that is written or
/// left out, and the random flag, which the stock SDK does not know.
fn normal(mut resource_spans: ResourceSpans) -> ResourceSpans {
    let resource = resource_spans.resource.as_mut().unwrap();
    resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
    let name = |scope: &opentelemetry_proto::tonic::trace::v1::ScopeSpans| {
        scope.scope.as_ref().unwrap().name.clone()
    };
    resource_spans.scope_spans.sort_by_key(name);
    for scope in &mut resource_spans.scope_spans {
        scope.spans.sort_by(|a, b| a.name.cmp(&b.name));
        for span in &mut scope.spans {
            span.status.get_or_insert_default();
            span.flags &= !0x02;
        }
    }
    resource_spans
}
