//! The page of the live view: what it shows, what it hides, and that no byte of a span becomes markup.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail"
)]

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use serde_json::Value;
use tower::ServiceExt as _;
use tracer_core::live::{LiveLimits, LiveView};
use tracer_core::{Span, TracerProvider};
use tracer_instrument::zpages::{DebugSpans, PageBody};

struct Service {
    live: LiveView,
    provider: TracerProvider,
}

impl Service {
    fn new() -> Self {
        Self::with_limits(LiveLimits::default())
    }

    fn with_limits(limits: LiveLimits) -> Self {
        let live = LiveView::new(limits);
        let provider = TracerProvider::builder()
            .live_view(&live)
            .build()
            .expect("provider");
        Self { live, provider }
    }

    fn start(&self, name: impl Into<String>) -> Span {
        self.provider.tracer("shop").start(name.into())
    }

    fn page(&self) -> DebugSpans {
        DebugSpans::new(self.live.clone())
    }

    fn open_page(&self) -> DebugSpans {
        self.page().show_values(|_| true)
    }
}

async fn ask(page: &DebugSpans, method: Method, query: &str, accept: &str) -> Response<PageBody> {
    let request = Request::builder()
        .method(method)
        .uri(format!("/debug/spans?{query}"))
        .header(header::ACCEPT, accept)
        .body(())
        .expect("request");
    let Ok(response) = page.clone().oneshot(request).await;
    response
}

async fn text(response: Response<PageBody>) -> String {
    let Ok(body) = response.into_body().collect().await;
    String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8")
}

async fn html(page: &DebugSpans, query: &str) -> String {
    let response = ask(page, Method::GET, query, "text/html").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/html; charset=utf-8"
    );
    text(response).await
}

async fn json(page: &DebugSpans, query: &str) -> Value {
    let response = ask(page, Method::GET, query, "application/json").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    serde_json::from_str(&text(response).await).expect("JSON")
}

fn encoded(name: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("name", name).finish()
}

#[tokio::test]
async fn json_holds_what_the_view_holds() {
    let service = Service::new();
    let mut span = service.start("checkout");
    span.set_attribute(KeyValue::new("items", 3));
    span.add_event("paid", vec![KeyValue::new("by", "card")]);
    let mut failed = service.start("pay");
    failed.set_status(Status::error("declined"));
    drop(failed);

    let page = service.open_page();
    let all = json(&page, "").await;
    let shown = &all["running"][0];
    let context = span.span_context();
    assert_eq!(shown["name"], "checkout");
    assert_eq!(shown["kind"], "Internal");
    assert_eq!(shown["traceId"], context.trace_id().to_string());
    assert_eq!(shown["spanId"], context.span_id().to_string());
    assert_eq!(shown["parentSpanId"], Value::Null);
    assert_eq!(shown["scope"]["name"], "shop");
    assert_eq!(shown["attributes"][0]["key"], "items");
    assert_eq!(shown["attributes"][0]["value"], "3");
    assert_eq!(shown["events"][0]["name"], "paid");
    assert!(shown["durationNano"].as_u64().expect("age") > 0);
    assert!(shown["thread"].as_str().expect("thread").contains('#'));
    assert_eq!(all["names"][1]["name"], "pay");
    assert_eq!(all["names"][1]["ended"][9]["bucket"], "failed");
    assert_eq!(all["names"][1]["ended"][9]["count"], 1);
    assert_eq!(all["ended"], Value::Array(Vec::new()));

    let one = json(&page, "name=pay&bucket=failed&format=json").await;
    assert_eq!(one["ended"][0]["spans"][0]["status"], "Error");
    assert_eq!(one["ended"][0]["spans"][0]["statusDescription"], "declined");
    assert_eq!(one["running"], Value::Array(Vec::new()));
    let unknown = json(&page, "name=nothing").await;
    assert_eq!(unknown["names"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn page_shows_names_counts_and_links_that_hold_under_any_prefix() {
    let service = Service::new();
    let _running = service.start("GET /a?b=c&d");
    drop(service.start("GET /a?b=c&d"));
    let whole = html(&service.page(), "").await;
    assert!(whole.contains("GET /a?b=c&amp;d"), "{whole}");
    let links: Vec<_> = whole
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(links.len() > 5);
    for link in &links {
        assert!(link.starts_with('?') || *link == "data:,", "{link}");
        // What the page links to, it answers.
        let query = link.trim_start_matches('?').replace("&amp;", "&");
        if *link != "data:," {
            let response = ask(&service.page(), Method::GET, &query, "text/html").await;
            assert_eq!(response.status(), StatusCode::OK, "{link}");
        }
    }
    // Mounted anywhere, by a router that knows nothing of it.
    let app: Router = Router::new().nest(
        "/internal",
        Router::new().route_service("/debug/spans", service.page()),
    );
    let request = Request::get("/internal/debug/spans?format=json")
        .body(Body::empty())
        .expect("request");
    let Ok(response) = app.oneshot(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let refreshed = html(&service.page(), "refresh=7").await;
    assert!(refreshed.contains("<meta http-equiv=\"refresh\" content=\"7\">"));
    let style = ask(&service.page(), Method::GET, "asset=style.css", "text/css").await;
    assert_eq!(
        style.headers()[header::CONTENT_TYPE],
        "text/css; charset=utf-8"
    );
}

/// What strangers put into spans, in every place that is shown.
const ATTACKS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</style><script>alert(1)</script>",
    "<!-- -->",
    "&lt;script&gt;&#60;",
    "\u{202e}\0\u{1b}[31m\n\r<b>",
];

#[tokio::test]
async fn no_byte_of_a_span_becomes_markup_or_breaks_json() {
    for attack in ATTACKS {
        let service = Service::new();
        let tracer = service.provider.tracer(attack);
        let make = || {
            let mut span = tracer.start(attack);
            span.set_attribute(KeyValue::new(attack, attack));
            span.add_event(attack, vec![KeyValue::new(attack, attack)]);
            span.set_status(Status::error(attack));
            span
        };
        drop(make());
        let _running = make();
        let page = service.open_page();
        let of_one = encoded(attack);
        let harmless = {
            let service = Service::new();
            let tracer = service.provider.tracer("x");
            let make = || {
                let mut span = tracer.start("x");
                span.set_attribute(KeyValue::new("x", "x"));
                span.add_event("x", vec![KeyValue::new("x", "x")]);
                span.set_status(Status::error("x"));
                span
            };
            drop(make());
            let _running = make();
            let page = service.open_page();
            [
                html(&page, "").await,
                html(&page, "name=x").await,
                html(&page, "name=x&bucket=failed").await,
            ]
        };
        let queries = [
            String::new(),
            of_one.clone(),
            format!("{of_one}&bucket=failed"),
        ];
        for (query, harmless) in queries.iter().zip(&harmless) {
            let page = html(&page, query).await;
            // The markup is what it is for a harmless span: the same tags, in the same order.
            assert_eq!(tags(&page), tags(harmless), "{attack}");
        }
        let parsed = json(&page, &of_one).await;
        assert_eq!(parsed["running"][0]["name"], attack);
        assert_eq!(parsed["running"][0]["attributes"][0]["value"], attack);
        assert_eq!(parsed["ended"][0]["spans"][0]["events"][0]["name"], attack);
    }
}

/// The names of all tags and of their attributes, in order. Read by a parser that knows only this: a `<` opens
/// a tag, and values stand in double quotes.
fn tags(page: &str) -> Vec<String> {
    page.split('<')
        .skip(1)
        .map(|tag| {
            let mut names = String::new();
            for (at, part) in tag.split('"').enumerate() {
                let (inside, ends) = part
                    .split_once('>')
                    .map_or((part, false), |(inside, _)| (inside, true));
                if at % 2 == 0 {
                    names.push_str(inside);
                    if ends {
                        break;
                    }
                }
            }
            names
        })
        .collect()
}

#[tokio::test]
async fn values_are_hidden_until_they_are_let_through() {
    const SECRET: &str = "canary";
    let service = Service::new();
    let make = || {
        let mut span = service.start("login");
        span.set_attribute(KeyValue::new("password", SECRET));
        span.set_attribute(KeyValue::new("user.role", "admin"));
        span.add_event("tried", vec![KeyValue::new("password", SECRET)]);
        span.set_status(Status::error(SECRET));
        span
    };
    drop(make());
    let _running = make();
    let hidden = service.page();
    let shown = service.page().show_values(|key| key == "user.role");
    for query in ["", "name=login", "name=login&bucket=failed"] {
        for page in [&hidden, &shown] {
            let html = html(page, query).await;
            let json = json(page, query).await.to_string();
            assert!(!html.contains(SECRET) && !json.contains(SECRET));
            if !query.is_empty() {
                assert!(html.contains("password") && json.contains("password"));
            }
        }
    }
    assert!(html(&shown, "").await.contains("admin"));
    assert!(!html(&hidden, "").await.contains("admin"));
    assert!(!format!("{hidden:?}").contains(SECRET));
    let all = service.open_page();
    assert_eq!(html(&all, "name=login").await.matches(SECRET).count(), 6);
}

#[tokio::test]
async fn every_answer_forbids_scripts_guesses_and_caches() {
    let page = Service::new().page();
    let answers = [
        ask(&page, Method::GET, "", "text/html").await,
        ask(&page, Method::HEAD, "", "text/html").await,
        ask(&page, Method::GET, "format=json", "*/*").await,
        ask(&page, Method::GET, "asset=style.css", "*/*").await,
        ask(&page, Method::GET, "wrong=1", "*/*").await,
        ask(&page, Method::POST, "", "*/*").await,
    ];
    for answer in answers {
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
        assert!(!policy.contains("script-src"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
    }
}

#[tokio::test]
async fn other_methods_and_unknown_queries_are_refused_without_an_echo() {
    let page = Service::new().page();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&page, method, "", "*/*").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }
    for query in [
        "canary=1",
        "format=canary",
        "name=a&bucket=canary",
        "refresh=canary",
        "bucket=0",
    ] {
        let response = ask(&page, Method::GET, query, "*/*").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!text(response).await.contains("canary"));
    }
    let long = format!("name={}", "x".repeat(5_000));
    let response = ask(&page, Method::GET, &long, "*/*").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    // HEAD: the headers of GET, and no body (RFC 9110 §9.3.2).
    let response = ask(&page, Method::HEAD, "", "*/*").await;
    assert_ne!(response.headers()[header::CONTENT_LENGTH], "0");
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn answer_is_bounded_whatever_runs() {
    let limits = LiveLimits::default()
        .max_running(10_000)
        .max_field_bytes(1 << 20);
    let service = Service::with_limits(limits);
    let spans: Vec<_> = (0..300)
        .map(|at| {
            let mut span = service.start(format!("{at} {}", "<&\"".repeat(1_000)));
            for key in 0..40 {
                // Each byte of the value takes six in JSON.
                span.set_attribute(KeyValue::new(format!("{key}"), "\u{1}".repeat(4_000)));
            }
            span
        })
        .collect();
    let page = service.open_page();
    for query in ["", "format=json"] {
        let body = text(ask(&page, Method::GET, query, "*/*").await).await;
        assert!(body.len() < 8 << 20, "{}", body.len());
    }
    let parsed = json(&page, "").await;
    let shown = parsed["running"].as_array().expect("spans").len();
    assert!((1..=200).contains(&shown));
    assert_eq!(parsed["runningLeftOut"], 300 - shown);
    let value = parsed["running"][0]["attributes"][0]["value"]
        .as_str()
        .expect("shown");
    assert_eq!(
        value.chars().count(),
        257,
        "256 and the sign that it is cut"
    );
    drop(spans);
}
