//! Lines and traces that do not belong together are told.

use super::*;

fn trace() -> Trace {
    let span = |(number, name): (usize, Name)| Span {
        span_id: format!("{number:016x}"),
        service_name: name.to_string(),
        operation_name: "work".to_owned(),
        ..Span::default()
    };
    Trace {
        trace_id: "a".repeat(32),
        spans: Name::ALL.into_iter().enumerate().map(span).collect(),
        ..Trace::default()
    }
}

/// A directory with a line of each service, as `change` makes it.
fn logs(change: impl Fn(Name, &mut serde_json::Value)) -> Result<Logs, Error> {
    let directory = tempfile::tempdir().unwrap();
    for span in trace().spans {
        let name: Name = span.service_name.parse().unwrap();
        let mut line = serde_json::json!({
            "timestamp": "2026-11-21T09:18:44.123456Z",
            "severity": "INFO",
            "service.name": name.as_str(),
            "message": "done",
            "trace_id": "a".repeat(32),
            "span_id": span.span_id,
        });
        change(name, &mut line);
        std::fs::write(Logs::file(directory.path(), name), format!("{line}\n")).unwrap();
    }
    Logs::read(directory.path())
}

#[test]
fn lines_of_all_services_in_their_spans_are_right() {
    let logs = logs(|_, _| ()).unwrap();
    assert_eq!(logs.of_trace(&"a".repeat(32)).len(), 5);
    assert_eq!(logs.differences(&trace()), Vec::<String>::new());
}

#[track_caller]
fn check_difference(change: impl Fn(Name, &mut serde_json::Value), expected: &str) {
    let differences = logs(change).unwrap().differences(&trace());
    assert!(
        differences.iter().any(|it| it.contains(expected)),
        "{differences:?}"
    );
}

#[test]
fn what_does_not_fit_is_told() {
    check_difference(
        |name, line| {
            if name == Name::Payment {
                line["span_id"] = "f".repeat(16).into();
            }
        },
        "no span of this log line",
    );
    check_difference(
        |name, line| {
            if name == Name::Payment {
                line["service.name"] = "orders".into();
            }
        },
        "no span of this log line",
    );
    check_difference(
        |name, line| {
            if name == Name::Payment {
                line["trace_id"] = "b".repeat(32).into();
            }
        },
        "no log line of payment",
    );
    check_difference(
        |name, line| {
            if name == Name::Gateway {
                line.as_object_mut().unwrap().remove("trace_id");
            }
        },
        "no log line of gateway",
    );
}

#[test]
fn line_that_is_no_line_is_an_error() {
    let error = logs(|_, line| *line = "text".into()).unwrap_err();
    assert!(matches!(error, Error::LogLine { .. }), "{error}");
}
