//! A caller may leave the sampling decision to the service (B3, *Sampling State*): its sampler is shown that, and what
//! the service sends carries the decision.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod support;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use tower::ServiceExt;
use tracer_core::span;
use tracer_core::testing::TestProvider;
use tracer_propagation::{B3Propagator, Propagator, SamplingState};

use support::request;

/// Follows the parent, and decides itself where the parent did not.
#[derive(Clone, Debug)]
struct Receiver {
    samples: bool,
}

impl ShouldSample for Receiver {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.cloned().unwrap_or_default();
        let sampled = match SamplingState::of(&parent) {
            SamplingState::Accept | SamplingState::Debug => true,
            SamplingState::Defer => self.samples,
            SamplingState::Deny => false,
        };
        SamplingResult {
            decision: match sampled {
                true => SamplingDecision::RecordAndSample,
                false => SamplingDecision::Drop,
            },
            attributes: Vec::new(),
            trace_state: parent.span().span_context().trace_state().clone(),
        }
    }
}

/// How many spans are kept of a request with this header, and the `b3` header that a request of the service's own has.
async fn ask(samples: bool, b3: &str) -> (usize, String) {
    let trace = TestProvider::with(|builder| builder.sampler(Receiver { samples }));
    let layer = tracer_instrument::axum::config()
        .tracer_provider(trace.provider())
        .propagator(B3Propagator::single())
        .build()
        .unwrap();
    let handler = async || {
        let _inner = span!("inner");
        let mut headers = HeaderMap::new();
        B3Propagator::single().inject_into(&Context::current(), &mut headers);
        headers["b3"].to_str().unwrap().to_owned()
    };
    let app = Router::new().route("/", get(handler)).layer(layer);
    let mut asked = request("/");
    asked.headers_mut().insert("b3", b3.parse().unwrap());
    let response = app.oneshot(asked).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    let sent = String::from_utf8(body.to_vec()).unwrap();
    (trace.spans().len(), sent)
}

#[tokio::test]
async fn the_sampler_decides_what_the_caller_left_open_and_the_decision_goes_on() {
    const CALLER: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
    for (state, samples, kept, sent_state) in [
        ("", true, 2, "-1"),
        ("", false, 0, "-0"),
        ("-0", true, 0, "-0"),
        ("-1", false, 2, "-1"),
        ("-d", false, 2, "-d"),
    ] {
        let (spans, sent) = ask(samples, &format!("{CALLER}{state}")).await;
        assert_eq!(spans, kept, "{state:?} {samples}");
        assert!(sent.starts_with(&CALLER[..33]), "{sent}");
        assert_ne!(
            &sent[..CALLER.len()],
            CALLER,
            "the span is the service's own"
        );
        assert_eq!(&sent[CALLER.len()..], sent_state, "{state:?} {samples}");
    }
}
