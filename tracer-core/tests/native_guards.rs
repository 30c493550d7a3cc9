//! Guards that are dropped, leaked, forked and unwound where they should not be.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

mod support;

use std::{
    cell::RefCell,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanId, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::trace::SpanData;
use support::{Recorder, TIMEOUT, balanced, provider, quiet_panic};
use tracer_core::{LocalSpan, TracerProvider, current, span, start_span};

#[track_caller]
fn parent_of(spans: &[SpanData], child: &str) -> String {
    let id = |name: &str| {
        let span = spans.iter().find(|span| span.name == name);
        span.unwrap_or_else(|| panic!("no {name}")).parent_span_id
    };
    let parent = spans
        .iter()
        .find(|span| span.span_context.span_id() == id(child));
    parent.map_or_else(|| "-".to_owned(), |span| span.name.to_string())
}

fn finished(provider: &TracerProvider, recorder: &Recorder) -> Vec<SpanData> {
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(provider);
    assert_eq!(stats.started, stats.ended);
    assert_eq!(stats.exporters[0].exported, recorder.distinct());
    recorder.spans()
}

#[test]
fn guards_dropped_in_any_order_leave_the_right_span_current() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
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
    let spans = finished(&provider, &recorder);
    assert_eq!(spans.len(), 24);
    let after = spans.iter().filter(|span| span.name == "after");
    assert!(
        after
            .into_iter()
            .all(|span| span.parent_span_id == SpanId::INVALID)
    );
}

#[test]
fn contexts_and_guards_that_cross_end_with_nothing_current() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "t");
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
    let spans = finished(&provider, &recorder);
    assert_eq!(parent_of(&spans, "native"), "context");
    assert_eq!(parent_of(&spans, "after the context"), "native");
    assert_eq!(parent_of(&spans, "second context"), "native");
    assert_eq!(parent_of(&spans, "after the native one"), "second context");
    assert_eq!(parent_of(&spans, "last"), "-");
}

fn panicking() -> i64 {
    quiet_panic()
}

#[test]
fn panic_ends_the_spans_that_it_unwinds_through() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
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
    let spans = finished(&provider, &recorder);
    assert_eq!(spans.len(), 4);
    assert_eq!(parent_of(&spans, "b"), "owned");
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
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    {
        let outer = span!("outer");
        assert!(early().is_none());
        drop(span!("with value", "value" = traced()));
        outer.set_attributes((0..2).map(|n| KeyValue::new("n", n + traced())));
        outer.record_error(&Traces);
    }
    let spans = finished(&provider, &recorder);
    assert_eq!(parent_of(&spans, "early"), "outer");
    let inside = spans.iter().filter(|span| span.name == "inside the value");
    let outer = spans
        .iter()
        .find(|span| span.name == "outer")
        .expect("outer");
    let parents: Vec<_> = inside.map(|span| span.parent_span_id).collect();
    assert_eq!(parents, [outer.span_context.span_id(); 3]);
    assert_eq!(outer.attributes, [KeyValue::new("n", 2)]);
    assert_eq!(parent_of(&spans, "inside the error"), "outer");
}

/// Traces while it says what it is.
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
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let there = provider.clone();
    let thread = thread::spawn(move || {
        let _default = there.set_thread_default();
        let outer = span!("outer");
        mem::forget(span!("leaked"));
        drop(outer);
        drop(span!("child of the leaked"));
        balanced(&there).ended
    });
    assert_eq!(thread.join().expect("thread"), 2);
    let spans = finished(&provider, &recorder);
    assert_eq!(parent_of(&spans, "child of the leaked"), "leaked");
}

/// Traces when its thread ends, in whatever order the locals are dropped.
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
    thread_local! {
        static FIRST: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    for traces_before in [true, false] {
        let there = provider.clone();
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
                // The API's local is made, and gone at the end, when ours is asked for first.
                drop(Context::current());
                LATER.set(at_end(None));
            }
        });
        thread.join().expect("no panic in a destructor");
    }
    provider.shutdown(TIMEOUT).expect("shutdown");
    let stats = balanced(&provider);
    // Where there is neither a slot nor a default, nothing is recorded.
    assert_eq!(stats.started, stats.ended);
    assert!(stats.ended >= 5, "{stats:#?}");
    assert_eq!(stats.exporters[0].exported, recorder.distinct());
}

#[test]
fn guard_outlives_its_provider_s_shutdown() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    let outer = span!("outer");
    provider.shutdown(TIMEOUT).expect("shutdown");
    let inner = span!("inner");
    assert!(!inner.is_recording());
    // A process that drains still passes its callers' context on.
    assert_eq!(inner.span_context(), outer.span_context());
    assert_eq!(current().span_context(), outer.span_context());
    drop(outer);
    drop(inner);
    assert!(!current().span_context().is_valid());
    let stats = balanced(&provider);
    assert_eq!(
        (stats.started, stats.ended, stats.dropped.already_shutdown),
        (1, 1, 1)
    );
}

/// `Context` holds the span of an owned handle, so both must end in any order.
#[test]
fn span_in_a_context_is_no_different_under_a_guard() {
    let recorder = Recorder::default();
    let provider = provider(&recorder);
    let _default = provider.set_thread_default();
    let guard = span!("guard");
    let held = Context::current_with_span(start_span!("held"));
    assert_eq!(
        held.span().span_context().trace_id(),
        guard.span_context().trace_id()
    );
    drop(guard);
    held.span().end();
    drop(held);
    let spans = finished(&provider, &recorder);
    assert_eq!(parent_of(&spans, "held"), "guard");
    let mut owned = start_span!("closed");
    owned.end();
}
