//! The native API of ours: spans that are current without a `Context`.

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState},
};
use tracer_core::span;

use crate::{Case, System};

/// Ours with both of its interfaces. The global provider is that of the system inside.
pub(crate) struct NativeSystem<S>(pub(crate) S);

fn tree(depth: usize) {
    if depth > 0 {
        let _node = span!("node");
        tree(depth - 1);
    }
}

fn attributes() {
    let span = span!(
        "GET /orders/{id}",
        "http.request.method" = "GET",
        "http.route" = "/orders/{id}",
        "http.response.status_code" = 500,
        "user.id" = String::from("user-1234567890"),
        "retry" = false,
    );
    span.add_event("cache miss", vec![KeyValue::new("key", "order")]);
    span.set_status(Status::error("broken"));
}

/// A leaf, under a parent that is current for the whole burst.
fn children(operations: usize) {
    for _ in 0..operations {
        let _child = span!("child");
    }
}

fn unsampled() -> SpanContext {
    let (trace_id, span_id) = (TraceId::from(1), SpanId::from(2));
    SpanContext::new(
        trace_id,
        span_id,
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::NONE,
    )
}

impl<S: System> System for NativeSystem<S> {
    fn run(&self, case: Case, operations: usize) {
        match case {
            Case::NativeRoot => (0..operations).for_each(|_| drop(span!("root"))),
            Case::NativeAttributes => (0..operations).for_each(|_| attributes()),
            Case::NativeTree => (0..operations).for_each(|_| tree(10)),
            Case::NativeChild => {
                // Discarded, so that a burst has as many spans as operations.
                let parent = span!("parent");
                children(operations);
                parent.discard();
            }
            Case::NativeUnsampledChild => {
                let _parent = span!(parent: &unsampled(), "parent");
                children(operations);
            }
            Case::BurstSmall => {
                for _ in 0..operations {
                    let _span = span!(
                        "root",
                        "http.route" = "/orders/{id}",
                        "http.response.status_code" = 200
                    );
                }
            }
            other => self.0.run(other, operations),
        }
    }

    fn flush(&self) {
        self.0.flush();
    }

    fn received(&self) -> u64 {
        self.0.received()
    }
}

/// One whose guards are active in `Context`: it is asked for native spans only.
pub(crate) struct ActiveSystem<S>(pub(crate) S);

impl<S: System> System for ActiveSystem<S> {
    fn does(&self, case: Case) -> bool {
        matches!(
            case,
            Case::NativeRoot | Case::NativeAttributes | Case::NativeChild | Case::NativeTree
        )
    }

    fn run(&self, case: Case, operations: usize) {
        self.0.run(case, operations);
    }

    fn flush(&self) {
        self.0.flush();
    }

    fn received(&self) -> u64 {
        self.0.received()
    }
}
