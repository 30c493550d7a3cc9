//! A server with the page and canned answers in the shapes of the query API.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The server, and the parameters of every search it was asked.
pub struct Fixture {
    pub base: String,
    pub searches: Arc<Mutex<Vec<HashMap<String, String>>>>,
    task: tokio::task::JoinHandle<()>,
}

/// Traces by id, newest first.
#[derive(Clone)]
struct Answers {
    traces: Arc<Vec<Value>>,
    searches: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

impl Fixture {
    /// Serves `traces`, each in the shape of `GET /api/traces/{id}`, which must be ordered newest
    /// first.
    pub async fn serve(traces: Vec<Value>) -> Self {
        let searches = Arc::default();
        let answers = Answers {
            traces: Arc::new(traces),
            searches: Arc::clone(&searches),
        };
        let app = Router::new()
            .route("/api/services", get(services))
            .route("/api/services/{service}/operations", get(operations))
            .route("/api/traces", get(search))
            .route("/api/traces/{id}", get(trace))
            .merge(tracer_collector::ui::router())
            .with_state(answers);
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            base,
            searches,
            task,
        }
    }

    pub fn last_search(&self) -> HashMap<String, String> {
        self.searches
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn services(State(answers): State<Answers>) -> Json<Value> {
    let mut names: Vec<Value> = answers
        .traces
        .iter()
        .flat_map(|one| one["trace"]["services"].as_array().unwrap().clone())
        .collect();
    names.sort_by_key(Value::to_string);
    names.dedup();
    Json(json!({ "services": names }))
}

async fn operations(State(answers): State<Answers>, Path(service): Path<String>) -> Json<Value> {
    let spans = answers
        .traces
        .iter()
        .flat_map(|one| one["trace"]["spans"].as_array().unwrap());
    let mut found: Vec<Value> = spans
        .filter(|span| span["serviceName"] == service.as_str())
        .map(|span| json!({ "name": span["operationName"], "kind": span["kind"] }))
        .collect();
    found.sort_by_key(Value::to_string);
    found.dedup();
    Json(json!({ "operations": found }))
}

async fn search(
    State(answers): State<Answers>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    answers.searches.lock().unwrap().push(query.clone());
    let text = |name: &str| query.get(name).map(String::as_str);
    if text("tag.fixture") == Some("busy") {
        let body =
            Json(json!({ "error": { "code": 503, "message": "too many searches at once" } }));
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "7")],
            body,
        )
            .into_response();
    }
    let matching: Vec<&Value> = answers
        .traces
        .iter()
        .map(|one| &one["trace"])
        .filter(|trace| {
            text("hasErrors").is_none_or(|wanted| trace["hasErrors"] == (wanted == "true"))
        })
        .filter(|trace| {
            text("serviceName")
                .is_none_or(|name| trace["services"].as_array().unwrap().contains(&json!(name)))
        })
        .filter(|_| text("tag.fixture") != Some("nothing"))
        .collect();
    let limit: usize = text("limit").map_or(50, |limit| limit.parse().unwrap());
    let offset: usize = text("pageToken").map_or(0, |token| {
        token.strip_prefix("from-").unwrap().parse().unwrap()
    });
    let page: Vec<Value> = matching
        .iter()
        .skip(offset)
        .take(limit)
        .map(|trace| summary(trace))
        .collect();
    let more = matching.len() > offset + limit;
    Json(json!({
        "traces": page,
        "totalCount": matching.len(),
        "totalIsExact": true,
        "hasMore": more,
        "nextPageToken": more.then(|| format!("from-{}", offset + limit)),
    }))
    .into_response()
}

async fn trace(State(answers): State<Answers>, Path(id): Path<String>) -> Response {
    match answers
        .traces
        .iter()
        .find(|one| one["trace"]["traceId"] == id.as_str())
    {
        Some(answer) => Json(answer.clone()).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": { "code": 404, "message": "no such trace" } })),
        )
            .into_response(),
    }
}

fn summary(trace: &Value) -> Value {
    let mut summary = trace.clone();
    summary.as_object_mut().unwrap().remove("spans");
    summary
}

/// The present in microseconds since the epoch.
pub fn now() -> u64 {
    u64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_micros(),
    )
    .unwrap()
}

/// A span with the members every span has; `more` adds to them or replaces them.
pub fn span(
    id: u64,
    parent: u64,
    service: &str,
    name: &str,
    start: u64,
    duration: u64,
    more: Value,
) -> Value {
    let mut span = json!({
        "traceId": "", "spanId": format!("{id:016x}"), "parentSpanId": (parent != 0).then(|| format!("{parent:016x}")),
        "operationName": name, "serviceName": service, "kind": "SERVER", "startTime": start, "duration": duration,
        "status": { "code": "UNSET", "message": "" }, "tags": {}, "events": [], "links": [],
        "resource": { "service.name": service, "host.name": "node-1" }, "scope": { "name": "fixture", "version": "1.0" },
        "droppedAttributes": 0,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        span[key] = value.clone();
    }
    span
}

/// The answer for a trace of these spans. The critical path is given, as the collector would give
/// it.
pub fn answer(id: u128, mut spans: Vec<Value>, critical: &[u64]) -> Value {
    let trace_id = format!("{id:032x}");
    let ids: Vec<Value> = spans.iter().map(|span| span["spanId"].clone()).collect();
    let mut services: Vec<Value> = spans
        .iter()
        .map(|span| span["serviceName"].clone())
        .collect();
    services.sort_by_key(Value::to_string);
    services.dedup();
    let orphans = spans
        .iter()
        .filter(|span| !span["parentSpanId"].is_null() && !ids.contains(&span["parentSpanId"]))
        .count();
    let start = spans
        .iter()
        .map(|span| span["startTime"].as_u64().unwrap())
        .min()
        .unwrap();
    let end = spans
        .iter()
        .map(|span| span["startTime"].as_u64().unwrap() + span["duration"].as_u64().unwrap())
        .max()
        .unwrap();
    let errors = spans.iter().any(|span| span["status"]["code"] == "ERROR");
    for span in &mut spans {
        span["traceId"] = json!(trace_id);
    }
    json!({
        "trace": {
            "traceId": trace_id, "rootService": spans[0]["serviceName"], "rootOperation": spans[0]["operationName"],
            "startTime": start, "duration": end - start, "spanCount": spans.len(), "serviceCount": services.len(), "services": services,
            "hasErrors": errors, "status": if errors { "ERROR" } else { "UNSET" }, "orphanSpanCount": orphans, "spans": spans,
        },
        "serviceMap": { "services": services, "calls": [] },
        "criticalPath": critical.iter().map(|id| format!("{id:016x}")).collect::<Vec<_>>(),
    })
}

pub const FAILING: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

/// A checkout that fails in payment, through five services.
pub fn failing(at: u64) -> Value {
    let failed = json!({ "code": "ERROR", "message": "card declined: insufficient funds" });
    let exception = json!([
        { "timestamp": at + 61_000, "name": "authorisation.sent", "attributes": { "attempt": 1 } },
        { "timestamp": at + 118_000, "name": "exception", "attributes": {
            "exception.type": "payment::Declined", "exception.message": "card declined: insufficient funds",
            "exception.stacktrace": "payment::charge\n    at src/charge.rs:88\npayment::handler\n    at src/main.rs:41" } },
    ]);
    let link = json!([{ "traceId": format!("{:032x}", ORDINARY), "spanId": format!("{:016x}", 1), "attributes": { "reason": "retry of" } }]);
    answer(
        FAILING,
        vec![
            span(
                1,
                0,
                "gateway",
                "POST /checkout",
                at,
                184_000,
                json!({
                "status": failed, "tags": { "http.request.method": "POST", "http.route": "/checkout", "http.response.status_code": 502,
                    "url.path": "/checkout", "server.port": 8080, "network.protocol.version": "1.1" } }),
            ),
            span(
                2,
                1,
                "gateway",
                "POST",
                at + 2_100,
                178_000,
                json!({ "kind": "CLIENT", "status": failed }),
            ),
            span(
                3,
                2,
                "orders",
                "POST /orders",
                at + 4_000,
                174_000,
                json!({
                "status": failed, "links": link, "tags": { "order.id": 9_007_199_254_740_993_u64, "order.total": 42.5, "order.express": true, "order.items": ["book", "lamp"] } }),
            ),
            span(
                4,
                3,
                "orders",
                "GET",
                at + 6_000,
                41_000,
                json!({ "kind": "CLIENT" }),
            ),
            span(
                5,
                4,
                "inventory",
                "GET /stock/{item}",
                at + 8_000,
                37_000,
                json!({ "status": { "code": "OK", "message": "" } }),
            ),
            span(
                6,
                3,
                "orders",
                "POST",
                at + 50_000,
                96_000,
                json!({ "kind": "CLIENT", "status": failed }),
            ),
            span(
                7,
                6,
                "payment",
                "POST /charge",
                at + 52_000,
                91_000,
                json!({ "status": failed, "events": exception,
                "tags": { "error.type": "payment::Declined", "payment.provider": "acme" } }),
            ),
            span(
                8,
                3,
                "orders",
                "POST",
                at + 150_000,
                24_000,
                json!({ "kind": "CLIENT" }),
            ),
            span(
                9,
                8,
                "notification",
                "POST /notify",
                at + 153_000,
                19_000,
                json!({}),
            ),
        ],
        &[1, 2, 3, 8, 9, 6, 7, 4, 5],
    )
}

pub const ORDINARY: u128 = 0x9d1c_3bb8_6e02_47f1_b1a4_0c52_7e33_1000;

/// Traces of two spans without a fault, one a minute back from `at`.
pub fn ordinary(at: u64, how_many: u64) -> Vec<Value> {
    (0..how_many)
        .map(|n| {
            let start = at - n * 20_000_000;
            let duration = 12_000 + (n * 7_919) % 90_000;
            answer(
                // Differs in the first digits, as real ids do.
                ORDINARY ^ (u128::from(n) << 100),
                vec![
                    span(
                        1,
                        0,
                        "gateway",
                        "GET /orders/{id}",
                        start,
                        duration,
                        json!({}),
                    ),
                    span(
                        2,
                        1,
                        "orders",
                        "GET /orders/{id}",
                        start + 3_000,
                        duration - 6_000,
                        json!({}),
                    ),
                ],
                &[1, 2],
            )
        })
        .collect()
}
