//! Spans that share their ids, or are sent again.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use common::{Fixture, hex_id, request, span, text};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

/// SPAN_KIND_CLIENT in opentelemetry/proto/trace/v1/trace.proto; `common::span` makes servers.
const CLIENT: i32 = 3;

#[tokio::test]
async fn spans_sent_again_are_stored_and_shown_once() {
    let fixture = Fixture::start().await;
    let batch = |ids: &[u64]| {
        let spans = ids
            .iter()
            .map(|id| span(5, *id, (*id > 1).then_some(1), "op", *id, 1));
        request("s", spans.collect())
    };
    for ids in [&[1, 2, 3][..], &[1, 2, 3], &[3, 4], &[4, 4, 5]] {
        assert_eq!(fixture.send(&batch(ids)).await.partial_success, None);
    }
    let answer = fixture.query(&format!("/api/traces/{}", hex_id(5))).await;
    assert_eq!(answer["trace"]["spanCount"], 5);
    assert_eq!(answer["trace"]["spans"].as_array().unwrap().len(), 5);
    let stats = fixture.query("/api/stats").await;
    assert_eq!(
        (&stats["spans"]["stored"], &stats["spans"]["duplicate"]),
        (&json!(5), &json!(6))
    );
    fixture.end().await;
}

/// Zipkin's B3 lets a server take the id of the client that calls it.
#[tokio::test]
async fn a_client_and_a_server_that_share_an_id_are_both_kept() {
    let fixture = Fixture::start().await;
    let root = span(6, 1, None, "GET /", 0, 100);
    let client = Span {
        kind: CLIENT,
        ..span(6, 2, Some(1), "POST", 10, 80)
    };
    let server = span(6, 2, Some(1), "POST /pay", 20, 60);
    let child = span(6, 3, Some(2), "SELECT", 30, 40);
    for (service, spans) in [("shop", vec![client, root]), ("bank", vec![server, child])] {
        let sent = request(service, spans);
        assert_eq!(fixture.send(&sent).await.partial_success, None);
        // Sent again, as by a sender that missed the answer.
        assert_eq!(fixture.send(&sent).await.partial_success, None);
    }
    let answer = fixture.query(&format!("/api/traces/{}", hex_id(6))).await;
    let trace = &answer["trace"];
    assert_eq!(
        (&trace["spanCount"], &trace["orphanSpanCount"]),
        (&json!(4), &json!(0))
    );
    let spans = trace["spans"].as_array().unwrap().iter();
    let spans: Vec<_> = spans
        .map(|span| (&span["serviceName"], &span["operationName"]))
        .collect();
    let expected = [
        ("shop", "GET /"),
        ("shop", "POST"),
        ("bank", "POST /pay"),
        ("bank", "SELECT"),
    ];
    let expected = expected.map(|(service, name)| (json!(service), json!(name)));
    assert_eq!(
        spans,
        expected.each_ref().map(|(service, name)| (service, name))
    );
    // The one call is that of the client, and what the server does is within it.
    let calls = json!([{"fromService": "shop", "toService": "bank", "operation": "POST /pay",
        "durationMs": 60.0, "success": true}]);
    assert_eq!(answer["serviceMap"]["calls"], calls);
    assert_eq!(answer["serviceMap"]["services"], json!(["bank", "shop"]));
    for parameters in [
        "serviceName=bank&operationName=POST%20/pay",
        "serviceName=shop&operationName=POST",
    ] {
        assert_eq!(fixture.found(parameters).await, [hex_id(6)], "{parameters}");
    }
    let stats = fixture.query("/api/stats").await;
    let stored = (&stats["spans"]["stored"], &stats["spans"]["duplicate"]);
    assert_eq!(stored, (&json!(4), &json!(4)));
    fixture.end().await;
}

#[tokio::test]
async fn each_state_of_a_running_span_is_kept() {
    let fixture = Fixture::start().await;
    let running = span(8, 1, None, "job", 0, 10);
    let mut done = span(8, 1, None, "job", 0, 500);
    done.attributes = vec![text("outcome", "done")];
    let child = span(8, 2, Some(1), "step", 20, 400);
    for spans in [vec![running], vec![child, done.clone()], vec![done]] {
        assert_eq!(
            fixture.send(&request("s", spans)).await.partial_success,
            None
        );
    }
    let answer = fixture.query(&format!("/api/traces/{}", hex_id(8))).await;
    let spans: Vec<&Value> = answer["trace"]["spans"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    let durations: Vec<_> = spans.iter().map(|span| &span["duration"]).collect();
    assert_eq!(
        durations,
        [&json!(10_000), &json!(500_000), &json!(400_000)]
    );
    assert_eq!(answer["trace"]["duration"], 500_000);
    // The path follows the last state, in which the child ends in time.
    assert_eq!(
        answer["criticalPath"],
        json!(["0000000000000001", "0000000000000002"])
    );
    assert_eq!(fixture.found("tag.outcome=done").await, [hex_id(8)]);
    let stats = fixture.query("/api/stats").await;
    assert_eq!(
        (&stats["spans"]["stored"], &stats["spans"]["duplicate"]),
        (&json!(3), &json!(1))
    );
    fixture.end().await;
}

#[tokio::test]
async fn what_a_full_trace_already_holds_is_a_duplicate_when_sent_again() {
    let fixture = Fixture::start().await;
    let spans = |from: u64, to: u64| (from..=to).map(|n| span(1, n, None, "op", 1, 1)).collect();
    for part in 0..5 {
        let part: Vec<_> = spans(part * 20_000 + 1, part * 20_000 + 20_000);
        fixture.send(&request("s", part)).await;
    }
    let again = fixture.send(&request("s", spans(1, 100))).await;
    assert_eq!(again.partial_success, None);
    let beyond = fixture.send(&request("s", spans(99_991, 100_001))).await;
    assert_eq!(beyond.partial_success.unwrap().rejected_spans, 1);
    // Names are listed for what is stored.
    let mut late = span(1, 100_002, None, "late", 1, 1);
    late.attributes = vec![text("late", "yes")];
    let late = fixture.send(&request("late", vec![late])).await;
    let partial = late.partial_success.unwrap();
    assert_eq!(partial.error_message, "1 of a trace that is too large");
    assert_eq!(
        fixture.query("/api/services").await,
        json!({"services": ["s"]})
    );
    let tags = json!({"tags": ["host.name", "service.name"]});
    assert_eq!(fixture.query("/api/tags").await, tags);
    let values = json!({"values": ["s"]});
    assert_eq!(fixture.query("/api/tags/service.name/values").await, values);

    let stats = fixture.query("/api/stats").await;
    assert_eq!(stats["spans"]["stored"], 100_000);
    assert_eq!(stats["spans"]["duplicate"], 110);
    fixture.end().await;
}
