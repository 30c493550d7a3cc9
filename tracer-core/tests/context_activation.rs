//! Native guards as the active span of `Context`: OpenTelemetry code under them works as under any
//! SDK. Expected values are those of trace/api.md and context/README.md of the specification.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod support;

use std::{
    fmt,
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        Span as _, Status, TraceContextExt as _, Tracer as _, TracerProvider as _, get_active_span,
    },
};
use opentelemetry_sdk::trace::Sampler;
use support::{TIMEOUT, balanced, quiet_panic, remote};
use tracer_core::{
    InSpan as _, LocalSpan, Span, SpanProcessor, SpanRecord, TracerProvider, carry, current,
    current_context, in_span,
    live::LiveView,
    span, start_span,
    testing::{TestProvider, assert_trace},
    traced,
};

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

/// As with any SDK, an empty `Context` starts a new trace. A guard that is in no `Context` it does
/// not hide, as `native.rs` says.
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
    thread::spawn(carry(|| {
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
    // The memory of the span is not used again while somebody has it.
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

/// Looks at what is current, both ways, whenever it is called.
#[derive(Clone, Debug, Default)]
struct Looks(Arc<Mutex<Vec<(String, String)>>>);

impl Looks {
    fn note(&self, when: &str, name: &str) {
        let active = get_active_span(|active| {
            // Neither waits for the span that is ending.
            active.set_attribute(KeyValue::new("by a processor", true));
            active.is_recording()
        });
        let native = current().is_recording();
        let seen = format!("{when} {name}");
        let found = format!("{active} {native}");
        self.0.lock().expect("lock").push((seen, found));
    }
}

impl SpanProcessor for Looks {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let name = span.record().map(|record| record.name().to_owned());
        let has_parent = parent.has_active_span();
        assert_eq!(
            parent.span().is_recording(),
            has_parent,
            "the parent itself"
        );
        self.note("start", &name.expect("recording"));
    }

    fn on_ending(&self, span: &mut Span) {
        let name = span.record().map(|record| record.name().to_owned());
        self.note("ending", &name.expect("recording"));
    }

    fn on_end(&self, span: &SpanRecord<'_>, _: &InstrumentationScope) {
        self.note("end", span.name());
    }
}

#[test]
fn processors_find_the_parent_active_when_a_guard_is_dropped() {
    let looks = Looks::default();
    let trace =
        TestProvider::with(|builder| builder.context_activation(true).processor(looks.clone()));
    let outer = span!("outer");
    drop(span!("inner"));
    // Ended while its guard is there: it is current, but takes nothing any more.
    outer.end();
    drop(outer);
    let expected = [
        ("start outer", "false false"),
        ("start inner", "true true"),
        ("ending inner", "true true"),
        ("end inner", "true true"),
        ("ending outer", "false false"),
        ("end outer", "false false"),
    ];
    let expected = expected.map(|(seen, found)| (seen.to_owned(), found.to_owned()));
    assert_eq!(*looks.0.lock().expect("lock"), expected);
    let outer = trace.span("outer");
    assert_eq!(outer.attribute("by a processor"), Some(&true.into()));
    assert_eq!(trace.span("inner").attribute("by a processor"), None);
    trace.balance();
}

#[test]
fn futures_and_guards_are_active_in_turn() {
    let trace = activating();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("runtime").block_on(async {
        let request = async {
            let guard = span!("guard");
            let id = guard.span_context().span_id();
            assert_eq!(
                get_active_span(|active| active.span_context().span_id()),
                id
            );
            let task = async { current().set_attribute(KeyValue::new("by a task", true)) };
            let task = tokio::spawn(task.with_current_span());
            drop(start_span!("in no context"));
            guard.set_attribute(KeyValue::new("own", true));
            // Not across the await: `LocalSpan` says why.
            let span = guard.exit();
            task.await.expect("task");
            drop(span);
            get_active_span(|active| active.set_attribute(KeyValue::new("of the future", true)));
        };
        request.in_span(start_span!("request")).await;
    });
    assert!(!Context::current().has_active_span());
    assert_trace!(
        trace,
        r#"
        exactly
        "request"
            "of the future" = true
            "guard"
                own = true
                "in no context"
        "#
    );
    trace.balance();
}

/// `Context::map_current`: "This function will panic if you attempt to attach another context while
/// the current one is still borrowed." A guard must not.
#[test]
fn guard_inside_a_closure_of_the_api_panics_not() {
    let trace = activating();
    let outer = span!("outer");
    get_active_span(|active| {
        let inner = span!("inner", "key" = 1);
        assert_eq!(current().span_context(), inner.span_context());
        inner.set_attribute(KeyValue::new("more", 2));
        drop(span!("innermost"));
        drop(inner);
        active.set_attribute(KeyValue::new("computed", 3));
    });
    let active = get_active_span(|active| active.span_context().clone());
    assert_eq!(active, outer.span_context());
    drop(outer);
    assert_trace!(
        trace,
        r#"
        "outer"
            computed = 3
            "inner"
                key = 1
                more = 2
                "innermost"
        "#
    );
    trace.balance();
}

/// Makes spans of another provider where the API has lent its current context.
#[derive(Debug)]
struct Traces(TracerProvider);

impl SpanProcessor for Traces {
    fn on_start(&self, _: &mut Span, _: &Context) {
        let span = self.0.tracer("t").start("inside a processor").enter();
        assert_eq!(current().span_context(), span.span_context());
    }
}

#[test]
fn processors_may_enter_spans_while_a_tracer_starts_one() {
    let inside = activating();
    let processor = Traces(inside.provider().clone());
    let trace = TestProvider::with(|builder| builder.context_activation(true).processor(processor));
    let tracer = trace.tracer("t");
    tracer.start("started by a tracer").end();
    drop(span!("guard"));
    assert_eq!(trace.balance().processor_panics, 0);
    assert_eq!(inside.spans().len(), 2);
}

#[test]
fn panic_marks_the_spans_and_leaves_nothing_active() {
    let trace = activating();
    let panicked = std::panic::catch_unwind(|| {
        let _outer = span!("outer");
        let _inner = span!("inner", "key" = 1);
        quiet_panic()
    });
    assert!(panicked.is_err());
    assert!(!Context::current().has_active_span());
    assert_trace!(
        trace,
        r#"
        "outer" error ""
            error.type = "panic"
            event "exception"
            "inner" error ""
                error.type = "panic"
                key = 1
                event "exception"
        "#
    );
    trace.balance();
}

#[test]
fn leaked_guard_ends_with_its_thread_although_others_have_its_context() {
    let trace = activating();
    let there = trace.provider().clone();
    let thread = thread::spawn(move || {
        let _default = there.set_thread_default();
        let outer = span!("outer");
        std::mem::forget(span!("leaked"));
        drop(outer);
        Context::current()
    });
    let context = thread.join().expect("thread");
    assert!(!context.span().is_recording());
    assert_trace!(trace, "\"outer\"\n  \"leaked\"\n");
    trace.balance();
}

/// The API attaches no more than 65,534 contexts on a thread, and says so in a log line only.
#[test]
fn guards_beyond_what_the_api_attaches_are_current_all_the_same() {
    let trace = activating();
    let all: Vec<_> = (0..65_600).map(|_| span!("deep")).collect();
    let last = all.last().map(LocalSpan::span_context);
    assert_eq!(Some(current().span_context()), last);
    assert_eq!(Some(current_context().span().span_context().clone()), last);
    current().set_attribute(KeyValue::new("reached", true));
    for guard in all.into_iter().rev() {
        drop(guard);
    }
    assert!(!current().span_context().is_valid());
    let stats = trace.provider().stats();
    assert_eq!((stats.started, stats.ended), (65_600, 65_600));
    trace.provider().shutdown(TIMEOUT).ok();
    balanced(trace.provider());
}

#[test]
fn live_view_lists_the_span_once() {
    let live = LiveView::default();
    let trace = TestProvider::with(|builder| builder.context_activation(true).live_view(&live));
    let guard = span!("guard");
    get_active_span(|active| active.set_attribute(KeyValue::new("key", 1)));
    let running = live.running();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].record().attribute("key"), Some(1.into()));
    drop(guard);
    assert!(live.running().is_empty());
    trace.balance();
}

#[test]
fn guard_outlives_the_shutdown_of_its_provider() {
    let trace = activating();
    let outer = span!("outer");
    trace.provider().shutdown(TIMEOUT).expect("shutdown");
    let inner = span!("inner");
    // A process that drains passes its callers' context on.
    assert_eq!(inner.span_context(), outer.span_context());
    let active = get_active_span(|active| active.span_context().clone());
    assert_eq!(active, outer.span_context());
    drop(inner);
    drop(outer);
    assert!(!Context::current().has_active_span());
    let stats = balanced(trace.provider());
    assert_eq!(stats.dropped.already_shutdown, 1);
}

#[test]
fn providers_with_and_without_activation_share_a_thread() {
    let with = activating();
    let without = TestProvider::new();
    let hidden = span!("hidden");
    assert!(!Context::current().has_active_span());
    let shown = with.tracer("t").start("shown").enter();
    let active = get_active_span(|active| active.span_context().clone());
    assert_eq!(active, shown.span_context());
    // Its parent decides which provider a native span belongs to.
    drop(span!("child"));
    drop(shown);
    assert!(!Context::current().has_active_span());
    assert_eq!(current().span_context(), hidden.span_context());
    drop(hidden);
    assert_trace!(without, "\"hidden\"\n");
    // The parent of the first is a span of the other provider.
    assert_eq!(with.spans().len(), 2);
    assert_eq!(
        with.span("child").parent_span_id,
        with.span("shown").span_id()
    );
}
