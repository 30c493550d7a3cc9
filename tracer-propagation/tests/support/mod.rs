//! All propagators of trace headers.

use tracer_propagation::{
    B3Propagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator, OtTracePropagator,
    PlainPropagator, Propagator, TraceContextPropagator, XrayPropagator,
};

/// Headers in order, any of them more than once.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Every header that is read, `a` standing for any key of baggage.
pub const NAMES: [&str; 21] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "x-b3-flags",
    "grpc-trace-bin",
    "ot-tracer-traceid",
    "ot-tracer-spanid",
    "ot-tracer-sampled",
    "ot-baggage-a",
    "uber-trace-id",
    "uberctx-a",
    "jaeger-baggage",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-trace-id",
    "x-span-id",
    "x-baggage-a",
];

/// Each by name, and whether it carries baggage too.
pub fn propagators() -> Vec<(&'static str, Box<dyn Propagator>, bool)> {
    vec![
        (
            "tracecontext",
            Box::new(TraceContextPropagator::new()),
            false,
        ),
        ("b3", Box::new(B3Propagator::single()), false),
        ("b3multi", Box::new(B3Propagator::multi()), false),
        ("b3both", Box::new(B3Propagator::both()), false),
        ("gcp", Box::new(GcpPropagator::new()), false),
        ("grpc_bin", Box::new(GrpcTraceBinPropagator::new()), false),
        ("xray", Box::new(XrayPropagator::new()), false),
        ("jaeger", Box::new(JaegerPropagator::new()), true),
        ("ottrace", Box::new(OtTracePropagator::new()), true),
        ("plain", Box::new(PlainPropagator::new()), true),
    ]
}
