//! Tests of the query API with traces that arrive in several requests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use common::{Fixture, attribute, failed, hex_id, request, span, text};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::{Value, json};

/// Four traces: 1 is ordinary, 2 fails in payment, 3 is slow, 4 has lost its root.
async fn shop() -> Fixture {
    let fixture = Fixture::start().await;
    for (trace, start, millis) in [(1, 1000, 30), (2, 2000, 40), (3, 3000, 1500)] {
        let mut root = span(trace, 1, None, "POST /checkout", start, millis);
        root.attributes = vec![attribute(
            "http.response.status_code",
            Any::IntValue(200 + trace as i64),
        )];
        fixture.send(&request("gateway", vec![root])).await;
        let order = span(trace, 2, Some(1), "POST /orders", start + 2, millis - 4);
        fixture.send(&request("orders", vec![order])).await;
        let mut pay = span(trace, 3, Some(2), "POST /pay", start + 4, millis - 20);
        pay.attributes = vec![
            text("card", "visa"),
            attribute("retry", Any::BoolValue(trace == 2)),
        ];
        let pay = if trace == 2 { failed(pay) } else { pay };
        fixture.send(&request("payment", vec![pay])).await;
    }
    let stray = span(4, 9, Some(8), "GET /stock", 4000, 5);
    fixture.send(&request("inventory", vec![stray])).await;
    fixture
}

#[tokio::test]
async fn parts_of_a_trace_add_up_whatever_their_order() {
    let spans = || {
        [
            ("gateway", span(7, 1, None, "root", 0, 100)),
            ("orders", span(7, 2, Some(1), "order", 10, 60)),
            ("payment", failed(span(7, 3, Some(2), "pay", 20, 20))),
            ("orders", span(7, 4, Some(2), "late", 50, 80)),
        ]
    };
    let mut answers = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let fixture = Fixture::start().await;
        for index in order {
            let (service, span) = spans()[index].clone();
            fixture.send(&request(service, vec![span])).await;
        }
        answers.push(fixture.query(&format!("/api/traces/{}", hex_id(7))).await);
        fixture.end().await;
    }
    let trace = &answers[0]["trace"];
    assert_eq!(trace["duration"], 130_000);
    assert_eq!(trace["rootOperation"], "root");
    assert_eq!(trace["orphanSpanCount"], 0);
    assert_eq!(trace["services"], json!(["gateway", "orders", "payment"]));
    assert_eq!(answers[1], answers[0]);
    assert_eq!(answers[2], answers[0]);
}

#[tokio::test]
async fn each_parameter_narrows_the_search() {
    let fixture = shop().await;
    let cases: &[(&str, &[u64])] = &[
        ("", &[4, 3, 2, 1]),
        ("serviceName=payment", &[3, 2, 1]),
        ("serviceName=nobody", &[]),
        ("operationName=GET%20/stock", &[4]),
        (
            "serviceName=orders&operationName=POST%20/orders",
            &[3, 2, 1],
        ),
        // Both are there, but in different spans.
        ("serviceName=gateway&operationName=POST%20/orders", &[]),
        ("startTime=2026-01-01T00:00:02Z", &[4, 3, 2]),
        ("endTime=2026-01-01T00:00:02Z", &[2, 1]),
        (
            "startTime=2026-01-01T01:00:02%2B01:00&endTime=2026-01-01T00:00:03Z",
            &[3, 2],
        ),
        ("minDurationMs=1000", &[3]),
        ("minDurationMs=35", &[3, 2]),
        ("minDurationMs=0.5", &[4, 3, 2, 1]),
        ("maxDurationMs=30", &[4, 1]),
        ("minDurationMs=30&maxDurationMs=40", &[2, 1]),
        ("hasErrors=true", &[2]),
        ("hasErrors=false", &[4, 3, 1]),
        ("tag.card=visa", &[3, 2, 1]),
        ("tag.card=Visa", &[]),
        ("tag.retry=true", &[2]),
        ("tag.http.response.status_code=203", &[3]),
        // Resource attributes belong to each of their spans.
        ("tag.host.name=inventory-1", &[4]),
        ("tag.card=visa&tag.host.name=payment-1", &[3, 2, 1]),
        ("tag.card=visa&tag.host.name=orders-1", &[]),
        ("serviceName=orders&tag.card=visa", &[]),
        // Two tags of one key are both asked for: one span has one of them only.
        ("tag.card=visa&tag.card=visa", &[3, 2, 1]),
        ("tag.card=visa&tag.card=amex", &[]),
        ("limit=2", &[4, 3]),
        ("limit=2&offset=1", &[3, 2]),
        ("tag.card=visa&offset=1", &[2, 1]),
        ("offset=4", &[]),
    ];
    for (parameters, expected) in cases {
        let expected: Vec<String> = expected.iter().map(|id| hex_id(*id)).collect();
        assert_eq!(fixture.found(parameters).await, expected, "{parameters}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn totals_say_whether_they_are_exact() {
    let fixture = shop().await;
    for (parameters, total, exact, more) in [
        ("", 4, true, false),
        ("limit=1", 4, true, true),
        ("tag.card=visa", 3, true, false),
        ("tag.card=visa&limit=1", 3, false, true),
        ("serviceName=payment&limit=1", 3, true, true),
        ("serviceName=orders&tag.card=visa", 0, true, false),
    ] {
        let answer = fixture.query(&format!("/api/traces?{parameters}")).await;
        let got = (
            &answer["totalCount"],
            &answer["totalIsExact"],
            &answer["hasMore"],
        );
        assert_eq!(
            got,
            (&json!(total), &json!(exact), &json!(more)),
            "{parameters}"
        );
        assert_eq!(answer.get("nextPageToken").is_some(), more);
    }
    fixture.end().await;
}

#[tokio::test]
async fn a_trace_is_answered_with_its_summary_map_and_critical_path() {
    let fixture = shop().await;
    let answer = fixture
        .query(&format!("/api/traces/{}", hex_id(2).to_uppercase()))
        .await;
    let mut trace = answer["trace"].clone();
    let spans = trace.as_object_mut().unwrap().remove("spans").unwrap();
    assert_eq!(
        trace,
        json!({
            "traceId": hex_id(2), "rootService": "gateway", "rootOperation": "POST /checkout",
            "startTime": 1_767_225_602_000_000u64, "duration": 40_000, "spanCount": 3, "serviceCount": 3,
            "services": ["gateway", "orders", "payment"], "hasErrors": true, "status": "ERROR",
            "orphanSpanCount": 0, "truncated": false
        })
    );
    let parents: Vec<&Value> = spans
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["parentSpanId"])
        .collect();
    assert_eq!(
        parents,
        [
            &Value::Null,
            &json!("0000000000000001"),
            &json!("0000000000000002")
        ]
    );
    assert_eq!(
        answer["serviceMap"],
        json!({
            "services": ["gateway", "orders", "payment"],
            "calls": [
                {"fromService": "gateway", "toService": "orders", "operation": "POST /orders",
                    "durationMs": 36.0, "success": true},
                {"fromService": "orders", "toService": "payment", "operation": "POST /pay",
                    "durationMs": 20.0, "success": false}]
        })
    );
    let path = json!(["0000000000000001", "0000000000000002", "0000000000000003"]);
    assert_eq!(answer["criticalPath"], path);

    // Sixteen digits stand for the lower half of an id.
    let short = fixture.query("/api/traces/0000000000000004").await;
    assert_eq!(short["trace"]["orphanSpanCount"], 1);
    assert_eq!(short["trace"]["rootService"], "inventory");
    fixture.end().await;
}

/// A span and its resource may have one key with two values.
#[tokio::test]
async fn two_tags_of_one_key_are_both_met() {
    let fixture = Fixture::start().await;
    let mut one = span(1, 1, None, "op", 0, 1);
    one.attributes = vec![text("host.name", "override")];
    let two = span(2, 1, None, "op", 1, 1);
    fixture.send(&request("s", vec![one, two])).await;
    for (parameters, expected) in [
        ("tag.host.name=s-1&tag.host.name=override", &[1][..]),
        ("tag.host.name=s-1", &[2, 1]),
    ] {
        let expected: Vec<String> = expected.iter().map(|id| hex_id(*id)).collect();
        assert_eq!(fixture.found(parameters).await, expected, "{parameters}");
    }
    fixture.end().await;
}

/// By the text in the API, that in a browser, and that in the list of values.
#[tokio::test]
async fn doubles_are_found_by_the_text_that_is_shown() {
    let fixture = Fixture::start().await;
    let values = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, 5.0];
    for (id, value) in (1..).zip(values) {
        let mut span = span(id, 1, None, "op", id, 1);
        span.attributes = vec![attribute("double", Any::DoubleValue(value))];
        fixture.send(&request("s", vec![span])).await;
    }
    for (text, id) in [
        ("Infinity", 1),
        ("-Infinity", 2),
        ("NaN", 3),
        ("1e300", 4),
        ("1e%2B300", 4),
        ("5.0", 5),
        ("5", 5),
    ] {
        let found = fixture.found(&format!("tag.double={text}")).await;
        assert_eq!(found, [hex_id(id)], "{text}");
    }
    let listed = fixture.query("/api/tags/double/values").await;
    let expected = json!({"values": ["-Infinity", "1e+300", "5.0", "Infinity", "NaN"]});
    assert_eq!(listed, expected);
    for (id, shown) in [(1, json!("Infinity")), (4, json!(1e300))] {
        let answer = fixture.query(&format!("/api/traces/{}", hex_id(id))).await;
        assert_eq!(answer["trace"]["spans"][0]["tags"]["double"], shown);
    }
    fixture.end().await;
}

#[tokio::test]
async fn names_are_listed_for_completion() {
    let fixture = shop().await;
    let services = json!({"services": ["gateway", "inventory", "orders", "payment"]});
    assert_eq!(fixture.query("/api/services").await, services);
    let operations = fixture.query("/api/services/payment/operations").await;
    assert_eq!(
        operations,
        json!({"operations": [{"name": "POST /pay", "kind": "SERVER"}]})
    );
    let all = json!({"tags": ["card", "host.name", "http.response.status_code", "retry", "service.name"]});
    assert_eq!(fixture.query("/api/tags").await, all);
    let own = json!({"tags": ["host.name", "service.name"]});
    assert_eq!(fixture.query("/api/tags?serviceName=orders").await, own);
    assert_eq!(
        fixture.query("/api/tags?limit=1").await,
        json!({"tags": ["card"]})
    );
    assert_eq!(
        fixture.query("/api/tags/retry/values").await,
        json!({"values": ["false", "true"]})
    );
    let none = json!({"values": []});
    assert_eq!(
        fixture
            .query("/api/tags/retry/values?serviceName=orders")
            .await,
        none
    );
    fixture.end().await;
}

#[tokio::test]
async fn wrong_questions_get_an_error_that_names_the_cause() {
    let fixture = shop().await;
    for (path, code, message) in [
        ("/api/traces?service=x", 400, "unknown parameter service"),
        (
            "/api/traces?limit=5000",
            400,
            "limit must be a number up to 1000",
        ),
        (
            "/api/traces/xyz",
            400,
            "trace id must be 16 or 32 hex digits",
        ),
        (
            "/api/traces/000000000000000000000000000000ff",
            404,
            "no such trace",
        ),
        ("/api/services/%ff/operations", 400, "path is malformed"),
        ("/api/tags/%ff/values", 400, "path is malformed"),
        ("/api/traces/%ff", 400, "path is malformed"),
        (
            "/api/traces?serviceName=%ff",
            400,
            "query string is malformed",
        ),
        (
            "/api/traces?limit=%2B5",
            400,
            "limit must be a number up to 1000",
        ),
        (
            "/api/traces?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z",
            400,
            "startTime must not be above endTime",
        ),
        (
            "/api/traces?minDurationMs=2&maxDurationMs=1",
            400,
            "minDurationMs must not be above maxDurationMs",
        ),
        ("/api/services?x=1", 400, "unknown parameter x"),
        ("/api/nothing", 404, "no such resource"),
    ] {
        let expected = json!({"error": {"code": code, "message": message}});
        assert_eq!(fixture.get(path).await, (code, expected), "{path}");
    }
    fixture.end().await;
}

#[tokio::test]
async fn pages_neither_shift_nor_repeat_while_traces_come_in() {
    let fixture = Fixture::start().await;
    let spans = (1..=95).map(|n| span(n, 1, None, "op", n, 1)).collect();
    fixture.send(&request("s", spans)).await;
    for parameters in [
        "limit=10",
        "limit=10&serviceName=s",
        "limit=10&operationName=op",
    ] {
        let (mut seen, mut token, mut newer) = (Vec::new(), String::new(), 1000);
        loop {
            let page = fixture
                .query(&format!("/api/traces?{parameters}&pageToken={token}"))
                .await;
            seen.extend(common::ids(&page));
            newer += 1;
            fixture
                .send(&request("s", vec![span(newer, 1, None, "op", newer, 1)]))
                .await;
            match page.get("nextPageToken") {
                Some(next) => token = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        let old: Vec<String> = (1..=95).rev().map(hex_id).collect();
        let seen: Vec<String> = seen.into_iter().filter(|id| old.contains(id)).collect();
        assert_eq!(seen, old, "{parameters}");
    }
    fixture.end().await;
}

// The child's commit says that its trace starts late; the root's, which lacks the tag, moves it.
#[tokio::test]
async fn a_trace_is_found_by_its_start_though_its_child_came_first() {
    let fixture = Fixture::start().await;
    let mut child = span(1, 2, Some(1), "child", 100_000, 1);
    child.attributes = vec![text("x", "1")];
    fixture.send(&request("s", vec![child])).await;
    let root = span(1, 1, None, "root", 0, 200_000);
    fixture.send(&request("s", vec![root])).await;
    let found = fixture.found("tag.x=1&endTime=2026-01-01T00:00:50Z").await;
    assert_eq!(found, [hex_id(1)]);
    fixture.end().await;
}

#[tokio::test]
async fn an_answer_is_truncated_only_if_spans_are_missing() {
    for (count, truncated) in [(20_000, false), (20_001, true)] {
        let fixture = Fixture::start().await;
        let spans = (1..=count).map(|n| span(1, n, None, "op", 1, 1)).collect();
        fixture.send(&request("s", spans)).await;
        let answer = fixture.query(&format!("/api/traces/{}", hex_id(1))).await;
        assert_eq!(answer["trace"]["truncated"], truncated, "{count}");
        assert_eq!(answer["trace"]["spans"].as_array().unwrap().len(), 20_000);
        fixture.end().await;
    }
}
