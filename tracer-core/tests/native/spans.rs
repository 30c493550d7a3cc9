//! The parents of native spans, their contents, and the provider that records them.

use std::fmt;

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId, TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::Sampler;
use tracer_core::{
    TracerProvider, current, current_context, in_span, span, start_span,
    testing::{TestProvider, assert_trace},
};

use crate::support::{balanced, remote};

#[test]
fn guards_nest_and_what_ended_is_no_parent() {
    let trace = TestProvider::new();
    let root = span!("root");
    {
        let _a = span!("a");
        drop(span!("a.a"));
    }
    let b = span!("b");
    b.end();
    drop(span!("under the ended b, which is still current"));
    drop(b);
    drop(span!("c"));
    drop(root);
    drop(span!("next"));
    assert_trace!(
        trace,
        r#"
        "root"
            "a"
                "a.a"
            "b"
                "under the ended b, which is still current"
            "c"
        "next"
        "#
    );
    trace.balance();
}

#[test]
fn macros_record_kind_attributes_scope_and_what_is_set_later() {
    const ROUTE: &str = "http.route";
    mod semconv {
        pub const METHOD: opentelemetry::Key = opentelemetry::Key::from_static_str("http.method");
    }
    let trace = TestProvider::new();
    let span = span!(
        kind: SpanKind::Server,
        "GET",
        "size" = 3,
        ROUTE = "/",
        semconv::METHOD = String::from("GET"),
    );
    span.set_attributes([KeyValue::new("size", 4), KeyValue::new("gone", 1)]);
    assert!(span.remove_attribute("gone"));
    span.add_event("event", vec![KeyValue::new("of", "event")]);
    span.record_error(&fmt::Error);
    span.add_link(remote(1), Vec::new());
    span.set_status(Status::error("broken"));
    span.update_name(format!("GET {}", "/"));
    assert!(span.is_recording());
    span.end();
    assert!(!span.is_recording());
    span.set_attribute(KeyValue::new("late", 1));
    let owned = start_span!(kind: SpanKind::Producer, "send", "to" = "queue");
    let record = owned.record();
    assert_eq!(record.map(|record| record.kind()), Some(SpanKind::Producer));
    drop(owned);
    span.discard();
    assert_trace!(
        trace,
        r#"
        exactly
        "GET /" server error "broken"
            "http.route" = "/"
            "http.method" = "GET"
            size = 4
            event "event"
                of = "event"
            event "exception"
                exception.message = "an error occurred when formatting an argument"
            link 4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7
            "send" producer
                to = "queue"
        "#
    );
    let scope = trace.span("GET /").scope;
    assert_eq!(scope.name(), env!("CARGO_PKG_NAME"));
    assert_eq!(scope.version(), Some(env!("CARGO_PKG_VERSION")));
    trace.balance();
}

#[test]
fn attributes_are_evaluated_only_for_spans_that_record() {
    fn forbidden() -> i64 {
        panic!("evaluated")
    }
    let provider = TracerProvider::builder()
        .sampler(Sampler::AlwaysOff)
        .build()
        .expect("provider");
    drop(span!("no provider", "x" = forbidden()));
    let _default = provider.set_thread_default();
    let refused = span!("refused", "x" = forbidden());
    drop(start_span!("its child", "x" = forbidden()));
    refused.set_attributes(std::iter::once_with(|| KeyValue::new("x", forbidden())));
    assert!(refused.span_context().is_valid() && !refused.is_recording());
    assert_eq!(balanced(&provider).started, 0);
}

#[test]
fn span_without_a_provider_passes_its_parent_on() {
    let parent = remote(0x83);
    let context = Context::new().with_remote_span_context(parent.clone());
    let _attached = context.attach();
    let span = span!("no provider");
    assert_eq!(span.span_context(), parent);
    assert_eq!(span!("its child").span_context(), parent);
    assert!(!span.is_recording());
    let trace = TestProvider::new();
    drop(span!("child of nobody's"));
    assert_eq!(
        trace.span("child of nobody's").parent_span_id,
        parent.span_id()
    );
    assert_eq!(span.exit().span_context(), &parent);
    trace.balance();
}

#[test]
fn whichever_of_the_native_and_the_context_span_is_newer_is_the_parent() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let native = span!("native");
    tracer.start("start").end();
    tracer.span_builder("builder").start(&tracer).end();
    tracer.build(tracer.span_builder("build")).end();
    tracer
        .start_with_context("empty context", &Context::new())
        .end();
    let snapshot = Context::current();
    tracer
        .start_with_context("explicit snapshot", &snapshot)
        .end();
    let given = current_context();
    tracer.start_with_context("explicit native", &given).end();
    tracer.in_span("in_span", |_| {
        drop(span!("native in in_span"));
        tracer.start("tracer in in_span").end();
        let _inner = span!("inner");
        tracer.start("tracer in inner").end();
    });
    let attached = given.attach();
    drop(span!("under its own context"));
    drop(attached);
    drop(native);
    tracer.start("after").end();
    assert_trace!(
        trace,
        r#"
        "native"
            "start"
            "builder"
            "build"
            "explicit native"
            "in_span"
                "native in in_span"
                "tracer in in_span"
                "inner"
                    "tracer in inner"
            "under its own context"
        "empty context"
        "explicit snapshot"
        "after"
        "#
    );
    trace.balance();
}

#[test]
fn current_is_the_newer_span_and_keeps_to_it() {
    let trace = TestProvider::new();
    assert!(!current().span_context().is_valid());
    let outer = span!("outer");
    let handle = current();
    assert_eq!(handle.span_context(), outer.span_context());
    let active = trace.tracer("t").start("active");
    let active_context = active.span_context().clone();
    let attached = Context::current_with_span(active).attach();
    assert_eq!(current().span_context(), active_context);
    current().set_attribute(KeyValue::new("on", "active"));
    let inner = span!("inner");
    current().set_attribute(KeyValue::new("on", "inner"));
    current().add_event("event", Vec::new());
    current().record_error(&fmt::Error);
    current().set_status(Status::error("broken"));
    current().update_name("inner, renamed");
    handle.set_attributes([KeyValue::new("on", "outer")]);
    drop(inner);
    drop(attached);
    drop(outer);
    handle.set_attribute(KeyValue::new("on", "nobody"));
    let other = span!("other");
    handle.set_attribute(KeyValue::new("on", "nobody"));
    assert!(!handle.is_recording());
    drop(other);
    assert_trace!(
        trace,
        r#"
        exactly
        "outer"
            on = "outer"
            "active"
                on = "active"
                "inner, renamed" error "broken"
                    on = "inner"
                    event "event"
                    event "exception"
                        exception.message = *
        "other"
        "#
    );
    trace.balance();
}

#[test]
fn current_context_has_the_native_span_and_keeps_baggage() {
    let _trace = TestProvider::new();
    let baggage = Context::current_with_baggage([KeyValue::new("tenant", "t1")]);
    let _attached = baggage.attach();
    assert!(!current_context().has_active_span());
    let native = span!("native");
    let context = current_context();
    assert_eq!(context.span().span_context(), &native.span_context());
    assert_eq!(context.baggage().get("tenant"), Some(&"t1".into()));
    assert!(!Context::current().has_active_span(), "as documented");
}

/// A `Context` that is attached for other code does not hide a guard from `current()`.
#[test]
fn span_is_reached_and_passes_its_provider_on_where_its_own_context_is_attached() {
    let other = TestProvider::new();
    let default = TestProvider::new();
    let mut span = other.tracer("t").start("of the other provider");
    span.in_scope(|| {
        let _attached = current_context().attach();
        current().set_attribute(KeyValue::new("reached", true));
        drop(span!("child"));
    });
    drop(span);
    assert_trace!(
        other,
        "\"of the other provider\"\n  reached = true\n  \"child\"\n"
    );
    assert_trace!(default, "");
}

/// The span is entered after its attributes are evaluated, whatever `Context` they leave.
#[test]
fn span_is_current_though_an_attribute_attached_or_detached_a_context() {
    let provider = TracerProvider::builder().build().unwrap();
    let _default = provider.set_thread_default();
    let outer = Context::new().with_remote_span_context(remote(1));
    let other = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let inner = Context::new().with_remote_span_context(other);
    let _outer = outer.attach();
    let mut attached = Some(inner.clone().attach());
    let detaching = span!(
        "detaching",
        "k" = {
            drop(attached.take());
            1
        }
    );
    assert_eq!(current().span_context(), detaching.span_context());
    drop(detaching);
    let attaching = span!(
        "attaching",
        "k" = {
            attached = Some(inner.attach());
            1
        }
    );
    assert_eq!(current().span_context(), attaching.span_context());
    drop(attaching);
    drop(attached);
    balanced(&provider);
}

#[test]
fn chosen_parents_are_taken_whatever_is_current() {
    let trace = TestProvider::new();
    let root = span!("root");
    let far = remote(0x83);
    drop(span!(parent: None, "own root"));
    drop(span!(parent: &far, "of a span context"));
    drop(span!(parent: Some(&far), "of an option"));
    let context = Context::new().with_remote_span_context(far.clone());
    drop(span!(parent: &context, kind: SpanKind::Consumer, "of a context", "k" = 1));
    drop(root);
    assert_trace!(
        trace,
        r#"
        "root"
        "own root"
        "of a span context" remote
        "of an option" remote
        "of a context" remote consumer
            k = 1
        "#
    );
    for name in ["of a span context", "of an option", "of a context"] {
        let span = trace.span(name);
        assert_eq!(span.parent_span_id, far.span_id());
        assert_eq!(span.trace_id(), far.trace_id());
        // W3C Trace Context level 2: the random flag is passed on; all eight flags are.
        assert_eq!(span.span_context.trace_flags().to_u8(), 0x83);
    }
}

#[test]
fn spans_move_between_threads_and_come_back() {
    let trace = TestProvider::new();
    let span = start_span!("moves");
    assert!(!current().span_context().is_valid());
    let (mut span, result) = std::thread::spawn(move || {
        let entered = span.enter();
        drop(span!("there"));
        (
            entered.exit(),
            in_span("no provider there", |span| span.is_recording()),
        )
    })
    .join()
    .expect("thread");
    assert!(!result, "neither a thread's nor a global provider");
    span.in_scope(|| in_span("here", |_| drop(span!("deeper"))));
    assert!(span.is_recording());
    span.end();
    assert_trace!(
        trace,
        r#"
        "moves"
            "there"
            "here"
                "deeper"
        "#
    );
    trace.balance();
}
