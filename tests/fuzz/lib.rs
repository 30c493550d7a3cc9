//! What the targets share: the properties that hold for every input of every format.

use std::collections::BTreeMap;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracer_propagation::{
    B3Propagator, BaggagePropagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator,
    OtTracePropagator, PlainPropagator, Propagator, TraceContextPropagator, XrayPropagator, limits,
};

/// Headers of a message: names may repeat, values are bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Every name that a propagator reads, and some of those that begin with a prefix.
pub const NAMES: [&str; 24] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "uber-trace-id",
    "uberctx-a",
    "uberctx-b",
    "jaeger-baggage",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "grpc-trace-bin",
    "ot-tracer-traceid",
    "ot-tracer-spanid",
    "ot-tracer-sampled",
    "ot-baggage-a",
    "x-trace-id",
    "x-span-id",
    "x-baggage-a",
    "TraceParent",
];

/// All propagators, each by its name.
pub fn propagators() -> [(&'static str, Box<dyn Propagator>); 11] {
    [
        ("tracecontext", Box::new(TraceContextPropagator::new())),
        ("baggage", Box::new(BaggagePropagator::new())),
        ("b3", Box::new(B3Propagator::single())),
        ("b3multi", Box::new(B3Propagator::multi())),
        ("b3both", Box::new(B3Propagator::both())),
        ("jaeger", Box::new(JaegerPropagator::new())),
        ("xray", Box::new(XrayPropagator::new())),
        ("gcp", Box::new(GcpPropagator::new())),
        ("grpc_bin", Box::new(GrpcTraceBinPropagator::new())),
        ("ottrace", Box::new(OtTracePropagator::new())),
        ("plain", Box::new(PlainPropagator::new())),
    ]
}

/// Visible ASCII and inner spaces: what every carrier can hold.
pub fn is_header_safe(value: &[u8]) -> bool {
    value.iter().all(|byte| (b' '..=b'~').contains(byte))
        && value.first() != Some(&b' ')
        && value.last() != Some(&b' ')
}

/// Reads the message, sends what was read on and reads that again: nothing may have changed.
pub fn one_hop(format: &str, propagator: &dyn Propagator, headers: &Headers) {
    let received = propagator.extract_from(&Context::new(), headers);
    let mut sent = Headers::new();
    propagator.inject_into(&received, &mut sent);
    for (name, value) in &sent {
        assert!(is_header_safe(value), "{format} {name}: {value:?}");
    }
    let again = propagator.extract_from(&Context::new(), &sent);
    same_span(format, &received, &again);
    let (before, after) = (members(received.baggage()), members(again.baggage()));
    assert!(before.len() <= limits::BAGGAGE_MEMBERS, "{format}");
    // Encoding may make a value three times as long, so what fitted may not fit again.
    assert!(
        after
            .iter()
            .all(|member| before.get(member.0) == Some(member.1)),
        "{format}"
    );
    if !propagator.fields().any(|field| field == "baggage")
        || bytes(&before) * 3 < limits::BAGGAGE_BYTES
    {
        assert_eq!(before, after, "{format}");
    }
}

fn same_span(format: &str, received: &Context, again: &Context) {
    let (received, again) = (received.span(), again.span());
    let (received, again) = (received.span_context(), again.span_context());
    let id = match format {
        // Its header holds half of the id.
        "ottrace" => {
            let half = u128::from_be_bytes(received.trace_id().to_bytes()) & u128::from(u64::MAX);
            TraceId::from(half)
        }
        _ => received.trace_id(),
    };
    // Half of an id may be zero, and then there is none.
    if id != TraceId::INVALID {
        assert_eq!(again.trace_id(), id, "{format}");
        assert_eq!(again.span_id(), received.span_id(), "{format}");
        assert_eq!(again.is_sampled(), received.is_sampled(), "{format}");
    }
    if format == "tracecontext" {
        assert_eq!(again, received);
    }
}

/// Keys with values and properties.
pub fn members(baggage: &Baggage) -> BTreeMap<String, (String, String)> {
    let member = baggage.iter().map(|(key, (value, metadata))| {
        (key.to_string(), (value.to_string(), metadata.to_string()))
    });
    member.collect()
}

fn bytes(members: &BTreeMap<String, (String, String)>) -> usize {
    let size = |(key, (value, metadata)): (&String, &(String, String))| {
        key.len() + value.len() + metadata.len() + 3
    };
    members.iter().map(size).sum()
}

/// Runs the parser, which may allocate as much as its input is worth.
pub fn bounded<T>(input: usize, parse: impl FnOnce() -> T) -> T {
    let mut parsed = None;
    let used = allocation_counter::measure(|| parsed = Some(parse()));
    // The fixed part is the most members of the smallest kind, as the API holds them.
    let allowed = 4 * input as u64 + 32 * 1024;
    assert!(
        used.bytes_total <= allowed,
        "{} bytes for {input}",
        used.bytes_total
    );
    parsed.expect("it ran")
}
