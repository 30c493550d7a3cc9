//! The message of `assert_trace!` for each way in which a trace may differ.

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _},
};
use tracer_core::{
    span,
    testing::{FinishedSpan, TestProvider, assert_trace},
};

use crate::panic_of;

/// ```text
/// "GET /orders/{id}" server
///     http.response.status_code = 200
///     http.route = "/orders/{id}"
///     event "cache"
///         hit = false
///     event "cache"
///         hit = true
///     "SELECT orders" client
///         db.system.name = "postgresql"
///     "charge" error "card refused"
///         link "SELECT orders" 1/2
///     "mail"
///         "render" ok
/// ```
pub fn recorded() -> Vec<FinishedSpan> {
    let trace = TestProvider::new();
    let tracer = trace.tracer("shop");
    let builder = tracer.span_builder("GET /orders/{id}");
    let mut root = builder.with_kind(SpanKind::Server).start(&tracer);
    root.set_attribute(KeyValue::new("http.route", "/orders/{id}"));
    root.set_attribute(KeyValue::new("http.response.status_code", 200));
    root.add_event("cache", vec![KeyValue::new("hit", false)]);
    root.add_event("cache", vec![KeyValue::new("hit", true)]);
    let root = Context::new().with_span(root);
    let builder = tracer.span_builder("SELECT orders");
    let builder = builder.with_kind(SpanKind::Client);
    let mut query = builder.start_with_context(&tracer, &root);
    query.set_attribute(KeyValue::new("db.system.name", "postgresql"));
    let mut charge = tracer.start_with_context("charge", &root);
    charge.set_status(Status::error("card refused"));
    charge.add_link(query.span_context().clone(), vec![]);
    let mail = Context::new().with_span(tracer.start_with_context("mail", &root));
    let mut render = tracer.start_with_context("render", &mail);
    render.set_status(Status::Ok);
    drop((query, charge, render, mail, root));
    trace.balance();
    trace.spans()
}

pub fn message(expected: &str) -> String {
    let spans = recorded();
    panic_of(|| assert_trace!(spans, expected))
}

/// Returns a tree with this root, these lines below it, and any further spans.
fn with(root: &str, below: &str) -> String {
    format!("    {root}\n{below}\n        ...\n")
}

/// Checks the first line of the message, and the marked line of each tree: `""` for none.
#[track_caller]
fn check(expected: &str, first: &str, marked_expected: &str, marked_recorded: &str) {
    let message = message(expected);
    let (found, trees) = message.split_once("\n\nexpected:\n").expect("trees");
    assert_eq!(found, first, "\n{message}");
    let (expected, recorded) = trees.split_once("\nrecorded:\n").expect("two");
    for (tree, mark) in [(expected, marked_expected), (recorded, marked_recorded)] {
        let marked: Vec<_> = tree
            .lines()
            .filter_map(|line| line.strip_prefix("  > "))
            .collect();
        assert_eq!(marked.concat().trim_start(), mark, "\n{message}");
    }
}

const ROOT: &str = r#""GET /orders/{id}""#;
const SERVER: &str = r#""GET /orders/{id}" server"#;

#[test]
fn failure_shows_both_trees_with_marks_at_the_first_difference() {
    let message = message(
        r#"
        "GET /orders/{id}" server
            http.route = "/orders/{id}"

            "SELECT orders" client
                db.system.name = "mysql"
            ...
        "#,
    );
    let text = r#"db.system.name of span "SELECT orders" is "postgresql", not "mysql"

expected:
    "GET /orders/{id}" server
        http.route = "/orders/{id}"
        "SELECT orders" client
  >         db.system.name = "mysql"
        ...

recorded:
    "GET /orders/{id}" server
        http.response.status_code = 200
        http.route = "/orders/{id}"
        event "cache"
            hit = false
        event "cache"
            hit = true
        "SELECT orders" client
  >         db.system.name = "postgresql"
        "charge" error "card refused"
            link "SELECT orders" 1/2
        "mail"
            "render" ok
"#;
    assert_eq!(message, text);
}

#[test]
fn failure_in_the_documentation_is_what_is_said() {
    let trace = TestProvider::new();
    let span = span!("checkout", "cart.items" = 1);
    drop(span!("charge"));
    span.add_event("cart.empty", vec![]);
    span.set_status(Status::error("nothing to pay"));
    drop(span);
    let expected = r#"
        "checkout" error "nothing to pay"
            cart.items = 0
            event "cart.empty"
            "charge"
    "#;
    let message = panic_of(|| assert_trace!(trace, expected));
    let lines = message
        .lines()
        .map(|line| format!("//! {line}").trim_end().to_owned() + "\n");
    let documentation = include_str!("../../src/testing/mod.rs");
    assert!(
        documentation.contains(&lines.collect::<String>()),
        "{message}"
    );
}

#[test]
fn differences_of_a_span_itself() {
    check(
        r#" "PUT" "#,
        r#"span "GET /orders/{id}" is not span "PUT""#,
        r#""PUT""#,
        SERVER,
    );
    check(
        &with(&format!("{ROOT} client"), ""),
        r#"kind of span "GET /orders/{id}" is server, not client"#,
        &format!("{ROOT} client"),
        SERVER,
    );
    check(
        &with(&format!("{ROOT} exactly"), ""),
        r#"kind of span "GET /orders/{id}" is server, not internal"#,
        &format!("{ROOT} exactly"),
        SERVER,
    );
    check(
        &with(&format!("{ROOT} error ~\"no*\""), ""),
        r#"status of span "GET /orders/{id}" is unset, not error ~"no*""#,
        &format!("{ROOT} error ~\"no*\""),
        SERVER,
    );
    check(
        &with(&format!("{ROOT} ok"), ""),
        r#"status of span "GET /orders/{id}" is unset, not ok"#,
        &format!("{ROOT} ok"),
        SERVER,
    );
    check(
        &with(ROOT, "        \"charge\""),
        r#"status of span "charge" is error "card refused", not unset"#,
        r#""charge""#,
        r#""charge" error "card refused""#,
    );
    check(
        &with(ROOT, "        \"charge\" error \"no money\""),
        r#"status of span "charge" is error "card refused", not error "no money""#,
        r#""charge" error "no money""#,
        r#""charge" error "card refused""#,
    );
    check(
        &with(&format!("{ROOT} remote"), ""),
        r#"span "GET /orders/{id}" has no parent, not a remote parent"#,
        &format!("{ROOT} remote"),
        SERVER,
    );
    check(
        &with(ROOT, "        \"charge\" remote error"),
        r#"span "charge" has a parent of its own process, not a remote parent"#,
        r#""charge" remote error"#,
        r#""charge" error "card refused""#,
    );
}

#[test]
fn differences_of_attributes() {
    check(
        &with(ROOT, "        http.response.status_code = \"200\""),
        r#"http.response.status_code of span "GET /orders/{id}" is 200, not "200""#,
        r#"http.response.status_code = "200""#,
        "http.response.status_code = 200",
    );
    check(
        &with(ROOT, "        url.path = *"),
        r#"no attribute url.path of span "GET /orders/{id}""#,
        "url.path = *",
        SERVER,
    );
    check(
        &with(ROOT, "        no http.route"),
        r#"unexpected attribute http.route of span "GET /orders/{id}""#,
        "no http.route",
        r#"http.route = "/orders/{id}""#,
    );
    check(
        &with(ROOT, "        \"SELECT orders\" client exactly"),
        r#"unexpected attribute db.system.name of span "SELECT orders""#,
        r#""SELECT orders" client exactly"#,
        r#"db.system.name = "postgresql""#,
    );
}

#[test]
fn differences_of_events_and_links() {
    check(
        &with(ROOT, "        event \"lock\""),
        r#"no event "lock""#,
        r#"event "lock""#,
        SERVER,
    );
    check(
        &with(
            ROOT,
            "        event \"cache\"\n            hit = *\n            tier = 1",
        ),
        r#"no attribute tier of event "cache""#,
        "tier = 1",
        r#"event "cache""#,
    );
    check(
        &with(
            ROOT,
            "        event \"cache\"\n            hit = true\n        event \"cache\"\n            hit = false",
        ),
        r#"no event "cache" after the one before it"#,
        r#"event "cache""#,
        SERVER,
    );
    let all = "        http.response.status_code = *\n        http.route = *\n        event \"cache\"\n            hit = false";
    check(
        &with(&format!("{ROOT} server exactly"), all),
        r#"unexpected event "cache""#,
        &format!("{ROOT} server exactly"),
        r#"event "cache""#,
    );
    check(
        &with(ROOT, "        \"charge\" error\n            link \"mail\""),
        r#"no link "mail""#,
        r#"link "mail""#,
        r#""charge" error "card refused""#,
    );
    check(
        &with(ROOT, "        \"charge\" error\n            link 1/3"),
        "no link 1/3",
        "link 1/3",
        r#""charge" error "card refused""#,
    );
}

#[test]
fn spans_that_are_missing_or_too_many() {
    let (query, charge, mail) = (
        "        \"SELECT orders\"\n",
        "        \"charge\" error\n",
        "        \"mail\"\n            \"render\"\n",
    );
    let children = |below: &str| format!("    {ROOT}\n{below}");
    check(
        &children(&format!("{query}{charge}{mail}        \"pack\"")),
        r#"no span "pack""#,
        r#""pack""#,
        SERVER,
    );
    check(
        &children(&format!("{query}        \"pack\"\n{charge}{mail}")),
        r#"no span "pack""#,
        r#""pack""#,
        SERVER,
    );
    check(
        &children(&format!("{query}{mail}")),
        r#"unexpected span "charge""#,
        ROOT,
        r#""charge" error "card refused""#,
    );
    check(
        &children(&format!("{query}{charge}        \"mail\"")),
        r#"unexpected span "render""#,
        r#""mail""#,
        r#""render" ok"#,
    );
    check(
        &children(&format!("{query}        \"pay\" error\n{mail}")),
        r#"span "charge" is not span "pay""#,
        r#""pay" error"#,
        r#""charge" error "card refused""#,
    );
    check("", r#"unexpected span "GET /orders/{id}""#, "", SERVER);
    check(
        &children(&format!("{charge}{query}{mail}")),
        r#"unexpected span "SELECT orders""#,
        ROOT,
        r#""SELECT orders" client"#,
    );
    check(
        &with(ROOT, &format!("{charge}{query}")),
        r#"no span "SELECT orders" after the one before it"#,
        r#""SELECT orders""#,
        SERVER,
    );
    check(
        &format!("    {ROOT} unordered\n{mail}{query}"),
        r#"unexpected span "charge""#,
        &format!("{ROOT} unordered"),
        r#""charge" error "card refused""#,
    );
}

#[test]
fn nothing_recorded_is_said() {
    let nothing = TestProvider::new();
    assert_trace!(nothing, "");
    let text = panic_of(|| assert_trace!(nothing, r#""x""#));
    assert_eq!(
        text,
        "no span \"x\"\n\nexpected:\n  > \"x\"\n\nrecorded:\n    (no span)\n"
    );
}
