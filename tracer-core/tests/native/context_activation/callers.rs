//! Guards together with other users of `Context`: processors, futures, closures and other
//! providers.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _, get_active_span},
};
use tracer_core::{
    InSpan as _, LocalSpan, Span, SpanProcessor, SpanRecord, TracerProvider, current,
    current_context,
    live::LiveView,
    span, start_span,
    testing::{TestProvider, assert_trace},
};

use super::activating;
use crate::support::{TIMEOUT, balanced, quiet_panic};

/// Looks up the current span through both APIs whenever it is called.
#[derive(Clone, Debug, Default)]
struct Looks(Arc<Mutex<Vec<(String, String)>>>);

impl Looks {
    fn note(&self, when: &str, name: &str) {
        let active = get_active_span(|active| {
            // Neither call waits for the span that is ending.
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
    // The span has ended while its guard exists: it is current, but no longer records.
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
            // The guard must not be held across the await; see `LocalSpan`.
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
/// the current one is still borrowed." A guard must not panic there.
#[test]
fn guard_inside_a_closure_of_the_api_does_not_panic() {
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

/// The API attaches no more than 65,534 contexts on a thread, and reports that only in a log line.
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
    // A process that is shutting down passes its callers' context on.
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
