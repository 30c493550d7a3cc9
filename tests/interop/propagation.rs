//! The propagators of OpenTelemetry Python and ours read what the other wrote, in every format that
//! both have.

use std::collections::BTreeMap;
use std::path::Path;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracer_propagation::{
    B3Propagator, BaggagePropagator, GcpPropagator, JaegerPropagator, OtTracePropagator,
    Propagator, SamplingState, TraceContextPropagator, XrayPropagator,
};
use tracer_tests::python::Python;

/// All that a context can carry to another process, as `propagate.py` has it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Carried {
    pub trace_id: String,
    pub span_id: String,
    pub flags: u8,
    pub state: String,
    pub baggage: BTreeMap<String, String>,
}

pub type Headers = BTreeMap<String, Vec<String>>;

pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const SPAN: &str = "00f067aa0ba902b7";
const FORMATS: [&str; 8] = [
    "b3",
    "b3multi",
    "baggage",
    "gcp",
    "jaeger",
    "ottrace",
    "tracecontext",
    "xray",
];

fn ours(format: &str) -> Box<dyn Propagator> {
    match format {
        "b3" => Box::new(B3Propagator::single()),
        "b3multi" => Box::new(B3Propagator::multi()),
        "baggage" => Box::new(BaggagePropagator::new()),
        "gcp" => Box::new(GcpPropagator::new()),
        "jaeger" => Box::new(JaegerPropagator::new()),
        "ottrace" => Box::new(OtTracePropagator::new()),
        "tracecontext" => Box::new(TraceContextPropagator::new()),
        "xray" => Box::new(XrayPropagator::new()),
        _ => panic!("{format}"),
    }
}

/// The answers of one process, or none where Python cannot be had.
pub fn ask(questions: &[Value]) -> Option<Vec<Value>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/interop"));
    let python = Python::with_packages("propagators", &folder.join("propagators.txt")).unwrap()?;
    Some(python.ask(&folder.join("propagate.py"), questions).unwrap())
}

pub fn context(carried: &Carried) -> Context {
    let state = match carried.state.as_str() {
        "" => TraceState::NONE,
        state => state.parse().unwrap(),
    };
    let span = SpanContext::new(
        TraceId::from_hex(&carried.trace_id).unwrap(),
        SpanId::from_hex(&carried.span_id).unwrap(),
        TraceFlags::new(carried.flags),
        false,
        state,
    );
    let baggage = carried.baggage.iter();
    let baggage = baggage.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Context::new()
        .with_remote_span_context(span)
        .with_baggage(baggage)
}

pub fn sent(format: &str, cx: &Context) -> Headers {
    let mut carrier: Vec<(String, String)> = Vec::new();
    ours(format).inject_into(cx, &mut carrier);
    let headers = carrier.into_iter();
    headers.map(|(name, value)| (name, vec![value])).collect()
}

pub fn received(format: &str, headers: &Headers) -> Context {
    let headers = headers.iter();
    let headers =
        headers.flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
    let carrier: Vec<(String, String)> = headers.collect();
    ours(format).extract_from(&Context::new(), &carrier)
}

pub fn carried(cx: &Context) -> Carried {
    let span = cx.span();
    let span = span.span_context();
    let baggage = cx.baggage().iter();
    Carried {
        trace_id: span.trace_id().to_string(),
        span_id: span.span_id().to_string(),
        flags: span.trace_flags().to_u8(),
        state: span.trace_state().header(),
        baggage: baggage
            .map(|(key, (value, _))| (key.to_string(), value.to_string()))
            .collect(),
    }
}

pub fn baggage(members: &[(&str, &str)]) -> BTreeMap<String, String> {
    let members = members.iter();
    let members = members.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    members.collect()
}

/// What both have to carry in a format.
fn given(format: &str) -> Vec<Carried> {
    let members = [
        ("tenant", "7"),
        ("user", "Amélie"),
        ("greeting", "漢字🎉"),
        ("reserved", "a=b,c;d\"e\\100%+f/%41"),
    ];
    // Values of this format are as they are: see `deviations.rs` for what a header cannot hold.
    let raw = [
        ("tenant", "7"),
        ("greeting", "x y  z"),
        ("reserved", "a=b,c;d\"e\\100%+f/% 41"),
    ];
    let members: &[_] = if format == "ottrace" { &raw } else { &members };
    [
        (
            TRACE,
            SPAN,
            0x01,
            "congo=t61rcWkgMzE,fw529a3039@dt=a:b/c",
            members,
        ),
        (TRACE, SPAN, 0x00, "rojo=00f067aa0ba902b7", &[]),
        // With the random flag.
        (TRACE, SPAN, 0x03, "", &[]),
        // 64 bits, leading zeros, and the bounds.
        ("0000000000000000a3ce929d0e0e4736", SPAN, 0x01, "", members),
        (
            "00000000000000000000000000000001",
            "0000000000000001",
            0x00,
            "",
            &[],
        ),
        (
            "ffffffffffffffffffffffffffffffff",
            "ffffffffffffffff",
            0x01,
            "",
            &[],
        ),
    ]
    .map(|(trace_id, span_id, flags, state, members)| Carried {
        trace_id: trace_id.to_owned(),
        span_id: span_id.to_owned(),
        flags,
        state: state.to_owned(),
        baggage: baggage(members),
    })
    .into()
}

/// What of it the format has a place for.
fn left(format: &str, given: &Carried) -> Carried {
    let mut left = given.clone();
    if format != "tracecontext" {
        // The sampled flag is the one that the others have.
        left.flags &= 1;
        left.state.clear();
    }
    if !matches!(format, "baggage" | "jaeger" | "ottrace") {
        left.baggage.clear();
    }
    match format {
        "baggage" => {
            left.trace_id = "0".repeat(32);
            left.span_id = "0".repeat(16);
            left.flags = 0;
        }
        // The lower half, as the receivers of this format know no more.
        "ottrace" => left.trace_id.replace_range(..16, &"0".repeat(16)),
        _ => {}
    }
    left
}

fn every_case() -> Vec<(&'static str, Carried)> {
    let cases = FORMATS.into_iter();
    let cases = cases.flat_map(|format| given(format).into_iter().map(move |one| (format, one)));
    cases.collect()
}

#[test]
fn python_reads_what_ours_sends() {
    let cases = every_case();
    let questions = cases.iter().map(|(format, given)| {
        let headers = sent(format, &context(given));
        json!({ "format": format, "extract": headers })
    });
    let questions: Vec<_> = questions.collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    for (((format, given), question), answer) in cases.iter().zip(questions).zip(answers) {
        let read: Carried = serde_json::from_value(answer).unwrap();
        assert_eq!(read, left(format, given), "{question}");
    }
}

#[test]
fn ours_reads_what_python_sends() {
    let cases = every_case();
    let questions = cases.iter();
    let questions = questions.map(|(format, given)| json!({ "format": format, "inject": given }));
    let Some(answers) = ask(&questions.collect::<Vec<_>>()) else {
        return;
    };
    for ((format, given), answer) in cases.iter().zip(answers) {
        let mut expected = left(format, given);
        if *format == "ottrace" && given.flags == 0x03 {
            // W3C Trace Context Level 2, section 3.2.2.5: flags are bits. Python compares all of
            // them with 1 and sends `false`.
            expected.flags = 0;
        }
        let headers: Headers = serde_json::from_value(answer).unwrap();
        let cx = received(format, &headers);
        assert_eq!(carried(&cx), expected, "{format} {headers:?}");
        assert_eq!(
            cx.span().span_context().is_remote(),
            *format != "baggage",
            "{format}"
        );
        if *format == "jaeger" && expected.flags == 1 {
            // Jaeger, *Propagation Format*: bit 2 asks to keep the trace at any cost. Python sets it
            // for each one that is sampled.
            assert_eq!(SamplingState::of(&cx), SamplingState::Debug);
        }
    }
}
