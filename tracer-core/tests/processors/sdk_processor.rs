//! Processors written for the stock SDK run in a provider of this crate.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        Event, Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
        TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span as SdkSpan, SpanData, SpanProcessor},
};
use tracer_core::{FlushError, ShutdownError, TracerProvider, sdk::SdkProcessor};

use crate::support::{Recorder, TIMEOUT, balanced};

/// The calls that a processor of the SDK has received.
#[derive(Debug, Default)]
struct Seen {
    resource: Option<Resource>,
    started: Vec<SpanData>,
    ended: Vec<SpanData>,
    calls: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct Stock {
    seen: Arc<Mutex<Seen>>,
    ends_at_start: bool,
}

fn link() -> SpanContext {
    SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("a", "1")]).expect("tracestate"),
    )
}

impl SpanProcessor for Stock {
    fn on_start(&self, span: &mut SdkSpan, parent: &Context) {
        assert!(parent.has_active_span());
        let data = span.exported_data().expect("recording");
        self.seen.lock().unwrap().started.push(data);
        if self.ends_at_start {
            return span.end();
        }
        span.set_attribute(KeyValue::new("from.stock", true));
        span.set_attribute(KeyValue::new("a", 2));
        span.add_event("stock", vec![KeyValue::new("n", 3)]);
        span.add_link(link(), vec![KeyValue::new("n", 4)]);
        span.set_status(Status::error("stock"));
        span.update_name("renamed");
    }

    fn on_end(&self, span: SpanData) {
        self.seen.lock().unwrap().ended.push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.seen.lock().unwrap().calls.push("flush");
        Err(OTelSdkError::InternalFailure("secret".to_owned()))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        assert!(timeout <= TIMEOUT && timeout > TIMEOUT / 2);
        self.seen.lock().unwrap().calls.push("shutdown");
        Err(OTelSdkError::Timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.seen.lock().unwrap().resource = Some(resource.clone());
    }
}

#[test]
fn processor_of_the_sdk_sees_the_span_and_changes_it_at_its_start() {
    let stock = Stock::default();
    let recorder = Recorder::default();
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "shop"))
        .build();
    let provider = TracerProvider::builder()
        .resource(resource.clone())
        .processor(SdkProcessor::new(stock.clone()))
        .exporter(recorder.clone())
        .build()
        .expect("provider");
    let parent = SpanContext::new(
        TraceId::from(7),
        SpanId::from(8),
        TraceFlags::new(0x03),
        true,
        TraceState::from_key_value([("vendor", "x")]).expect("tracestate"),
    );
    let context = Context::new().with_remote_span_context(parent.clone());
    let tracer = provider.tracer("scope");
    let start = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
    let builder = tracer
        .span_builder("work")
        .with_kind(SpanKind::Consumer)
        .with_start_time(start)
        .with_attributes([KeyValue::new("a", 1), KeyValue::new("b", "x")])
        .with_events(vec![Event::new("first", start, vec![], 0)])
        .with_links(vec![Link::new(parent.clone(), vec![], 0)]);
    let mut span = tracer.build_with_context(builder, &context);
    let own = span.span_context().clone();
    span.end_with_timestamp(start + Duration::from_secs(1));
    assert_eq!(provider.force_flush(TIMEOUT), Err(FlushError::Processor));
    let late = ShutdownError::Flush(FlushError::Deadline);
    assert_eq!(provider.shutdown(TIMEOUT), Err(late));

    let seen = stock.seen.lock().unwrap();
    assert_eq!(seen.resource, Some(resource));
    assert_eq!(seen.calls, ["flush", "shutdown"]);
    let started = &seen.started[0];
    assert_eq!(started.span_context, own);
    assert_eq!(started.parent_span_id, parent.span_id());
    assert!(started.parent_span_is_remote);
    assert_eq!(started.span_kind, SpanKind::Consumer);
    assert_eq!((&*started.name, started.start_time), ("work", start));
    let given = [KeyValue::new("a", 1), KeyValue::new("b", "x")];
    assert_eq!(started.attributes, given);
    assert_eq!((started.events.len(), started.links.len()), (1, 1));
    assert_eq!(started.instrumentation_scope.name(), "scope");

    let ended = &seen.ended[0];
    assert_eq!(recorder.spans(), std::slice::from_ref(ended));
    assert_eq!(
        (&*ended.name, &ended.status),
        ("renamed", &Status::error("stock"))
    );
    let changed = [
        KeyValue::new("b", "x"),
        KeyValue::new("from.stock", true),
        KeyValue::new("a", 2),
    ];
    assert_eq!(ended.attributes, changed);
    let events: Vec<_> = ended.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["first", "stock"]);
    assert_eq!(ended.events[1].attributes, [KeyValue::new("n", 3)]);
    assert_eq!(ended.links.len(), 2);
    assert_eq!(ended.links[1].span_context, link());
    assert_eq!(ended.links[1].attributes, [KeyValue::new("n", 4)]);
    assert_eq!(balanced(&provider).processor_panics, 0);
}

#[test]
fn span_that_a_processor_ends_at_its_start_has_ended() {
    let stock = Stock {
        ends_at_start: true,
        ..Stock::default()
    };
    let provider = TracerProvider::builder()
        .processor(SdkProcessor::new(stock.clone()))
        .build()
        .expect("provider");
    let context = Context::new().with_remote_span_context(link());
    let span = provider.tracer("t").start_with_context("x", &context);
    assert!(!span.is_recording());
    let seen = stock.seen.lock().unwrap();
    assert_eq!((seen.started.len(), seen.ended.len()), (1, 1));
}
