//! Guards that are dropped, leaked or unwound in unusual places.

use std::{
    cell::RefCell,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, Status, TraceContextExt as _, Tracer as _},
};
use tracer_core::{
    LocalSpan, TracerProvider, current, in_span, span, start_span,
    testing::{TestProvider, assert_trace},
};

use crate::support::{TIMEOUT, balanced, quiet_panic};

#[test]
fn guards_dropped_in_any_order_leave_the_right_span_current() {
    let trace = TestProvider::new();
    // All orders of three.
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
            let is_recording = dropped.is_recording();
            drop(dropped);
            assert!(is_recording);
            let newest = guards.iter().rev().flatten().next();
            let newest = newest.map(LocalSpan::span_context);
            let here = current().span_context();
            assert_eq!(
                newest.unwrap_or(opentelemetry::trace::SpanContext::NONE),
                here
            );
        }
        drop(span!("after"));
    }
    let after = "\"a\"\n  \"b\"\n    \"c\"\n\"after\"\n";
    assert_trace!(trace, &after.repeat(6));
    trace.balance();
}

#[test]
fn contexts_and_guards_that_cross_end_with_nothing_current() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let attached = Context::current_with_span(tracer.start("context")).attach();
    let native = span!("native");
    drop(attached);
    // `Context` has no active span now, so the native one is current.
    drop(span!("after the context"));
    let attached = Context::current_with_span(tracer.start("second context")).attach();
    drop(native);
    drop(span!("after the native one"));
    drop(attached);
    assert!(!current().span_context().is_valid());
    drop(span!("last"));
    assert_trace!(
        trace,
        r#"
        "context"
            "native"
                "after the context"
                "second context"
                    "after the native one"
        "last"
        "#
    );
    trace.balance();
}

fn panicking() -> i64 {
    quiet_panic()
}

#[test]
fn panic_ends_the_spans_that_it_unwinds_through() {
    let trace = TestProvider::new();
    let outer = span!("outer");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _a = span!("a");
        let mut owned = start_span!("owned");
        owned.in_scope(|| {
            let _b = span!("b", "value" = panicking());
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(current().span_context(), outer.span_context());
    drop(outer);
    assert_trace!(
        trace,
        r#"
        "outer"
            "a" error ""
                error.type = "panic"
                event "exception"
                    exception.type = "panic"
                "owned" error ""
                    error.type = "panic"
                    event "exception"
                        exception.type = "panic"
                    "b"
        "#
    );
    trace.balance();
}

/// A value whose destructor runs in a span of its own.
struct CleansUp;

impl Drop for CleansUp {
    fn drop(&mut self) {
        let _span = span!("clean up");
        drop(span!("with an attribute", "key" = 1));
        in_span("in_span", |_| ());
        drop(start_span!("owned").enter());
    }
}

#[test]
fn spans_that_a_destructor_enters_during_a_panic_are_not_marked() {
    let trace = TestProvider::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _work = span!("work");
        let _cleans_up = CleansUp;
        let caught = catch_unwind(|| {
            let _caught = span!("caught");
            quiet_panic()
        });
        assert!(caught.is_err());
        quiet_panic()
    }));
    assert!(panicked.is_err());
    assert_trace!(
        trace,
        r#"
        exactly
        "work" error ""
            error.type = "panic"
            event "exception"
                exception.type = "panic"
            "caught" error ""
                error.type = "panic"
                event "exception"
                    exception.type = "panic"
            "clean up"
                "with an attribute"
                    key = 1
                "in_span"
                "owned"
        "#
    );
    trace.balance();
}

#[test]
fn span_that_has_ended_or_was_given_back_is_not_marked_by_a_panic() {
    let trace = TestProvider::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _own = start_span!("never current");
        let ended = span!("ended");
        ended.end();
        let _given_back = span!("given back").exit();
        quiet_panic()
    }));
    assert!(panicked.is_err());
    for span in trace.spans() {
        assert_eq!(span.status, Status::Unset, "{}", span.name);
    }
    trace.balance();
}

#[test]
fn values_that_return_early_or_trace_themselves_leave_the_outer_span_current() {
    fn early() -> Option<LocalSpan> {
        Some(span!("early", "value" = None::<i64>?))
    }
    fn traced() -> i64 {
        drop(span!("inside the value"));
        1
    }
    let trace = TestProvider::new();
    {
        let outer = span!("outer");
        assert!(early().is_none());
        drop(span!("with value", "value" = traced()));
        outer.set_attributes((0..2).map(|n| KeyValue::new("n", n + traced())));
        outer.record_error(&Traces);
    }
    assert_trace!(
        trace,
        r#"
        "outer"
            n = 2
            event "exception"
            "early"
            "with value"
                value = 1
            "inside the value"
            "inside the value"
            "inside the value"
            "inside the error"
                seen = true
        "#
    );
    trace.balance();
}

/// An error that makes a span while it is formatted.
#[derive(Debug)]
struct Traces;

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _span = span!("inside the error");
        current().set_attribute(KeyValue::new("seen", true));
        f.write_str("traced")
    }
}

impl Error for Traces {}

#[test]
fn leaked_guard_stays_current_and_ends_with_its_thread() {
    let trace = TestProvider::new();
    let there = trace.provider().clone();
    let thread = thread::spawn(move || {
        let _default = there.set_thread_default();
        let outer = span!("outer");
        mem::forget(span!("leaked"));
        drop(outer);
        drop(span!("child of the leaked"));
        balanced(&there).ended
    });
    assert_eq!(thread.join().expect("thread"), 2);
    assert_trace!(
        trace,
        r#"
        "outer"
            "leaked"
                "child of the leaked"
        "#
    );
    trace.balance();
}

/// Makes spans when its thread ends, in whatever order the locals are dropped.
struct AtEnd {
    provider: TracerProvider,
    _held: Option<LocalSpan>,
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        let _default = self.provider.set_thread_default();
        let span = span!("at the end", "key" = 1);
        span.set_attribute(KeyValue::new("key", 2));
        span.add_event("event", Vec::new());
        drop(span!(parent: &span.span_context(), "child at the end"));
        current().set_status(opentelemetry::trace::Status::Ok);
        drop(start_span!("owned at the end").enter().exit());
        span.end();
    }
}

#[test]
fn thread_locals_may_hold_guards_and_trace_when_they_are_dropped() {
    thread_locals_hold_guards(&TestProvider::new());
    thread_locals_hold_guards(&TestProvider::with(|builder| {
        builder.context_activation(true)
    }));
}

fn thread_locals_hold_guards(trace: &TestProvider) {
    thread_local! {
        static FIRST: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }
    for traces_before in [true, false] {
        let there = trace.provider().clone();
        let thread = thread::spawn(move || {
            let at_end = |held| {
                Some(AtEnd {
                    provider: there.clone(),
                    _held: held,
                })
            };
            FIRST.set(at_end(None));
            if traces_before {
                let _default = there.set_thread_default();
                let held = span!("held");
                LATER.set(at_end(Some(held)));
            } else {
                // This creates the API's thread local, which is gone when this crate's local is
                // first used, in the destructor.
                drop(Context::current());
                LATER.set(at_end(None));
            }
        });
        thread.join().expect("no panic in a destructor");
    }
    // If a thread has neither a stack nor a default provider, nothing is recorded.
    let stats = trace.balance();
    assert!(stats.ended >= 5, "{stats:#?}");
}

#[test]
fn guard_outlives_its_provider_s_shutdown() {
    let trace = TestProvider::new();
    let outer = span!("outer");
    trace.provider().shutdown(TIMEOUT).expect("shutdown");
    let inner = span!("inner");
    assert!(!inner.is_recording());
    // A process that is shutting down still passes its callers' context on.
    assert_eq!(inner.span_context(), outer.span_context());
    assert_eq!(current().span_context(), outer.span_context());
    drop(outer);
    drop(inner);
    assert!(!current().span_context().is_valid());
    let stats = balanced(trace.provider());
    assert_eq!(
        (stats.started, stats.ended, stats.dropped.already_shutdown),
        (1, 1, 1)
    );
}

/// `Context` owns the span, so the guard and the `Context` may be dropped in any order.
#[test]
fn span_in_a_context_is_no_different_under_a_guard() {
    let trace = TestProvider::new();
    let guard = span!("guard");
    let held = Context::current_with_span(start_span!("held"));
    assert_eq!(
        held.span().span_context().trace_id(),
        guard.span_context().trace_id()
    );
    drop(guard);
    held.span().end();
    drop(held);
    assert_trace!(
        trace,
        r#"
        "guard"
            "held"
        "#
    );
    trace.balance();
    trace.provider().shutdown(TIMEOUT).expect("shutdown");
    let mut owned = start_span!("closed");
    owned.end();
}
