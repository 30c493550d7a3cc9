//! What the targets share: the properties that hold for every input of every format.

pub mod reference;

use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::TraceContextExt;
use tracer_propagation::{
    B3Propagator, BaggagePropagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator,
    OtTracePropagator, Propagator, SamplingState, TraceContextPropagator, XTraceIdPropagator,
    XrayPropagator, limits,
};

use crate::reference::{Caller, Members};

/// Headers of a message: names may repeat, values are bytes.
pub type Received<'a> = Vec<(&'a str, &'a [u8])>;

/// What is written to.
pub type Sent = Vec<(String, Vec<u8>)>;

/// Every name that a propagator reads, and some of those that begin with a prefix.
pub const NAMES: [&str; 29] = [
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
    "UberCtx-B",
    "uberctx-c",
    "uberctx-",
    "ot-baggage-a b",
    "X-Baggage-A",
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
        ("x_trace_id", Box::new(XTraceIdPropagator::new())),
    ]
}

/// The same, made once.
pub static PROPAGATORS: LazyLock<[(&str, Box<dyn Propagator>); 11]> = LazyLock::new(propagators);

/// Reads the message, which must give what the reference says; sends what was read on and reads
/// that again, which must give the same. Returns what was sent.
pub fn one_hop(format: &str, propagator: &dyn Propagator, headers: &Received<'_>) -> Sent {
    let read = || propagator.extract_from(&Context::new(), headers);
    let received = bounded(1, headers, read);
    let caller = reference::caller(format, headers);
    let baggage = reference::baggage(format, headers);
    assert_eq!(seen(&received), caller, "{format}");
    is_sampled_by(&received, caller);
    assert_eq!(members(received.baggage()), baggage, "{format}");
    // The way without a context is the same.
    let direct = propagator.extract_span_context(headers);
    let through = received.span().span_context().clone();
    assert_eq!(direct, through.is_valid().then_some(through), "{format}");

    let sent = sent(format, propagator, &received);
    if format == "xray" {
        let sent = sent
            .first()
            .map(|(_, value)| String::from_utf8_lossy(value));
        let lineage = sent.and_then(|value| Some(value.split_once(";Lineage=")?.1.to_owned()));
        let with_ids = caller.filter(|caller| caller.0 != 0);
        assert_eq!(lineage, with_ids.and_then(|_| reference::lineage(headers)));
    }
    let again = propagator.extract_from(&Context::new(), &sent);
    match caller {
        None => assert_eq!(seen(&again), None, "{format}"),
        // Formats but B3 send no state without ids.
        Some((0, _, _)) if !format.starts_with("b3") => assert_eq!(seen(&again), None),
        // This one sends half of the id, if that half is one.
        Some((id, span_id, state)) if format == "ottrace" => {
            let half = id & u128::from(u64::MAX);
            let expected = (half != 0).then_some((half, span_id, state));
            assert_eq!(seen(&again), expected);
        }
        Some(_) => assert_eq!(seen(&again), caller, "{format}"),
    }
    if format == "tracecontext" {
        assert_eq!(again.span().span_context(), received.span().span_context());
    }
    // Encoding may make a value three times as long, so what fitted may not fit again.
    let (after, mut expected) = (members(again.baggage()), reference::forwarded(&baggage));
    // Names that gRPC takes for those of binary values.
    expected.retain(|key, _| format == "baggage" || !format!("-{key}").ends_with("-bin"));
    if held(&baggage) * 3 < limits::BAGGAGE_BYTES {
        assert_eq!(after, expected, "{format}");
    }
    assert!(
        after
            .iter()
            .all(|(key, value)| expected.get(key) == Some(value))
    );
    sent
}

/// What is sent from the context: each name once, and values that every carrier can hold.
pub fn sent(format: &str, propagator: &dyn Propagator, cx: &Context) -> Sent {
    let mut sent = Sent::new();
    propagator.inject_into(cx, &mut sent);
    for (at, (name, value)) in sent.iter().enumerate() {
        assert!(is_header_safe(value), "{format} {name}: {value:?}");
        assert!(
            sent[..at].iter().all(|earlier| earlier.0 != *name),
            "{format} {name}"
        );
    }
    sent
}

/// Visible ASCII and inner spaces.
pub fn is_header_safe(value: &[u8]) -> bool {
    value.iter().all(|byte| (b' '..=b'~').contains(byte))
        && value.first() != Some(&b' ')
        && value.last() != Some(&b' ')
}

/// What a context says of the caller.
pub fn seen(cx: &Context) -> Option<Caller> {
    let (span, state) = (cx.span(), SamplingState::of(cx));
    let span = span.span_context();
    assert!(span.is_remote() || !span.is_valid());
    let (trace_id, span_id) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    let ids = (u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id));
    // Without ids, a state that is left open says nothing.
    (ids != (0, 0) || state != SamplingState::Defer).then_some((ids.0, ids.1, state))
}

/// The flag of the span says what its caller does.
pub fn is_sampled_by(cx: &Context, caller: Option<Caller>) {
    let state = caller.filter(|caller| caller.0 != 0).map(|caller| caller.2);
    let sampled = matches!(state, Some(SamplingState::Accept | SamplingState::Debug));
    assert_eq!(cx.span().span_context().is_sampled(), sampled);
}

/// As the reference has them.
pub fn members(baggage: &Baggage) -> Members {
    let member = baggage.iter().map(|(key, (value, metadata))| {
        (key.to_string(), (value.to_string(), metadata.to_string()))
    });
    member.collect()
}

/// Bytes of a list of these, before anything is encoded.
pub fn held(members: &Members) -> usize {
    let size = |(key, (value, properties)): (&String, &(String, String))| {
        key.len() + value.len() + properties.len() + 3
    };
    members.iter().map(size).sum()
}

/// Bytes of names and values.
fn len(headers: &Received<'_>) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

/// How many members the headers could have. Those of a `tracestate` count twice, as the API is asked
/// for each key whether it takes it.
fn pieces(headers: &Received<'_>) -> usize {
    let count = |(name, value): &(&str, &[u8])| {
        let weight = if *name == "tracestate" { 2 } else { 1 };
        weight * value.split(|byte| *byte == b',').count()
    };
    headers.iter().map(count).sum()
}

/// Runs the parser of a format, or of several whose baggage is put together. Each may allocate four
/// times its input, 1 KiB, and what the API takes to hold the members: an entry in a map that
/// doubles, up to the 64th.
pub fn bounded<T>(formats: usize, headers: &Received<'_>, parse: impl FnOnce() -> T) -> T {
    let mut parsed = None;
    let used = allocation_counter::measure(|| parsed = Some(parse())).bytes_total;
    let (len, members) = (len(headers), pieces(headers).min(limits::BAGGAGE_MEMBERS));
    let allowed = formats * (4 * len + 1024 + 512 * members);
    assert!(
        used <= allowed as u64,
        "{used} bytes for {len}, {members} members"
    );
    parsed.expect("it ran")
}

/// With a hundred `x` for each byte 0xff, so that short inputs reach the limits of length.
pub fn lengthened(input: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = input.split(|byte| *byte == 0xff).collect();
    parts.join(&[b'x'; 100][..])
}

/// One input in 256 is also read repeated up to 64 KiB. What is not linear takes seconds then, and
/// libFuzzer ends it.
pub fn stretched(input: &[u8]) -> Option<Vec<u8>> {
    let hash = input
        .iter()
        .fold(0_u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(*byte));
    (hash == u8::MAX).then(|| input.repeat(LONG.div_ceil(input.len())))
}

const LONG: usize = 64 * 1024;
