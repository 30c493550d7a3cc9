//! `b3` and `x-b3-*`. "B3" is openzipkin's b3-propagation, "B3 Requirements" a section of
//! OpenTelemetry's context/api-propagators.md.
#![expect(
    deprecated,
    reason = "the crate is, and nothing of the API's follows it"
)]

use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{Span as _, SpanContext, TraceContextExt as _, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use opentelemetry_zipkin::{B3Encoding, Propagator as Stock};
use tracer_propagation::{B3Propagator as Ours, TraceContextPropagator};

use crate::{extract, inject, one_hop, remote};

const DEFERRED: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
const ACCEPTED: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1";
const DEBUG: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d";
const TRACE_ID: (&str, &str) = ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7");
const SPAN_ID: (&str, &str) = ("x-b3-spanid", "e457b5a2e4d86bd1");

fn single() -> Stock {
    Stock::with_encoding(B3Encoding::SingleHeader)
}

fn read(
    propagator: &dyn TextMapPropagator,
    headers: &[(&'static str, &'static str)],
) -> SpanContext {
    extract(propagator, headers).span().span_context().clone()
}

/// The names of the headers that are sent, and those that `fields()` tells.
fn sent_and_told(propagator: &dyn TextMapPropagator) -> [Vec<String>; 2] {
    let mut sent: Vec<_> = inject(propagator, &remote(1, "")).into_keys().collect();
    let mut told: Vec<_> = propagator.fields().map(str::to_owned).collect();
    sent.sort();
    told.sort();
    [sent, told]
}

/// B3 Requirements, "B3 Inject": the single header is the default.
#[test]
fn d11_default_is_the_single_header() {
    let ours = inject(&Ours::default(), &remote(1, ""));
    assert_eq!(ours.get("b3").map(String::as_str), Some(ACCEPTED));
    let stock = inject(&Stock::new(), &remote(1, ""));
    // Stock today: several headers.
    assert_eq!(stock.get("b3"), None);
    assert_eq!(stock["x-b3-sampled"], "1");
}

/// B3 Requirements, "Configuration" and "Fields": a single-header propagator sends that one only.
#[test]
fn one_encoding_sends_the_headers_of_that_one() {
    assert_eq!(sent_and_told(&Ours::single()), [["b3"], ["b3"]]);
    let [sent, told] = sent_and_told(&single());
    // Stock today: all of them, of which `fields()` tells one.
    assert_eq!(sent, ["b3", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"]);
    assert_eq!(told, ["b3"]);
}

/// B3 Requirements, "B3 Extract": a debug flag is kept, and sets the sampled flag.
#[test]
fn d11_debug_trace_is_read_and_sampled() {
    for ours in [Ours::single(), Ours::multi()] {
        assert!(read(&ours, &[("b3", DEBUG)]).is_sampled());
    }
    assert_eq!(one_hop(&Ours::single(), &[("b3", DEBUG)])["b3"], DEBUG);
    // Stock today: the default one loses the trace, the other one its sampling.
    assert!(!read(&Stock::new(), &[("b3", DEBUG)]).is_valid());
    assert!(read(&single(), &[("b3", DEBUG)]).is_valid());
    assert!(!read(&single(), &[("b3", DEBUG)]).is_sampled());
}

/// W3C Trace Context Level 2, sections 3.2.2.5.2 and 3.2.2.5.3: bit 1 tells that the trace id is
/// random, which B3 does not say, and the others are to be zero.
#[test]
fn d11_states_of_b3_stay_out_of_the_flags_of_the_w3c() {
    let sent = |propagator: &dyn TextMapPropagator, header| {
        let context = extract(propagator, &[("b3", header)]);
        let flags = context.span().span_context().trace_flags().to_u8();
        let sent = inject(&TraceContextPropagator::default(), &context);
        assert!(sent["traceparent"].ends_with(&format!("-{flags:02x}")));
        flags
    };
    assert_eq!(sent(&Ours::single(), DEFERRED), 0x00);
    assert_eq!(sent(&Ours::single(), DEBUG), 0x01);
    // Stock today: "deferred" goes out as random, "debug" as a flag that is reserved.
    assert_eq!(sent(&single(), DEFERRED), 0x02);
    assert_eq!(sent(&single(), DEBUG), 0x04);
}

/// The other way round: flags of the W3C are no states of B3 (B3, "Sampling State": once taken, a
/// decision is sent on).
#[test]
fn flags_of_the_w3c_stay_out_of_the_states_of_b3() {
    for (flags, sent, stock_sent) in [(0x03, ACCEPTED, DEFERRED), (0x05, ACCEPTED, DEBUG)] {
        assert_eq!(inject(&Ours::single(), &remote(flags, ""))["b3"], sent);
        // Stock today: the decision is lost for every random trace id, or made more of.
        assert_eq!(inject(&single(), &remote(flags, ""))["b3"], stock_sent);
    }
}

/// B3, "Sampling State": a receiver to which the decision was left takes it and sends it on.
#[test]
fn a_decision_after_a_deferral_is_sent_on() {
    fn state<P>(provider: &P, propagator: &dyn TextMapPropagator) -> String
    where
        P: TracerProvider,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let parent = extract(propagator, &[("b3", DEFERRED)]);
        let span = provider.tracer("t").start_with_context("x", &parent);
        assert!(span.span_context().is_sampled());
        let sent = inject(propagator, &parent.with_span(span));
        sent["b3"].rsplit('-').next().unwrap().to_owned()
    }
    let ours = tracer_core::TracerProvider::builder()
        .sampler(Sampler::AlwaysOn)
        .build()
        .unwrap();
    assert_eq!(state(&ours, &Ours::single()), "1");
    let stock = SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOn)
        .build();
    // Stock today: deferred for good, since the new span takes over the flag. No state follows the
    // span id.
    assert_eq!(state(&stock, &single()).len(), 16);
}

/// B3, "TraceId" and "SpanId": 32 or 16, and 16, lowercase hex characters.
#[test]
fn signs_are_not_hex() {
    for (trace_id, span_id) in [
        ("+0f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"),
        ("+4fe8b2a57d3eff7", "e457b5a2e4d86bd1"),
        ("80f198ee56343ba864fe8b2a57d3eff7", "+457b5a2e4d86bd1"),
    ] {
        let several = [("x-b3-traceid", trace_id), ("x-b3-spanid", span_id)];
        let one = [("b3", &*format!("{trace_id}-{span_id}-1").leak())];
        for headers in [&several[..], &one] {
            assert!(!read(&Ours::default(), headers).is_valid(), "{headers:?}");
            // Stock today: taken.
            assert!(read(&Stock::new(), headers).is_valid(), "{headers:?}");
        }
    }
}

/// B3, "Single Header": fields with hyphens between them, and states of one character.
#[test]
fn the_single_header_has_its_grammar() {
    for tail in ["-", "-1-", "-1-05e3ac9a4f6e3b90-", "-true", "-false"] {
        let headers = [("b3", &*format!("{DEFERRED}{tail}").leak())];
        assert!(!read(&Ours::default(), &headers).is_valid(), "{tail}");
        // Stock today: taken.
        assert!(read(&Stock::new(), &headers).is_valid(), "{tail}");
    }
    // B3, "Multiple Headers": `d` is no value of this one.
    let headers = [TRACE_ID, SPAN_ID, ("x-b3-sampled", "d")];
    assert!(!read(&Ours::single(), &headers).is_valid());
    // Stock today: taken.
    assert!(read(&single(), &headers).is_valid());
}

/// B3, "Debug Flag": any value but `1` can be ignored. Finagle, where the header is from, sends `0`.
#[test]
fn a_debug_header_that_is_not_set_decides_nothing() {
    let headers = [
        TRACE_ID,
        SPAN_ID,
        ("x-b3-flags", "0"),
        ("x-b3-sampled", "1"),
    ];
    assert!(read(&Ours::default(), &headers).is_sampled());
    // Stock today: it wins over the decision.
    assert!(read(&Stock::new(), &headers).is_valid());
    assert!(!read(&Stock::new(), &headers).is_sampled());
}

/// B3, "Sampling State": it can be sent on its own, and stays the same downstream.
#[test]
fn a_state_alone_is_sent_on() {
    for state in ["0", "1", "d"] {
        let headers = [("b3", state)];
        assert_eq!(one_hop(&Ours::default(), &headers)["b3"], state);
        // Stock today: "do not sample", whatever came.
        assert_eq!(one_hop(&single(), &headers)["b3"], "0");
    }
}

/// B3, "Sampling State": where nothing was decided, absence defers the decision.
#[test]
fn without_a_span_nothing_is_decided() {
    assert!(inject(&Ours::default(), &Context::new()).is_empty());
    // Stock today: every service that is called is told not to sample.
    assert_eq!(inject(&Stock::new(), &Context::new())["x-b3-sampled"], "0");
}
