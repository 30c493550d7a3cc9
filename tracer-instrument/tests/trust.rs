//! What crosses the border of trust: headers of strangers, and context for hosts of others. Expected behaviour: OpenTelemetry,
//! *Trace API* on links ("untrusted" callers), W3C Trace Context section 6 and W3C Baggage section 4 on privacy.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanId, SpanKind, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use reqwest::{Client, redirect::Policy};
use tower::ServiceExt;
use tracer_instrument::reqwest::ClientConfig;
use tracer_propagation::{PropagationPolicy, Propagator as _};

use support::*;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn request(headers: &[(&str, &str)]) -> Request {
    let request = Request::builder().uri("/");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers
        .iter()
        .fold(request, add)
        .body(Body::empty())
        .unwrap()
}

/// A service that answers with the number of baggage members it sees.
fn service(telemetry: &Telemetry) -> Router {
    let layer = telemetry
        .axum()
        .public_endpoint(|request| !request.headers().contains_key("x-internal"))
        .build()
        .unwrap();
    let members = async || Context::current().baggage().len().to_string();
    Router::new().route("/", get(members)).layer(layer)
}

async fn answer(app: Router, request: Request) -> String {
    let response = app.oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_stranger_gets_a_new_trace_with_a_link_and_no_baggage() {
    let telemetry = Telemetry::new();
    let response = answer(
        service(&telemetry),
        request(&[("traceparent", CALLER), ("baggage", "a=1")]),
    )
    .await;
    assert_eq!(response, "0");
    let span = telemetry.span().await;
    let caller = TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    assert_ne!(span.span_context.trace_id(), caller);
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    let links: Vec<_> = span.links.iter().map(|link| &link.span_context).collect();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].trace_id(), caller);
    assert_eq!(links[0].span_id(), SpanId::from(0x00f0_67aa_0ba9_02b7));
}

#[tokio::test]
async fn a_stranger_without_a_trace_gets_no_link() {
    let telemetry = Telemetry::new();
    // Inside of a span of this process, which is no caller.
    let outer = telemetry.provider.tracer("outer").start("outer");
    let context = Context::new().with_span(outer);
    let asking = answer(service(&telemetry), request(&[("baggage", "a=1")]));
    let asking = opentelemetry::trace::FutureExt::with_context(asking, context.clone());
    assert_eq!(asking.await, "0");
    context.span().end();
    let span = telemetry.span_of_kind(2, SpanKind::Server).await;
    assert_eq!(span.links.len(), 0);
    assert_eq!(span.parent_span_id, context.span().span_context().span_id());
}

#[tokio::test]
async fn the_caller_of_what_goes_on_here_is_not_the_strangers() {
    let telemetry = Telemetry::new();
    let context = w3c().extract_from(&Context::new(), &vec![("traceparent", CALLER)]);
    let asking = answer(service(&telemetry), request(&[]));
    opentelemetry::trace::FutureExt::with_context(asking, context).await;
    assert_eq!(telemetry.span().await.links.len(), 0);
}

#[tokio::test]
async fn others_are_believed() {
    let telemetry = Telemetry::new();
    let headers = [
        ("traceparent", CALLER),
        ("baggage", "a=1"),
        ("x-internal", "1"),
    ];
    let response = answer(service(&telemetry), request(&headers)).await;
    assert_eq!(response, "1");
    let span = telemetry.span().await;
    assert_eq!(span.parent_span_id, SpanId::from(0x00f0_67aa_0ba9_02b7));
    assert_eq!(span.links.len(), 0);
}

/// Sends on to the host that the path begins with, and in the end answers with the names of the propagation headers that
/// came: `http://127.0.0.1/localhost/` is one redirect.
async fn peer() -> SocketAddr {
    let answer = async |headers: HeaderMap, uri: Uri| {
        if let Some((next, rest)) = uri.path()[1..].split_once('/') {
            let (_, port) = headers["host"].to_str().unwrap().split_once(':').unwrap();
            return Redirect::temporary(&format!("http://{next}:{port}/{rest}")).into_response();
        }
        let names = ["traceparent", "baggage"]
            .into_iter()
            .filter(|name| headers.contains_key(*name));
        names.collect::<Vec<_>>().join(" ").into_response()
    };
    serve(Router::new().fallback(answer)).await
}

/// What a request to the URL takes along, with the policy on the client and its redirects.
async fn sent(policy: &PropagationPolicy, url: String) -> Result<(u16, String), reqwest::Error> {
    let telemetry = Telemetry::new();
    let client = ClientConfig::default()
        .tracer_provider(&telemetry.provider)
        .propagator(w3c())
        .propagation_policy(policy.clone())
        .build_client(Client::builder().no_proxy())
        .unwrap();
    let sending = {
        let context = Context::new().with_baggage([KeyValue::new("user", "7")]);
        let _current = context.attach();
        client.get(url).send()
    };
    let response = sending.await?;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test]
async fn a_host_gets_what_the_policy_says() {
    let port = peer().await.port();
    let policy = PropagationPolicy::default();
    let only = |hosts: &[&str]| policy.clone().baggage_to(hosts).unwrap();
    for (policy, headers) in [
        (policy.clone(), "traceparent baggage"),
        (only(&["127.0.0.1"]), "traceparent baggage"),
        (only(&["*.example.com"]), "traceparent"),
        (
            policy.clone().trace_context_to(["example.com"]).unwrap(),
            "baggage",
        ),
        (only(&[]).trace_context_to([""; 0]).unwrap(), ""),
    ] {
        let got = sent(&policy, format!("http://127.0.0.1:{port}/"));
        assert_eq!(got.await.unwrap(), (200, headers.to_owned()), "{policy:?}");
    }
}

#[tokio::test]
async fn a_redirect_takes_nothing_to_a_host_that_may_have_less() {
    const HERE: &str = "127.0.0.1";
    const AWAY: &str = "localhost";
    let port = peer().await.port();
    let (stopped, all) = ((307, ""), (200, "traceparent baggage"));
    let [trace, baggage] = [(200, "traceparent"), (200, "baggage")];
    let only_trace = PropagationPolicy::default().baggage_to([HERE]).unwrap();
    let only_baggage = PropagationPolicy::default()
        .trace_context_to([HERE])
        .unwrap();
    for (first, rest, trace_here, baggage_here) in [
        (HERE, &[][..], all, all),
        (HERE, &[HERE], all, all),
        (HERE, &[AWAY], stopped, stopped),
        (HERE, &[HERE, AWAY], stopped, stopped),
        // Where nothing was sent at first there is nothing to keep back.
        (AWAY, &[AWAY], trace, baggage),
        (AWAY, &[HERE], trace, baggage),
        (AWAY, &[HERE, AWAY], trace, baggage),
    ] {
        let path: String = rest.iter().map(|host| format!("{host}/")).collect();
        let url = format!("http://{first}:{port}/{path}");
        for (policy, expected) in [(&only_trace, trace_here), (&only_baggage, baggage_here)] {
            let (status, names) = sent(policy, url.clone()).await.unwrap();
            assert_eq!((status, names.as_str()), expected, "{policy:?} {url}");
        }
    }
}

#[tokio::test]
async fn without_a_policy_redirects_are_those_of_the_builder() {
    let builder = Client::builder().no_proxy().redirect(Policy::none());
    let client = ClientConfig::default().build_client(builder).unwrap();
    let url = format!("http://127.0.0.1:{}/127.0.0.1/", peer().await.port());
    let response = client.get(url).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 307);
}

#[test]
fn a_client_that_cannot_be_made_is_an_error() {
    let builder = Client::builder().user_agent("no\nheader");
    let refused = ClientConfig::default().build_client(builder).unwrap_err();
    assert_eq!(refused.to_string(), "the HTTP client cannot be made");
}

/// As many as reqwest follows by default.
#[tokio::test]
async fn ten_redirects_are_followed() {
    let port = peer().await.port();
    let url = |hops| format!("http://127.0.0.1:{port}/{}", "127.0.0.1/".repeat(hops));
    let policy = PropagationPolicy::default();
    assert_eq!(sent(&policy, url(10)).await.unwrap().0, 200);
    assert!(sent(&policy, url(11)).await.unwrap_err().is_redirect());
}
