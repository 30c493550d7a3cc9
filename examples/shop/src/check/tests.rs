//! A trace is complete only as it is expected, span by span.

use super::*;
use crate::api::{Span, Status};

fn complete(kind: Kind) -> Trace {
    let mut parents: Vec<String> = Vec::new();
    let mut spans = Vec::new();
    for (index, expected) in SPANS.iter().enumerate() {
        parents.truncate(expected.depth);
        let span_id = format!("{index:016x}");
        spans.push(Span {
            span_id: span_id.clone(),
            parent_span_id: parents.last().cloned(),
            operation_name: expected.name.to_owned(),
            service_name: expected.service.to_owned(),
            kind: expected.kind.to_owned(),
            start_time: index as u64,
            duration: 1,
            status: Status {
                code: expected.status(kind).to_owned(),
                message: None,
            },
        });
        parents.push(span_id);
    }
    Trace {
        spans,
        ..Trace::default()
    }
}

#[track_caller]
fn check_difference(change: impl FnOnce(&mut Trace), expected: &str) {
    let mut trace = complete(Kind::Ok);
    change(&mut trace);
    let differences = differences(&trace, Kind::Ok);
    assert!(
        differences.iter().any(|it| it.contains(expected)),
        "{differences:?}"
    );
}

#[test]
fn a_complete_trace_has_no_differences() {
    for kind in [Kind::Ok, Kind::Failing, Kind::Slow] {
        assert_eq!(differences(&complete(kind), kind), Vec::<String>::new());
    }
}

#[test]
fn whatever_is_not_as_expected_is_told() {
    check_difference(
        |trace| drop(trace.spans.pop()),
        "missing gateway SERVER POST /api/orders > ",
    );
    check_difference(
        |trace| trace.spans[5].parent_span_id = Some("f".repeat(16)),
        "the parent of a span is not there",
    );
    check_difference(
        |trace| trace.spans[5].service_name = "other".to_owned(),
        "inventory SERVER GET /stock/{sku} (UNSET)",
    );
    check_difference(
        |trace| trace.spans[9].parent_span_id = trace.spans[4].parent_span_id.clone(),
        "unexpected",
    );
    check_difference(
        |trace| trace.spans[0].status.code = "ERROR".to_owned(),
        "unexpected gateway SERVER POST /api/orders (ERROR)",
    );
    check_difference(
        |trace| trace.spans.push(trace.spans[12].clone()),
        "unexpected",
    );
    check_difference(|trace| trace.orphan_span_count = 1, "1 orphans");
}

#[test]
fn the_trace_of_another_kind_differs() {
    assert!(!differences(&complete(Kind::Failing), Kind::Ok).is_empty());
    assert!(!differences(&complete(Kind::Ok), Kind::Failing).is_empty());
}
