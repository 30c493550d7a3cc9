//! Bodies that other SDKs sent, byte for byte. `senders/` says how each was recorded.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail"
)]

mod common;

use common::{Fixture, JSON};
use serde_json::{Value, json};

/// The values that `javascript.mjs` sets. JSON.stringify has turned NaN and the infinities into
/// null. Numbers beyond 64 bits are doubles, and halves of surrogate pairs U+FFFD.
fn expected() -> Value {
    json!({
        "nan": null,
        "infinity": null,
        "two to the 63rd": 9_223_372_036_854_775_808.0,
        "minus two to the 63rd": -9_223_372_036_854_775_808.0,
        "two to the 53rd": 9_007_199_254_740_992_u64,
        "large": 1e300,
        "half": 0.5,
        "surrogate": "a\u{fffd}b",
        "pair": "\u{1f600}",
        "nul": "\0",
        "numbers": [1, 2.5, null, 9_223_372_036_854_775_808.0],
        "texts": ["a", null, null, "\u{fffd}"],
    })
}

async fn check(body: &str, trace_id: &str, micros: u64) {
    let fixture = Fixture::start().await;
    let response = fixture.post(body.as_bytes().to_vec(), &[JSON]).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    let message = "numbers beyond 64-bit integers kept as doubles: 4; \
                   texts kept with U+FFFD for invalid Unicode: 5";
    // OTLP, "Partial Success": a warning has no rejected spans and a message.
    let partial = json!({"rejectedSpans": "0", "errorMessage": message});
    assert_eq!(answer, json!({"partialSuccess": partial}));

    let answer = fixture.query(&format!("/api/traces/{trace_id}")).await;
    let span = &answer["trace"]["spans"][0];
    assert_eq!(span["tags"], expected());
    assert_eq!(span["operationName"], "odd \u{fffd} name");
    assert_eq!(
        (&span["kind"], &span["serviceName"]),
        (&json!("SERVER"), &json!("shop"))
    );
    let status = json!({"code": "ERROR", "message": "failed \u{fffd}"});
    assert_eq!(span["status"], status);
    assert_eq!(span["events"][0]["name"], "event \u{fffd}");
    assert_eq!(span["events"][0]["attributes"], json!({"value": null}));
    assert_eq!(span["startTime"], micros);
    let stats = fixture.query("/api/stats").await;
    let values = json!({"asDouble": 4, "replaced": 5, "unreadable": 0});
    assert_eq!(stats["values"], values);
    fixture.end().await;
}

#[tokio::test]
async fn javascript_0_223_is_stored_as_far_as_it_can_be() {
    let body = include_str!("senders/javascript-0.223.1.json");
    check(
        body,
        "7e389cba4b8ebe0bfca423928ac4907b",
        1_796_098_265_962_000,
    )
    .await;
}

// It sent times as numbers, which JavaScript has rounded.
#[tokio::test]
async fn javascript_0_35_is_stored_as_far_as_it_can_be() {
    let body = include_str!("senders/javascript-0.35.1.json");
    check(
        body,
        "4f8d2b88dd5c3bae37ca9b4a4434e15d",
        1_796_098_266_380_000,
    )
    .await;
}

/// One span with a broken value among others costs that value, by both ways in.
#[tokio::test]
async fn a_broken_value_does_not_cost_its_batch() {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message as _;

    let fixture = Fixture::start().await;
    let span = |id: u64, attributes: Value| {
        json!({"traceId": common::hex_id(1), "spanId": format!("{id:016x}"), "startTimeUnixNano": "5",
            "endTimeUnixNano": "6", "attributes": attributes})
    };
    let attribute = |value: Value| json!([{"key": "k", "value": value}]);
    let spans = [
        span(1, attribute(json!({"stringValue": null}))),
        span(2, attribute(json!({"intValue": "many"}))),
        span(3, attribute(json!({"intValue": "1e2"}))),
    ];
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let response = fixture.post(body.to_string().into_bytes(), &[JSON]).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    let message = "fields left out for a wrong type or range: 1, first intValue";
    assert_eq!(answer["partialSuccess"]["errorMessage"], message);
    let answer = fixture
        .query(&format!("/api/traces/{}", common::hex_id(1)))
        .await;
    let spans = answer["trace"]["spans"].as_array().unwrap();
    let found: Vec<_> = spans
        .iter()
        .map(|span| (&span["tags"], &span["droppedAttributes"]))
        .collect();
    let expected = [
        (json!({"k": null}), json!(0)),
        (json!({}), json!(1)),
        (json!({"k": 100}), json!(0)),
    ];
    assert_eq!(
        found,
        expected.each_ref().map(|(tags, dropped)| (tags, dropped))
    );

    // A name in Latin-1, as no other encoder of protobuf would send it.
    let mut request = common::request(
        "s",
        vec![
            Span {
                name: "caf\u{e9}".into(),
                ..common::span(2, 1, None, "", 0, 1)
            },
            common::span(2, 2, None, "good", 1, 1),
        ],
    )
    .encode_to_vec();
    let at = request
        .windows(2)
        .position(|pair| pair == "\u{e9}".as_bytes())
        .unwrap();
    request[at..at + 2].copy_from_slice(b"\xe9s");
    let response = fixture.post(request, &[common::PROTOBUF]).await;
    assert_eq!(response.status(), 200);
    let answer = fixture
        .query(&format!("/api/traces/{}", common::hex_id(2)))
        .await;
    let spans = &answer["trace"]["spans"];
    assert_eq!(spans[0]["operationName"], "caf\u{fffd}s");
    assert_eq!(spans[1]["operationName"], "good");
    let stats = fixture.query("/api/stats").await;
    assert_eq!(
        stats["values"],
        json!({"asDouble": 0, "replaced": 1, "unreadable": 1})
    );
    fixture.end().await;
}
