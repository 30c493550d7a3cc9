//! A program that starts another and has it go on with its trace, through the environment:
//!
//! `cargo run -p tracer-propagation --example child_process`

use std::env;
use std::process::Command;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TraceId};
use tracer_propagation::carrier::{CarrierMut as _, Environment};
use tracer_propagation::{CompositePropagator, Propagator as _};

fn main() -> std::io::Result<()> {
    let propagator = CompositePropagator::default();
    let context = propagator.extract_from(&Context::new(), &Environment::of_process());
    let is_child = env::args().nth(1).is_some();
    if is_child {
        println!("child: trace {}", trace_of(&context));
        return Ok(());
    }

    let mut child = Command::new(env::current_exe()?);
    // Whatever this process was started with is not what its child is to see.
    for field in propagator.fields() {
        child.remove(field);
    }
    // A program with a tracer injects its span here.
    let parent = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let context = propagator.extract_from(&context, &[parent].as_slice());
    println!("parent: trace {}", trace_of(&context));
    propagator.inject_into(&context, &mut child);
    child.arg("child").status()?;
    Ok(())
}

fn trace_of(context: &Context) -> TraceId {
    context.span().span_context().trace_id()
}
