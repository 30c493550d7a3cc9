//! The spans that a test's provider shows, and the isolation of providers from each other.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Array, Context, KeyValue, SpanId, TraceId, Value,
    trace::{
        Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::Resource;
use tracer_core::{
    TraceIdRandomness, TracerProvider,
    testing::{InMemoryExporter, ManualClock, SequentialIds, TestProvider, assert_trace},
};

use crate::panic_of;

fn context(trace: u128, span: u64, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::SAMPLED,
        is_remote,
        TraceState::NONE,
    )
}

/// A span with something of each kind, and two children.
fn order(trace: &TestProvider) {
    let tracer = trace.tracer("shop");
    let mut root = tracer
        .span_builder("GET /orders/{id}")
        .with_kind(SpanKind::Server)
        .start(&tracer);
    root.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
    root.set_attribute(KeyValue::new("http.response.status_code", 500));
    let root = Context::current_with_span(root);
    let mut query = tracer
        .span_builder("SELECT orders")
        .with_kind(SpanKind::Client)
        .start_with_context(&tracer, &root);
    query.set_attribute(KeyValue::new("db.system.name", "postgresql"));
    let query_context = query.span_context().clone();
    query.end();
    let mut charge = tracer.start_with_context("charge", &root);
    charge.add_event("retry", vec![KeyValue::new("attempt", 1)]);
    charge.add_event("retry", vec![KeyValue::new("attempt", 2)]);
    charge.add_link(query_context, vec![KeyValue::new("why", "price")]);
    charge.set_status(Status::error("card refused"));
    charge.end();
    root.span().set_status(Status::error(""));
}

const ORDER: &str = r#"
"GET /orders/{id}" server error
    http.response.status_code = 500
    http.route = "/orders/{id}"
    "SELECT orders" client
        db.system.name = "postgresql"
    "charge" error "card refused"
        event "retry"
            attempt = 1
        event "retry"
            attempt = 2
        link "SELECT orders" 1/2
            why = "price"
"#;

#[test]
fn tree_shows_all_that_was_recorded() {
    let trace = TestProvider::new();
    order(&trace);
    assert_eq!(trace.tree(), ORDER.trim_start());
    assert_trace!(trace, ORDER);
    assert_trace!(trace.spans(), &format!("exactly\n{ORDER}"));
    trace.balance();
}

#[test]
fn finished_span_has_every_field() {
    let trace = TestProvider::with(|builder| {
        let resource = Resource::builder_empty().with_service_name("shop");
        builder.resource(resource.build())
    });
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
    let tracer = trace.tracer("library");
    let parent = Context::new().with_remote_span_context(context(7, 8, true));
    let mut span = tracer
        .span_builder("x")
        .with_kind(SpanKind::Consumer)
        .with_links(vec![Link::with_context(context(5, 6, true))])
        .start_with_context(&tracer, &parent);
    span.set_attribute(KeyValue::new("k", 1));
    trace.clock().advance(Duration::from_millis(2));
    span.add_event("e", vec![]);
    trace.clock().advance(Duration::from_millis(3));
    span.set_status(Status::Ok);
    span.end();
    let spans = trace.spans();
    let span = &spans[0];
    assert_eq!(span.name, "x");
    assert_eq!(span.kind, SpanKind::Consumer);
    assert_eq!(span.trace_id(), TraceId::from(7));
    assert_eq!(span.span_id(), SpanId::from(1));
    assert_eq!(span.parent_span_id, SpanId::from(8));
    assert!(span.parent_is_remote);
    assert_eq!(span.start, start);
    assert_eq!(span.end, start + Duration::from_millis(5));
    assert_eq!(span.duration(), Duration::from_millis(5));
    assert_eq!(span.events[0].timestamp, start + Duration::from_millis(2));
    assert_eq!(span.links[0].span_context.span_id(), SpanId::from(6));
    assert_eq!(span.status, Status::Ok);
    assert_eq!(span.attributes, [KeyValue::new("k", 1)]);
    assert_eq!(span.attribute("k"), Some(&Value::I64(1)));
    assert_eq!(span.attribute("l"), None);
    assert_eq!(span.scope.name(), "library");
    let service = span.resource.get(&"service.name".into());
    assert_eq!(service, Some("shop".into()));
    assert_trace!(trace, r#" "x" consumer remote ok "#);
}

#[test]
fn values_of_all_types_are_told_apart_and_escaped() {
    let trace = TestProvider::new();
    let mut span = trace.tracer("t").start("say \"hi\"\n");
    span.set_attributes([
        KeyValue::new("array of one", Value::Array(vec![1].into())),
        KeyValue::new("bools", Value::Array(vec![true, false].into())),
        KeyValue::new("float", 1.0),
        KeyValue::new("floats", Value::Array(vec![0.5, -2.0].into())),
        KeyValue::new("int", -1),
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("none", Value::Array(Array::I64(Vec::new()))),
        KeyValue::new("text", "1\\ \u{301}"),
        KeyValue::new(
            "texts",
            Value::Array(Array::String(vec!["a, b".into(), "]".into()])),
        ),
    ]);
    span.end();
    let tree = r#"
"say \"hi\"\n"
    "array of one" = [1]
    bools = [true, false]
    float = 1.0
    floats = [0.5, -2.0]
    int = -1
    nan = NaN
    none = []
    text = "1\\ \u{301}"
    texts = ["a, b", "]"]
"#;
    assert_eq!(trace.tree(), tree.trim_start());
    assert_trace!(trace, tree);
}

/// The parent of a top span is still open, in another process, or unknown.
#[test]
fn top_of_a_tree_says_where_its_parent_is() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let open = Context::new().with_span(tracer.start("open"));
    tracer.start_with_context("child", &open);
    let elsewhere = Context::new().with_remote_span_context(context(9, 9, true));
    let joined = Context::new().with_span(tracer.start_with_context("joined", &elsewhere));
    tracer.start_with_context("below", &joined);
    drop(joined);
    assert_trace!(
        trace,
        r#"
        "child" orphan
        "joined" remote
            "below"
        "#
    );
    let message = panic_of(|| assert_trace!(trace, r#" "child" "#));
    let first = "span \"child\" has a parent that has not ended or is not here, not no parent\n\
                 (1 span not ended)\n";
    assert!(message.starts_with(first), "{message}");
    drop(open);
    trace.balance();
}

#[test]
fn ledger_names_what_is_open_or_lost() {
    let trace = TestProvider::new();
    let mut span = trace.tracer("t").start("x");
    let message = panic_of(|| drop(trace.balance()));
    assert!(
        message.starts_with("1 span not ended\nStats {"),
        "{message}"
    );
    trace
        .provider()
        .shutdown(Duration::from_secs(20))
        .expect("shutdown");
    span.end();
    let message = panic_of(|| drop(trace.balance()));
    assert!(
        message.starts_with("1 span ended after the shutdown\n"),
        "{message}"
    );
    assert_eq!(trace.spans(), [], "readable after the shutdown");
}

#[test]
fn span_that_was_discarded_is_named_and_no_loss() {
    let trace = TestProvider::new();
    trace.tracer("t").start("x").discard();
    let message = panic_of(|| assert_trace!(trace, r#""x""#));
    let first = "no span \"x\"\n(1 span discarded)\n\nexpected:";
    assert!(message.starts_with(first), "{message}");
    assert_eq!(trace.balance().dropped.discarded, 1);
}

#[test]
fn spans_may_be_read_again_and_forgotten() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    tracer.start("a");
    assert_eq!(trace.spans(), trace.spans());
    trace.clear();
    assert_eq!(trace.tree(), "");
    tracer.start("b");
    assert_eq!(trace.spans()[0].span_id(), SpanId::from(2));
    assert_eq!(trace.balance().ended, 2);
}

#[test]
fn span_is_found_by_its_name_if_it_is_the_only_one() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let open = tracer.start("a");
    let message = panic_of(|| drop(trace.span("a")));
    assert_eq!(message, "no span \"a\"\n1 span not ended\n");
    drop(open);
    assert_eq!(trace.span("a").span_id(), SpanId::from(1));
    tracer.start("a");
    let message = panic_of(|| drop(trace.span("a")));
    assert_eq!(message, "2 spans \"a\"\n\"a\"\n\"a\"\n");
}

#[test]
fn two_services_share_a_clock_and_a_trace() {
    let clock = ManualClock::at(SystemTime::UNIX_EPOCH);
    let memory = InMemoryExporter::new();
    let service = |first| {
        TracerProvider::builder()
            .clock(&clock)
            .id_generator(SequentialIds::from(first), TraceIdRandomness::Unknown)
            .exporter(memory.clone())
            .build()
            .expect("provider")
    };
    let (front, back) = (service(1), service(100));
    let outer = front.tracer("front").start("GET");
    clock.advance(Duration::from_secs(1));
    let context = Context::new().with_remote_span_context(outer.span_context().clone());
    back.tracer("back").start_with_context("serve", &context);
    drop(outer);
    memory.spans_of(&front);
    let spans = memory.spans_of(&back);
    assert_eq!(
        spans[1].start,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1)
    );
    assert_eq!(spans[1].span_id(), SpanId::from(100));
    assert_trace!(
        spans,
        r#"
        "GET"
            "serve"
        "#
    );
}

/// Duplicate ids must hide no span, and must not make the tree endless.
#[test]
fn spans_that_are_their_own_parents_are_shown() {
    let memory = InMemoryExporter::new();
    let provider = TracerProvider::builder()
        .id_generator(SequentialIds::new(), TraceIdRandomness::Unknown)
        .exporter(memory.clone())
        .build()
        .expect("provider");
    let tracer = provider.tracer("t");
    for (name, parent) in [("self", 1), ("a", 3), ("b", 2)] {
        let parent = Context::new().with_remote_span_context(context(1, parent, false));
        tracer.start_with_context(name, &parent);
    }
    assert_trace!(
        memory.spans_of(&provider),
        r#"
        "self" orphan
        "a" orphan
            "b"
        "#
    );
}

#[test]
fn providers_of_threads_never_see_each_others_spans() {
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let trace = TestProvider::new();
                let tracer = trace.tracer("t");
                for _ in 0..100 {
                    tracer.start(format!("of {number}"));
                }
                let spans = trace.spans();
                assert!(spans.iter().all(|span| span.name == format!("of {number}")));
                assert_eq!(trace.balance().exporters[0].exported, 100);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("thread");
    }
}
