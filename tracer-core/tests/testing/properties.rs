//! A printed tree can be parsed and matches the spans that it was printed from, whatever they are,
//! and no others. `TRACER_SEED` repeats a run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::{
    Array, Context, KeyValue, Value,
    trace::{Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tracer_core::testing::{FinishedSpan, TestProvider, assert_trace};

use crate::support::random;

/// The plan of a span.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    name: String,
    kind: SpanKind,
    status: Status,
    attributes: Vec<KeyValue>,
    events: Vec<(String, Vec<KeyValue>)>,
    /// Links to the span of this number, or to one outside the trace.
    links: Vec<(usize, Vec<KeyValue>)>,
    /// The number of the parent, if that is an earlier span.
    parent: usize,
}

fn text() -> impl Strategy<Value = String> {
    // A few fixed ones, so that some are equal, and arbitrary ones.
    prop_oneof![
        Just("a".to_owned()),
        Just("*".to_owned()),
        Just("exactly".to_owned()),
        Just("say \"b\" \\\n".to_owned()),
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        vec(any::<bool>(), 0..3).prop_map(|values| Value::Array(values.into())),
        vec(any::<i64>(), 0..3).prop_map(|values| Value::Array(values.into())),
        vec(any::<f64>(), 0..3).prop_map(|values| Value::Array(values.into())),
        vec(text(), 0..3).prop_map(|values| {
            let values = values.into_iter().map(Into::into).collect();
            Value::Array(Array::String(values))
        }),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), value()), 0..4).prop_map(|pairs| {
        let pairs = pairs.into_iter();
        pairs
            .map(|(key, value)| KeyValue::new(key, value))
            .collect()
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let kind = prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Server),
        Just(SpanKind::Client),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ];
    let status = prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        Just(Status::error("")),
        text().prop_map(Status::error),
    ];
    let events = vec((text(), attributes()), 0..3);
    let links = vec((0_usize..8, attributes()), 0..2);
    (
        text(),
        kind,
        status,
        attributes(),
        events,
        links,
        0_usize..8,
    )
        .prop_map(
            |(name, kind, status, attributes, events, links, parent)| Plan {
                name,
                kind,
                status,
                attributes,
                events,
                links,
                parent,
            },
        )
}

/// A program, and another one that differs from it in at most one place.
fn programs() -> impl Strategy<Value = (Vec<Plan>, Vec<Plan>)> {
    (vec(plan(), 1..8), plan(), any::<usize>(), 0..7).prop_map(|(plans, other, at, field)| {
        let mut changed = plans.clone();
        let at = at % changed.len();
        if let Some(plan) = changed.get_mut(at) {
            match field {
                0 => plan.name = other.name,
                1 => plan.kind = other.kind,
                2 => plan.status = other.status,
                3 => plan.attributes = other.attributes,
                4 => plan.events = other.events,
                5 => plan.links = other.links,
                _ => plan.parent = other.parent,
            }
        }
        (plans, changed)
    })
}

/// Returns the spans that a program records, and their tree.
fn recorded(plans: &[Plan]) -> (Vec<FinishedSpan>, String) {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    let mut contexts: Vec<Context> = Vec::new();
    for plan in plans {
        let parent = contexts.get(plan.parent).cloned().unwrap_or_default();
        let mut span = tracer
            .span_builder(plan.name.clone())
            .with_kind(plan.kind.clone())
            .start_with_context(&tracer, &parent);
        span.set_attributes(plan.attributes.clone());
        for (name, attributes) in &plan.events {
            span.add_event(name.clone(), attributes.clone());
        }
        for (to, attributes) in &plan.links {
            let to = contexts.get(*to).map(|to| to.span().span_context().clone());
            span.add_link(to.unwrap_or(SpanContext::NONE), attributes.clone());
        }
        span.set_status(plan.status.clone());
        contexts.push(Context::new().with_span(span));
    }
    drop(contexts);
    trace.balance();
    (trace.spans(), trace.tree())
}

fn is_matched(spans: &[FinishedSpan], tree: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| assert_trace!(spans, tree))).is_ok()
}

#[test]
fn printed_tree_matches_itself_and_exactly_nothing_else() {
    let ran = TestRunner::new(random::config()).run(&programs(), |(plans, changed)| {
        let (spans, tree) = recorded(&plans);
        for options in ["", "exactly\n", "unordered\n", "unordered exactly\n"] {
            prop_assert!(is_matched(&spans, &format!("{options}{tree}")), "{tree}");
        }
        let (others, other_tree) = recorded(&changed);
        let is_same = tree == other_tree;
        let exactly = format!("exactly\n{tree}");
        prop_assert_eq!(
            is_matched(&others, &exactly),
            is_same,
            "{}\n{}",
            tree,
            other_tree
        );
        Ok(())
    });
    ran.expect("printed trees match");
}
