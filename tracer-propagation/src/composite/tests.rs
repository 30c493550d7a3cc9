//! Several propagators on one message: who decides the trace, and what is put together.

use std::collections::HashMap;

use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

use super::*;
use crate::b3::B3Propagator;
use crate::carrier::ExtractorCarrier;
use crate::gcp::GcpPropagator;
use crate::jaeger::JaegerPropagator;
use crate::ot_trace::OtTracePropagator;
use crate::sampling_state::SamplingState;

/// Finds a span context with the id in the header `x-id`, and marks the context it returns.
#[derive(Debug)]
struct Plain(Vec<String>);

#[derive(Debug, PartialEq)]
struct Mark;

impl Plain {
    fn new() -> Box<Self> {
        Box::new(Self(vec!["x-id".to_owned()]))
    }
}

impl Propagator for Plain {}

impl TextMapPropagator for Plain {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        injector.set("x-id", cx.span().span_context().trace_id().to_string());
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(id) = extractor.get("x-id").and_then(|id| id.parse::<u128>().ok()) else {
            return cx.clone();
        };
        cx.with_value(Mark)
            .with_remote_span_context(SpanContext::new(
                TraceId::from(id),
                SpanId::from(1),
                TraceFlags::SAMPLED,
                true,
                TraceState::NONE,
            ))
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.0)
    }
}

fn headers(list: &[(&str, &str)]) -> HashMap<String, String> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn both_ways(
    propagator: &CompositePropagator,
    cx: &Context,
    map: &HashMap<String, String>,
) -> Context {
    let direct = propagator.extract_from(cx, &ExtractorCarrier(map));
    let through_traits = propagator.extract_with_context(cx, map);
    assert_eq!(
        direct.span().span_context(),
        through_traits.span().span_context()
    );
    if !cx.span().span_context().is_valid() {
        let found = Some(direct.span().span_context().clone());
        let without = propagator.extract_span_context(&ExtractorCarrier(map));
        assert_eq!(without, found.filter(SpanContext::is_valid));
    }
    direct
}

const W3C: &str = "00-000000000000000000000000000000ff-00f067aa0ba902b7-01";

#[test]
fn the_first_valid_span_context_wins_and_the_rest_is_added() {
    let map = headers(&[("traceparent", W3C), ("x-id", "7"), ("baggage", "a=1")]);
    let w3c = || Box::new(TraceContextPropagator::new());
    let baggage = || Box::new(BaggagePropagator::new());

    let propagator = CompositePropagator::new(vec![w3c(), Plain::new(), baggage()]);
    let cx = both_ways(&propagator, &Context::new(), &map);
    assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xff));
    assert_eq!(cx.get::<Mark>(), Some(&Mark));
    assert_eq!(cx.baggage().len(), 1);

    let propagator = CompositePropagator::new(vec![Plain::new(), baggage(), w3c()]);
    let cx = both_ways(&propagator, &Context::new(), &map);
    assert_eq!(cx.span().span_context().trace_id(), TraceId::from(7));
    assert_eq!(cx.baggage().len(), 1);
}

#[test]
fn an_invalid_first_one_leaves_the_choice_to_the_next() {
    let map = headers(&[("traceparent", "00-1-1-1"), ("x-id", "7")]);
    let propagator =
        CompositePropagator::new(vec![Box::new(TraceContextPropagator::new()), Plain::new()]);
    let cx = both_ways(&propagator, &Context::new(), &map);
    assert_eq!(cx.span().span_context().trace_id(), TraceId::from(7));

    // A propagator of another crate that hands out what it should not.
    let map = headers(&[("traceparent", W3C), ("x-id", "0")]);
    let propagator =
        CompositePropagator::new(vec![Plain::new(), Box::new(TraceContextPropagator::new())]);
    let cx = both_ways(&propagator, &Context::new(), &map);
    assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xff));
}

/// B3 says debug, and another format that knows no debug comes after it.
#[test]
fn the_first_one_also_decides_about_sampling() {
    const IDS: &str = "000000000000000000000000000000ff-00f067aa0ba902b7";
    const JAEGER: &str = "ff:00f067aa0ba902b7:0:";
    const GCP: &str = "000000000000000000000000000000ff/67667974448284343";
    let propagator = CompositePropagator::new(vec![
        Box::new(B3Propagator::single()),
        Box::new(JaegerPropagator::new()),
        Box::new(GcpPropagator::new()),
    ]);
    for (b3, jaeger, expected) in [
        ("-d", "1", SamplingState::Debug),
        ("-d", "0", SamplingState::Debug),
        ("-0", "3", SamplingState::Deny),
        ("-0", "1", SamplingState::Deny),
        ("-1", "3", SamplingState::Accept),
        ("", "1", SamplingState::Defer),
    ] {
        let headers = [
            ("b3", format!("{IDS}{b3}")),
            ("uber-trace-id", format!("{JAEGER}{jaeger}")),
            ("x-cloud-trace-context", GCP.to_owned()),
        ];
        let cx = propagator.extract_from(&Context::new(), &headers.as_slice());
        assert_eq!(SamplingState::of(&cx), expected, "{b3} {jaeger}");
        let sampled = cx.span().span_context().is_sampled();
        assert_eq!(sampled, expected.is_sampled(), "{b3} {jaeger}");
    }
}

/// What came last won, so that the header of a load balancer ended a debug trace.
#[test]
fn the_first_one_also_decides_if_none_names_a_span() {
    let (b3, gcp) = (B3Propagator::single(), GcpPropagator::new());
    let gcp_header = "000000000000000000000000000000ff/0;o=0";
    let headers = [("b3", "d"), ("x-cloud-trace-context", gcp_header)];
    let check = |propagators, headers: &[(&str, &str)], expected| {
        let propagator = CompositePropagator::new(propagators);
        let cx = propagator.extract_from(&Context::new(), &headers);
        assert_eq!(
            SamplingState::of(&cx),
            expected,
            "{propagator:?} {headers:?}"
        );
        // What an earlier message said counts no more.
        let again = propagator.extract_from(&cx, &headers);
        assert_eq!(
            SamplingState::of(&again),
            expected,
            "{propagator:?} {headers:?}"
        );
    };
    check(
        vec![Box::new(b3), Box::new(gcp)],
        &headers,
        SamplingState::Debug,
    );
    check(
        vec![Box::new(gcp), Box::new(b3)],
        &headers,
        SamplingState::Deny,
    );
    // Debug asks for whatever trace it meets.
    let with_span = [headers[0], headers[1], ("traceparent", W3C)];
    let w3c = Box::new(TraceContextPropagator::new());
    check(
        vec![Box::new(b3), Box::new(gcp), w3c],
        &with_span,
        SamplingState::Debug,
    );
}

/// B3 decides and has no trace state. Of the one beside it, the members that `TraceState` refuses
/// went out, and those alone.
#[test]
fn a_trace_state_goes_with_its_span_context_or_not_at_all() {
    let ids = "000000000000000000000000000000ff-00f067aa0ba902b7";
    let (b3, state) = (format!("{ids}-1"), "a=1,b@@c=2");
    let headers = [
        ("b3", b3.as_str()),
        ("traceparent", W3C),
        ("tracestate", state),
    ];
    let sent = |propagators| {
        let propagator = CompositePropagator::new(propagators);
        let cx = propagator.extract_from(&Context::new(), &headers.as_slice());
        let mut sent: HashMap<String, String> = HashMap::new();
        propagator.inject_into(&cx, &mut sent);
        sent.remove("tracestate")
    };
    let (b3, w3c) = (B3Propagator::single(), TraceContextPropagator::new());
    assert_eq!(sent(vec![Box::new(b3), Box::new(w3c)]), None);
    assert_eq!(
        sent(vec![Box::new(w3c), Box::new(b3)]).as_deref(),
        Some(state)
    );
    // Found twice, it stays.
    let twice = sent(vec![Box::new(w3c), Box::new(w3c)]);
    assert_eq!(twice.as_deref(), Some(state));
}

#[test]
fn baggage_of_all_formats_comes_under_one_budget() {
    let propagator = |reversed| {
        let mut both: Vec<Box<dyn Propagator>> = vec![
            Box::new(BaggagePropagator::new()),
            Box::new(JaegerPropagator::new()),
            Box::new(OtTracePropagator::new()),
        ];
        if reversed {
            both.reverse();
        }
        CompositePropagator::new(both)
    };
    let extract = |reversed, headers: &[(&str, &str)]| {
        let cx = Context::new().with_baggage([opentelemetry::KeyValue::new("old", "1")]);
        propagator(reversed).extract_from(&cx, &headers)
    };
    let headers = [
        ("baggage", "a=w3c,b=w3c"),
        ("uberctx-a", "j"),
        ("uberctx-c", "j"),
    ];
    let cx = extract(false, &headers);
    let value = |cx: &Context, key: &str| cx.baggage().get(key).unwrap().to_string();
    assert_eq!(
        (cx.baggage().len(), value(&cx, "a"), value(&cx, "c")),
        (3, "w3c".into(), "j".into())
    );
    assert_eq!(value(&extract(true, &headers), "a"), "j");

    let members: Vec<String> = (0..60).map(|n| format!("k{n}=1")).collect();
    let members = members.join(",");
    let names: Vec<String> = (0..10).map(|n| format!("uberctx-j{n}")).collect();
    let mut headers = vec![("baggage", members.as_str())];
    headers.extend(names.iter().map(|name| (name.as_str(), "1")));
    let cx = extract(false, &headers);
    assert_eq!(cx.baggage().len(), 64);
    assert!(cx.baggage().get("j3").is_some() && cx.baggage().get("j4").is_none());

    let large = "x".repeat(4000);
    let headers = [
        ("uberctx-a", large.as_str()),
        ("ot-baggage-b", &large),
        ("ot-baggage-c", &large),
    ];
    let cx = extract(false, &headers);
    assert_eq!(cx.baggage().len(), 2);

    // 4,096 with a property, comma, 4,095: 8,192. One byte more does not fit.
    let first = format!("a=1;p={}", "x".repeat(4090));
    for (len, count) in [(4093, 2), (4094, 1)] {
        let second = "x".repeat(len);
        let headers = [("baggage", first.as_str()), ("uberctx-b", &second)];
        assert_eq!(extract(false, &headers).baggage().len(), count);
    }
}

/// "First" is about the carrier: a span that was in the context before is replaced.
#[test]
fn a_span_of_the_given_context_does_not_count_as_found() {
    let propagator = CompositePropagator::default();
    let cx = both_ways(
        &propagator,
        &Context::new(),
        &headers(&[("traceparent", W3C)]),
    );
    let other = W3C.replace("ff-", "aa-");
    let cx = both_ways(&propagator, &cx, &headers(&[("traceparent", &other)]));
    assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xaa));
}

#[test]
fn a_span_context_that_the_given_context_has_already_is_found_too() {
    let propagator =
        CompositePropagator::new(vec![Box::new(TraceContextPropagator::new()), Plain::new()]);
    let map = headers(&[("traceparent", W3C), ("x-id", "7")]);
    let once = both_ways(&propagator, &Context::new(), &map);
    let twice = both_ways(&propagator, &once, &map);
    assert_eq!(twice.span().span_context().trace_id(), TraceId::from(0xff));
}

#[test]
fn fields_are_listed_once_in_order() {
    let propagator = CompositePropagator::new(vec![
        Plain::new(),
        Box::new(CompositePropagator::default()),
        Box::new(TraceContextPropagator::new()),
    ]);
    let fields: Vec<_> = propagator.fields().collect();
    assert_eq!(fields, ["x-id", "traceparent", "tracestate", "baggage"]);
}

#[test]
fn all_of_them_inject() {
    let propagator =
        CompositePropagator::new(vec![Plain::new(), Box::new(CompositePropagator::default())]);
    let map = headers(&[("traceparent", W3C), ("baggage", "a=1")]);
    let cx = both_ways(&propagator, &Context::new(), &map);
    let mut out = HashMap::new();
    propagator.inject_context(&cx, &mut out);
    assert_eq!(out.len(), 3);
    assert_eq!(out["traceparent"], W3C);
    assert_eq!(out["baggage"], "a=1");

    let mut out: HashMap<String, String> = HashMap::new();
    propagator.inject_span_context(cx.span().span_context(), &mut out);
    assert_eq!(out.len(), 2);
    assert_eq!(out["traceparent"], W3C);
    assert_eq!(out["x-id"], "000000000000000000000000000000ff");
}
