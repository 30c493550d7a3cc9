//! All propagators of trace headers.

use tracer_propagation::{
    B3Propagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator, OtTracePropagator,
    Propagator, TraceContextPropagator, XTraceIdPropagator, XrayPropagator,
};

/// Headers in order, any of them more than once.
pub type Headers = Vec<(String, Vec<u8>)>;

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
        ("x_trace_id", Box::new(XTraceIdPropagator::new()), true),
    ]
}
