//! The page on the real collector, with spans sent to it over OTLP.

use serde_json::{Value, json};
use tracer_collector::{Collector, CollectorConfig};

use crate::fixture::now;
use crate::page::Page;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn attribute(key: &str, value: Value) -> Value {
    json!({ "key": key, "value": value })
}

/// A span in OTLP/JSON that begins `offset` milliseconds into the trace.
fn span(id: u64, parent: u64, name: &str, offset: u64, duration: u64, more: Value) -> Value {
    let start = (now() - 30_000_000) / 1_000_000 * 1_000_000 + offset * 1000;
    let mut span = json!({
        "traceId": TRACE, "spanId": format!("{id:016x}"), "name": name, "kind": 2,
        "startTimeUnixNano": format!("{start}000"),
        "endTimeUnixNano": format!("{}000", start + duration * 1000),
    });
    if parent != 0 {
        span["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        span[key] = value.clone();
    }
    span
}

fn request() -> Value {
    let failed = json!({ "code": 2, "message": "<b>declined</b>" });
    let services = [
        (
            "gateway",
            vec![span(
                1,
                0,
                "POST /checkout",
                0,
                100,
                json!({ "status": failed }),
            )],
        ),
        (
            "orders",
            vec![span(
                2,
                1,
                "POST /orders",
                5,
                90,
                json!({ "status": failed }),
            )],
        ),
        (
            "inventory",
            vec![span(3, 2, "GET /stock", 10, 20, json!({}))],
        ),
        (
            "payment",
            vec![span(
                4,
                2,
                "POST /charge",
                35,
                30,
                json!({
                    "status": failed,
                    "attributes": [
                        attribute("<img src=x onerror=alert(1)>", json!({ "stringValue": "<script>alert(1)</script>" })),
                        attribute("order.id", json!({ "intValue": "9007199254740993" })),
                        attribute("order.total", json!({ "doubleValue": 42.5 })),
                        attribute("order.express", json!({ "boolValue": true })),
                    ],
                    "events": [{ "timeUnixNano": format!("{}000", now() - 30_000_000), "name": "exception",
                        "attributes": [attribute("exception.type", json!({ "stringValue": "Declined" }))] }],
                    "links": [{ "traceId": "1".repeat(32), "spanId": "2".repeat(16) }],
                }),
            )],
        ),
        // The parent of this one is never sent.
        (
            "notification",
            vec![span(5, 99, "POST /notify", 70, 20, json!({}))],
        ),
    ];
    let resources = services.map(|(service, spans)| {
        json!({
            "resource": { "attributes": [attribute("service.name", json!({ "stringValue": service }))] },
            "scopeSpans": [{ "scope": { "name": "e2e", "version": "1" }, "spans": spans }],
        })
    });
    json!({ "resourceSpans": resources })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_sent_over_otlp_are_found_and_shown() {
    let data = tempfile::tempdir().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let config = CollectorConfig::default()
        .otlp_grpc(any)
        .otlp_http(any)
        .query(any)
        .health(any)
        .data_dir(data.path());
    let collector = Collector::start(config).await.unwrap();
    let base = format!("http://{}", collector.query_address());
    let Some(page) = Page::open(&base).await else {
        return;
    };
    page.goto("/").await;
    page.until("document.querySelector('.results .notice')")
        .await;
    assert!(
        page.text(".results")
            .await
            .contains("No trace has arrived in this time.")
    );

    let target = format!("http://{}/v1/traces", collector.otlp_http_address());
    let answer = reqwest::Client::new()
        .post(target)
        .json(&request())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);

    // The store takes spans in batches: the search is repeated until it holds the trace.
    page.until(
        "document.querySelectorAll('.result').length === 1 || void (document.querySelector('[aria-busy=false]')
            && document.getElementById('f-submit').click())",
    )
    .await;
    page.goto("/").await;
    page.until("performance.getEntriesByName('results-drawn').length === 1")
        .await;
    let timing = "const page = performance.getEntriesByType('navigation')[0];
        return [page.loadEventEnd, performance.getEntriesByName('results-drawn')[0].startTime]";
    eprintln!(
        "page of the collector: [loaded, results drawn] in ms: {}",
        page.run(timing).await
    );
    page.click("#f-errors").await;
    page.keys("#f-tags", "order.express=true").await;
    page.click("#f-submit").await;
    page.until(
        "location.search.includes('tags') && document.querySelectorAll('.result').length === 1",
    )
    .await;
    page.picture("collector-search").await;
    page.click(".result").await;
    page.until("document.querySelectorAll('.row').length === 5")
        .await;
    assert_eq!(page.address().await, format!("/trace/{TRACE}"));
    let mut services = page.texts(".row b").await;
    services.sort();
    assert_eq!(
        services,
        ["gateway", "inventory", "notification", "orders", "payment"]
    );
    assert_eq!(page.count(".row .badge.error").await, 3);
    assert_eq!(page.texts(".row .badge.orphan").await, ["Parent missing"]);
    assert!(
        page.count(".row.critical").await >= 2,
        "the root and its child decide the duration"
    );

    page.click("[data-span='0000000000000004'] .operation")
        .await;
    page.until("document.getElementById('details')").await;
    page.picture("collector-trace").await;
    assert_eq!(page.text("#status-message").await, "<b>declined</b>");
    let tags = "return [...document.querySelectorAll('.part:first-of-type tr')].map((row) =>
        [row.querySelector('th').textContent, row.querySelector('.text').textContent, row.querySelector('td').className])";
    assert_eq!(
        page.run(tags).await,
        json!([
            [
                "<img src=x onerror=alert(1)>",
                "<script>alert(1)</script>",
                "value string"
            ],
            ["order.express", "true", "value bool"],
            ["order.id", "9007199254740993", "value int"],
            ["order.total", "42.5", "value double"],
        ])
    );
    assert_eq!(page.count(".links a").await, 1);
    assert_eq!(page.complaints().await, Vec::<String>::new());
    drop(page);
    collector.shutdown().await.unwrap();
}
