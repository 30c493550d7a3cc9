//! What a message costs whose headers have 64 KiB of one thing: 64 KiB in 1 ms is allowed. Usual
//! servers refuse one that has more than 8 or 16 KiB in all.

use std::{hint::black_box, time::Instant};

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};
use tracer_propagation::{
    B3Propagator, BaggagePropagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator,
    OtTracePropagator, Propagator, TraceContextPropagator, XTraceIdPropagator, XrayPropagator,
};

use crate::{
    Target,
    bench::{Bench, Job, line, median},
};

const BYTES: usize = 64 * 1024;
const LIMIT_NANOS: f64 = 1e6;
const REPEATS: usize = 15;

/// What a value is made of.
const UNITS: [&str; 21] = [
    "0",
    "-",
    ":",
    ";",
    "=",
    "%",
    ",",
    "/",
    "+",
    " ",
    "A",
    "a",
    "\u{e9}",
    "%3A",
    "%41",
    "a=",
    "a=1,",
    "a=1;",
    ";a=%4",
    "Root=1-",
    "Sampled=1;",
];

type Headers = Vec<(String, Vec<u8>)>;

const PARSERS: usize = 10;

fn propagators() -> [(&'static str, Box<dyn Propagator>); PARSERS] {
    [
        ("tracecontext", Box::new(TraceContextPropagator::new())),
        ("baggage", Box::new(BaggagePropagator::new())),
        ("b3", Box::new(B3Propagator::single())),
        ("b3multi", Box::new(B3Propagator::multi())),
        ("jaeger", Box::new(JaegerPropagator::new())),
        ("xray", Box::new(XrayPropagator::new())),
        ("ottrace", Box::new(OtTracePropagator::new())),
        ("gcp", Box::new(GcpPropagator::new())),
        ("grpc_bin", Box::new(GrpcTraceBinPropagator::new())),
        ("x_trace_id", Box::new(XTraceIdPropagator::new())),
    ]
}

/// A message of so many bytes for each header of the propagator and each unit: in one long value,
/// and in as many headers as fit.
fn messages(propagator: &dyn Propagator, bytes: usize) -> Vec<Headers> {
    let mut usual = Headers::new();
    let (trace_id, span_id) = (TraceId::from(1), SpanId::from(2));
    let span = SpanContext::new(
        trace_id,
        span_id,
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    propagator.inject_span_context(&span, &mut usual);

    let mut messages = Vec::new();
    let prefixes = ["uberctx-", "ot-baggage-", "x-baggage-"];
    for name in propagator.fields().chain(prefixes) {
        let is_other = |(known, _): &&(String, Vec<u8>)| known != name;
        let rest: Headers = usual.iter().filter(is_other).cloned().collect();
        for unit in UNITS {
            let numbered = |place: usize| match prefixes.contains(&name) {
                true => format!("{name}{place}"),
                false => name.to_owned(),
            };
            let mut long = rest.clone();
            let value = unit.bytes().cycle().take(bytes - name.len());
            long.push((numbered(0), value.collect()));
            messages.push(long);

            let mut many = rest.clone();
            let mut left = bytes;
            for name in (0..).map(numbered) {
                let Some(fewer) = left.checked_sub(name.len() + unit.len()) else {
                    break;
                };
                left = fewer;
                many.push((name, unit.into()));
            }
            messages.push(many);
        }
        if prefixes.contains(&name) {
            // As much baggage as is read, among as many other headers as fit.
            let mut among = rest.clone();
            among.extend((0..64).map(|place| (format!("{name}{place}"), b"1".to_vec())));
            let others = bytes - 64 * (name.len() + 3);
            among.extend((0..others).map(|_| ("a".to_owned(), Vec::new())));
            messages.push(among);
        }
    }
    messages
}

fn extract(propagator: &dyn Propagator, message: &Headers) {
    let context = propagator.extract_from(&Context::new(), black_box(message));
    drop(black_box(context));
}

/// Makes what reads every message once.
pub fn all() -> impl Fn() {
    let all = propagators().map(|(_, propagator)| {
        let messages = messages(propagator.as_ref(), BYTES);
        (propagator, messages)
    });
    move || {
        for (propagator, messages) in &all {
            for message in messages {
                extract(propagator.as_ref(), message);
            }
        }
    }
}

pub(crate) fn compare(bench: &Bench) {
    let [whole, half] = bench.measure("hostile", ["whole", "half"], &Target::Null, &[]);
    let whole: [f64; PARSERS] = whole;
    for (((parser, _), whole), half) in propagators().iter().zip(whole).zip(half) {
        let name = format!("hostile_{parser}");
        line(&name, whole, "limit", LIMIT_NANOS);
        line(&name, whole, "half", half);
    }
}

/// Nanoseconds of the message that takes each propagator longest.
pub(crate) fn child(job: &Job) -> Vec<f64> {
    let bytes = if job.system == "half" {
        BYTES / 2
    } else {
        BYTES
    };
    let nanos = |propagator: &dyn Propagator, message: &Headers| {
        let extraction = |_| {
            let started = Instant::now();
            extract(propagator, message);
            started.elapsed().as_nanos() as f64
        };
        median((0..REPEATS).map(extraction).collect())
    };
    let worst = |(_, propagator): (&str, Box<dyn Propagator>)| {
        let messages = messages(propagator.as_ref(), bytes);
        let nanos = messages
            .iter()
            .map(|message| nanos(propagator.as_ref(), message));
        nanos.fold(0.0, f64::max)
    };
    propagators().map(worst).into()
}
