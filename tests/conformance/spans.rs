//! On its way through a service a state is in every span: what is exported, what is native and what
//! is sent on. W3C Trace Context, section 3.5: members pass unchanged and in order.

use opentelemetry::Context;
use tracer_core::{span, testing::TestProvider};
use tracer_instrument::reqwest::ClientConfig;
use tracer_propagation::{CompositePropagator, Propagator as _};

use crate::service::peer;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

fn received() -> Context {
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", STATE),
        ("baggage", "a=1"),
    ];
    CompositePropagator::default().extract_from(&Context::new(), &headers.as_slice())
}

/// Server, native span, native child, client: one line of parents, all with the state.
#[tokio::test]
async fn native_spans_between_server_and_client_carry_it_on() {
    let trace = TestProvider::new();
    let client = ClientConfig::default()
        .tracer_provider(trace.provider())
        .propagator(CompositePropagator::default())
        .build(reqwest::Client::new())
        .expect("defaults");
    let sending = {
        let _request = received().attach();
        let _outer = span!("outer");
        let _inner = span!("inner");
        // The parent is what is current at this call, not when it is polled.
        client.get(peer()).send()
    };
    let sent = sending.await.expect("the peer");
    let lines: Vec<(String, String)> = sent.json().await.expect("JSON");
    let value = |name: &str| {
        let line = lines.iter().find(|(known, _)| known == name);
        line.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("tracestate"), Some(STATE));
    assert_eq!(value("baggage"), Some("a=1"));

    let spans = trace.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["outer", "inner", "GET"]);
    let parents: Vec<_> = spans
        .iter()
        .map(|span| span.parent_span_id.to_string())
        .collect();
    let ids: Vec<_> = spans
        .iter()
        .map(|span| span.span_id().to_string())
        .collect();
    assert_eq!(parents, ["b7ad6b7169203331", &ids[0], &ids[1]]);
    for span in &spans {
        assert_eq!(
            span.span_context.trace_state().header(),
            STATE,
            "{}",
            span.name
        );
    }
    let traceparent = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", ids[2]);
    assert_eq!(value("traceparent"), Some(traceparent.as_str()));
}
