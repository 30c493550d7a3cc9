//! The metadata of gRPC carries what a `HeaderMap` does, which is what it is inside.

use opentelemetry::{Context, trace::TraceContextExt as _};
use tonic::metadata::MetadataMap;
use tracer_propagation::{CompositePropagator, Propagator as _};

#[test]
fn grpc_metadata_is_read_and_written() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    let mut metadata = MetadataMap::new();
    metadata.insert("traceparent", parent.parse().expect("ASCII"));
    metadata.append("tracestate", "rojo=1".parse().expect("ASCII"));
    metadata.append("tracestate", "congo=2".parse().expect("ASCII"));

    let propagator = CompositePropagator::default();
    let context = propagator.extract_from(&Context::new(), metadata.as_ref());
    let state = context.span().span_context().trace_state().header();
    assert_eq!(state, "rojo=1,congo=2");

    let mut sent = MetadataMap::new();
    propagator.inject_into(&context, sent.as_mut());
    let text = |name| sent.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(text("traceparent"), Some(parent));
    assert_eq!(text("tracestate"), Some("rojo=1,congo=2"));
}
