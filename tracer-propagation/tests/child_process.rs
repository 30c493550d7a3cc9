//! A trace goes on in a child process: written to its environment here, read from it there.

#![allow(clippy::expect_used)]

use std::process::Command;

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracer_propagation::carrier::Environment;
use tracer_propagation::{CompositePropagator, Propagator};

/// Set where this program is its own child.
const CHILD: &str = "TRACER_TEST_CHILD";

#[test]
fn a_child_reads_what_its_parent_wrote() {
    let propagator = CompositePropagator::default();
    if std::env::var_os(CHILD).is_some() {
        let cx = propagator.extract_from(&Context::new(), &Environment::of_process());
        let span = cx.span().span_context().clone();
        println!(
            "{} {} {:?}",
            span.trace_id(),
            span.span_id(),
            cx.baggage().get("build").map(|value| value.as_str())
        );
        return;
    }
    let span_context = SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let cx = Context::new()
        .with_remote_span_context(span_context)
        .with_baggage([KeyValueMetadata::new("build", "a b=1", "")]);
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    command.args([
        "--exact",
        "a_child_reads_what_its_parent_wrote",
        "--nocapture",
    ]);
    propagator.inject_into(&cx, &mut command);
    let output = command.env(CHILD, "1").output().expect("a child");
    let told = String::from_utf8_lossy(&output.stdout);
    let expected = "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 Some(\"a b=1\")";
    assert!(told.contains(expected), "{told}");
}
