//! The names of headers.

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
