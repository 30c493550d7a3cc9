//! On its way through a service a state is in every span: what is exported, what is native and what
//! is sent on. W3C Trace Context, section 3.5: members pass unchanged and in order.

use opentelemetry::Context;
use tracer_core::{InSpan as _, current_context, span, start_span, testing::TestProvider};
use tracer_instrument::reqwest::ClientConfig;
use tracer_propagation::{B3Propagator, BaggagePropagator, CompositePropagator, Propagator as _};

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

/// A consumer of messages, whose future is made while the context of its message is attached. No span
/// holds baggage, nor B3's debug flag, which is to be sent with all that follows (OpenTelemetry, *B3
/// Requirements*).
#[tokio::test]
async fn a_future_sends_on_all_that_its_message_brought() {
    let trace = TestProvider::new();
    let propagator = CompositePropagator::new(vec![
        Box::new(B3Propagator::single()),
        Box::new(BaggagePropagator::new()),
    ]);
    let message = vec![
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d"),
        ("baggage", "tenant=7"),
    ];
    let receiving = {
        let _message = propagator.extract_from(&Context::new(), &message).attach();
        let receive = async {
            tokio::task::yield_now().await;
            let mut sent: Vec<(String, String)> = Vec::new();
            propagator.inject_into(&current_context(), &mut sent);
            sent
        };
        receive.in_span(start_span!("process"))
    };
    let sent = receiving.await;

    let process = trace.spans()[0].span_id();
    let b3 = format!("80f198ee56343ba864fe8b2a57d3eff7-{process}-d");
    let expected = [("b3", b3.as_str()), ("baggage", "tenant=7")];
    assert_eq!(
        sent,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}
