//! Expected trees with fewer details than the trace, and trees that cannot be parsed.

use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, Tracer as _},
};
use tracer_core::testing::{TestProvider, assert_trace};

use crate::{
    messages::{message, recorded},
    panic_of,
};

#[test]
fn trees_that_leave_something_open_match() {
    for expected in [
        "...",
        "*\n    ...",
        // A tab counts as a space, except in the indentation.
        "*\tserver\n    http.route\t= \"/orders/{id}\"\n    ...",
        r#"
        ~"GET *" server unset
            http.route = ~"/orders/*"
            no url.query
            event "cache"
                hit = true
            ...
        "#,
        r#"
        unordered
        "GET /orders/{id}"
            "mail"
                ...
            * error ~"card *"
                link * 1/2
            "SELECT orders"
        "#,
        // A wildcard does not take the only span that fits a stricter line.
        r#"
        * unordered
            *
                *
            * error *
            ~"*SELECT*"
        "#,
        r#"
        "GET /orders/{id}"
            event "cache" exactly
                hit = false
            "charge" exactly error "card refused"
                link "SELECT orders"
            ...
        "#,
    ] {
        assert_trace!(recorded(), expected);
    }
}

/// Line, column and reason, with the line shown.
#[test]
fn trees_that_cannot_be_read_say_where_and_why() {
    for (tree, line, column, why) in [
        (
            "checkout",
            1,
            1,
            "expected the name of a span, in quotes; is it \"checkout\"?",
        ),
        ("\"a\" sever", 1, 5, "unknown word `sever`"),
        (
            "\"a\" Server",
            1,
            5,
            "unknown word `Server`; is it `server`?",
        ),
        (
            "\"a\"\n  k: 1",
            2,
            3,
            "expected the name of a span, in quotes; an attribute is `k = value`",
        ),
        ("\"a\" \"b\"", 1, 5, "unexpected \"b\""),
        ("\"a", 1, 1, "text has no end"),
        ("\"a\\q\"", 1, 3, "unknown escape"),
        ("\"a\\u{110000}\"", 1, 3, "unknown escape"),
        ("k = 1", 1, 1, "an attribute belongs below a span"),
        (
            "event \"a\"",
            1,
            1,
            "an event or a link belongs below a span",
        ),
        ("\"a\"\n  k = v", 2, 7, "expected a value; is it \"v\"?"),
        ("\"a\"\n  k =", 2, 6, "expected a value"),
        ("\"a\"\n  k = 1 2", 2, 9, "unknown word `2`"),
        (
            "\"a\"\n  = 1",
            2,
            3,
            "expected the name of a span, in quotes",
        ),
        ("\"a\"\n  k = = 1", 2, 7, "expected a value"),
        (
            "\"a\"\n  no",
            2,
            3,
            "expected the name of a span, in quotes; is it \"no\"?",
        ),
        ("\"a\"\n  no *k = 1", 2, 9, "`=` without a key before it"),
        ("\"a\"\n  k = [1", 2, 7, "array has no end"),
        ("\"a\"\n  k = [1, x]", 2, 11, "`x` is not a value"),
        (
            "\"a\"\n  k = [1,, 2]",
            2,
            10,
            "an array has values with commas between them",
        ),
        (
            "\"a\"\n  k = [~\"x\"]",
            2,
            8,
            "an array cannot contain a pattern",
        ),
        ("\"a\"\n  k = ]", 2, 7, "`]` outside of an array"),
        (
            "\"a\"\n  event",
            2,
            8,
            "expected the name of an event, in quotes",
        ),
        ("\"a\"\n  event \"b\" error", 2, 13, "unknown word `error`"),
        (
            "\"a\"\n  link x",
            2,
            8,
            "expected the name of the linked span, `trace/span` in hexadecimal digits, or `*`",
        ),
        (
            "\"a\"\n  event \"b\"\n    \"c\"",
            3,
            5,
            "only attributes can be below an event or a link",
        ),
        (
            "\"a\"\n    \"b\"\n  \"c\"",
            3,
            3,
            "not aligned with the line before it on its level, which begins in column 5",
        ),
        (
            "\"a\"\n  k = 1\n    l = 2",
            3,
            5,
            "not aligned with the line before it on its level, which begins in column 3",
        ),
        (
            "  \"a\"\n\"b\"",
            2,
            1,
            "not aligned with the line before it on its level, which begins in column 3",
        ),
        ("\"a\"\n\t\"b\"", 2, 1, "indent with spaces only"),
        (
            "\"a\"\nexactly",
            2,
            1,
            "expected the name of a span, in quotes; is it \"exactly\"?",
        ),
    ] {
        let shown = tree.lines().nth(line - 1).expect("line");
        let mark = " ".repeat(column - 1);
        assert_eq!(
            message(tree),
            format!("expected tree, line {line}, column {column}: {why}\n{shown}\n{mark}^")
        );
    }
}

/// Walking a deep tree once ended the process: a test's thread has a stack of 2 MiB.
#[test]
fn trees_may_be_1000_deep() {
    let chain = |depth| {
        let trace = TestProvider::new();
        let tracer = trace.tracer("t");
        let mut open = vec![Context::new()];
        for _ in 0..depth {
            let span = tracer.start_with_context("x", &open[open.len() - 1]);
            open.push(Context::new().with_span(span));
        }
        drop(open);
        trace
    };
    let trace = chain(1000);
    assert_trace!(trace, &trace.tree());
    let deeper = panic_of(|| drop(chain(1001).tree()));
    assert_eq!(deeper, "spans are more than 1000 deep");
    let lines: String = (0..1100)
        .map(|n| format!("{}\"x\"\n", " ".repeat(n)))
        .collect();
    let unreadable = panic_of(|| assert_trace!(trace, &lines));
    let (first, _) = unreadable.split_once('\n').expect("lines");
    assert_eq!(
        first,
        "expected tree, line 1003, column 1003: more than 1000 deep"
    );
}

/// Each of the wildcards leaves the span that only one line fits to that line.
#[test]
fn many_siblings_in_any_order_are_matched_in_no_time() {
    let trace = TestProvider::new();
    let tracer = trace.tracer("t");
    for n in 0..500 {
        tracer.start(format!("a{n}"));
    }
    let mut lines = "unordered\n".to_owned() + &"~\"a*\"\n".repeat(250);
    lines.extend((0..250).map(|n| format!("\"a{n}\"\n")));
    assert_trace!(trace, &lines);
}
