//! A native guard can be the active span of `Context`. OpenTelemetry code inside it then works as
//! with any SDK. Expected values come from trace/api.md and context/README.md of the specification.

mod callers;

use std::{fmt, thread};

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{Span as _, Status, TraceContextExt as _, Tracer as _, get_active_span},
};
use opentelemetry_sdk::trace::Sampler;
use tracer_core::{
    LocalSpan, current, current_context, in_span, span, start_span,
    testing::{TestProvider, assert_trace},
    traced, with_current_context,
};

use crate::support::remote;

fn activating() -> TestProvider {
    TestProvider::with(|builder| builder.context_activation(true))
}

#[traced]
fn traced_function() {
    get_active_span(|active| active.set_attribute(KeyValue::new("cache", "miss")));
}

#[test]
fn code_of_opentelemetry_works_on_the_span_of_a_guard() {
    let trace = activating();
    {
        let guard = span!("guard");
        get_active_span(|active| {
            assert_eq!(active.span_context(), &guard.span_context());
            assert!(active.is_recording());
            active.set_attribute(KeyValue::new("key", "value"));
            active.set_attributes([KeyValue::new("more", 1), KeyValue::new("most", 2)]);
            active.add_event("event", vec![KeyValue::new("of", "event")]);
            active.record_error(&fmt::Error);
            active.add_link(remote(1), Vec::new());
            active.set_status(Status::error("broken"));
            active.update_name("renamed");
        });
        guard.set_attribute(KeyValue::new("own", true));
    }
    traced_function();
    in_span("in_span", |_| {
        get_active_span(|active| active.set_attribute(KeyValue::new("reached", true)));
    });
    let mut owned = start_span!("owned");
    owned.in_scope(|| {
        get_active_span(|active| active.set_attribute(KeyValue::new("reached", true)));
    });
    drop(owned);
    assert_trace!(
        trace,
        r#"
        exactly
        "renamed" error "broken"
            key = "value"
            more = 1
            most = 2
            own = true
            event "event"
                of = "event"
            event "exception"
                exception.message = *
            link *
        "traced_function"
            cache = "miss"
        "in_span"
            reached = true
        "owned"
            reached = true
        "#
    );
    let stats = trace.balance();
    assert_eq!(
        (stats.started, stats.ended),
        (4, 4),
        "each span counts once"
    );
}

#[test]
fn every_way_to_name_the_parent_finds_the_guard() {
    let trace = activating();
    let tracer = trace.tracer("t");
    let guard = span!("guard");
    tracer.start("start").end();
    tracer
        .start_with_context("given the current context", &Context::current())
        .end();
    let builder = tracer.span_builder("built with the current context");
    tracer
        .build_with_context(builder, &Context::current())
        .end();
    tracer.in_span("in_span", |context| {
        drop(span!("native in in_span"));
        tracer.start_with_context("given", &context).end();
    });
    let snapshot = Context::current();
    let later = span!("later");
    tracer
        .start_with_context("of the snapshot", &snapshot)
        .end();
    drop(later);
    drop(guard);
    assert!(!Context::current().has_active_span());
    tracer.start("after").end();
    assert_trace!(
        trace,
        r#"
        "guard"
            "start"
            "given the current context"
            "built with the current context"
            "in_span"
                "native in in_span"
                "given"
            "later"
            "of the snapshot"
        "after"
        "#
    );
    trace.balance();
}

#[test]
fn guards_dropped_in_any_order_leave_the_right_span_active() {
    let trace = activating();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut guards = [span!("a"), span!("b"), span!("c")].map(Some);
        for at in order {
            let dropped = guards[at].take().expect("once");
            let context = dropped.span_context();
            assert!(dropped.is_recording());
            drop(dropped);
            let newest = guards.iter().rev().flatten().next();
            let newest = newest.map(LocalSpan::span_context);
            let active = get_active_span(|active| active.span_context().clone());
            assert_ne!(active, context);
            assert_eq!(
                newest.unwrap_or(opentelemetry::trace::SpanContext::NONE),
                active
            );
        }
    }
    assert_trace!(trace, &"\"a\"\n  \"b\"\n    \"c\"\n".repeat(6));
    trace.balance();
}

/// As with any SDK, an empty `Context` starts a new trace. It does not hide a guard that is in no
/// `Context`, as `native/spans.rs` tests.
#[test]
fn context_that_is_attached_is_newer_also_without_a_span() {
    let trace = activating();
    let tracer = trace.tracer("t");
    let guard = span!("guard");
    let empty = Context::new().attach();
    assert!(!current().span_context().is_valid());
    drop(span!("native root"));
    tracer.start("root").end();
    drop(empty);
    assert_eq!(current().span_context(), guard.span_context());
    let remote = Context::new().with_remote_span_context(remote(1)).attach();
    assert!(!get_active_span(|active| active.is_recording()));
    drop(span!("child of the remote span"));
    drop(remote);
    drop(guard);
    assert_trace!(
        trace,
        r#"
        "guard"
        "native root"
        "root"
        "child of the remote span" remote
        "#
    );
    trace.balance();
}

#[test]
fn baggage_stays_and_current_context_is_the_one_that_is_current() {
    let _trace = activating();
    let baggage = Context::current_with_baggage([KeyValue::new("tenant", "t1")]);
    let _attached = baggage.attach();
    let guard = span!("guard");
    let context = current_context();
    assert_eq!(context.baggage().get("tenant"), Some(&"t1".into()));
    assert!(
        context.span().is_recording(),
        "the span itself, not its ids alone"
    );
    assert_eq!(context.span().span_context(), &guard.span_context());
}

#[test]
fn span_is_reached_from_other_threads_until_its_guard_is_dropped() {
    let trace = activating();
    let guard = span!("guard");
    let context = Context::current();
    let there = context.clone();
    let thread = thread::spawn(move || {
        let _attached = there.attach();
        get_active_span(|active| active.set_attribute(KeyValue::new("there", 1)));
        current().set_attribute(KeyValue::new("native there", 2));
    });
    thread.join().expect("thread");
    thread::spawn(with_current_context(|| {
        current().set_attribute(KeyValue::new("carried", 3))
    }))
    .join()
    .expect("thread");
    assert!(context.span().is_recording());
    drop(guard);
    assert!(!context.span().is_recording());
    context.span().set_attribute(KeyValue::new("late", true));
    context.span().end();
    assert_trace!(
        trace,
        r#"
        exactly
        "guard"
            there = 1
            "native there" = 2
            carried = 3
        "#
    );
    // The memory of the span is not used again while there is another reference to it.
    let next = span!("next");
    context.span().set_attribute(KeyValue::new("late", true));
    assert_ne!(context.span().span_context(), &next.span_context());
    drop(next);
    assert_eq!(trace.span("next").attribute("late"), None);
    trace.balance();
}

#[test]
fn span_that_ends_by_its_context_ends_once() {
    let trace = activating();
    let guard = span!("guard");
    get_active_span(|active| active.end());
    assert!(!guard.is_recording());
    guard.set_attribute(KeyValue::new("late", true));
    drop(span!("child of what has ended"));
    guard.end();
    let span = guard.exit();
    assert_eq!(span.span_context(), &trace.span("guard").span_context);
    drop(span);
    assert_trace!(trace, "exactly\n\"guard\"\n  \"child of what has ended\"\n");
    let stats = trace.balance();
    assert_eq!((stats.started, stats.ended), (2, 2));
}

#[test]
fn span_of_a_guard_that_is_given_back_is_its_owner_s_alone() {
    let trace = activating();
    let guard = span!("guard");
    let context = Context::current();
    let mut span = guard.exit();
    assert!(!Context::current().has_active_span());
    context
        .span()
        .set_attribute(KeyValue::new("by the context", true));
    context.span().end();
    assert!(span.is_recording());
    span.set_attribute(KeyValue::new("by the owner", true));
    span.in_scope(|| {
        get_active_span(|active| active.set_attribute(KeyValue::new("inside", true)));
    });
    span.end();
    assert_trace!(
        trace,
        r#"
        exactly
        "guard"
            "by the owner" = true
            inside = true
        "#
    );
    trace.balance();
}

#[test]
fn span_that_is_not_sampled_is_the_parent_of_unsampled_spans() {
    let trace = TestProvider::with(|builder| {
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        builder.context_activation(true).sampler(sampler)
    });
    let guard = span!("not sampled");
    let active = get_active_span(|active| active.span_context().clone());
    assert_eq!(active, guard.span_context());
    assert!(active.is_valid() && !active.is_sampled());
    let context = Context::current();
    trace
        .tracer("t")
        .start_with_context("child", &context)
        .end();
    drop(guard);
    let owned = start_span!("handed about");
    let id = owned.span_context().span_id();
    let owned = owned.enter();
    assert_eq!(
        get_active_span(|active| active.span_context().span_id()),
        id
    );
    drop(owned);
    assert!(!Context::current().has_active_span());
    assert_trace!(trace, "");
}

#[test]
fn suppressed_code_gets_no_span_into_its_context() {
    let trace = activating();
    let suppressed = Context::enter_telemetry_suppressed_scope();
    let guard = span!("suppressed");
    assert!(!Context::current().has_active_span());
    assert!(Context::is_current_telemetry_suppressed());
    drop((guard, suppressed));
    assert_trace!(trace, "");
}
