//! Chooses header formats: in code, or as `OTEL_PROPAGATORS` says.
//!
//! ```sh
//! cargo run -p tracer-propagation --example formats
//! OTEL_PROPAGATORS=jaeger,xray cargo run -p tracer-propagation --example formats
//! ```

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use tracer_propagation::{
    B3Propagator, BaggagePropagator, CompositePropagator, Propagator as _, SamplingState,
    TraceContextPropagator, env,
};

fn main() {
    let propagator = match std::env::var("OTEL_PROPAGATORS") {
        Ok(value) => {
            let configured = env::propagators(Some(&value));
            for error in configured.errors {
                eprintln!("OTEL_PROPAGATORS: {error}");
            }
            configured.propagator
        }
        // On the way from Zipkin to the W3C's headers: the first one that is there and valid
        // decides the trace, and all are sent.
        Err(_) => CompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(B3Propagator::both()),
            Box::new(BaggagePropagator::new()),
        ]),
    };
    println!("headers: {:?}", propagator.fields().collect::<Vec<_>>());

    let mut request = http::HeaderMap::new();
    for (name, value) in [
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d"),
        ("uber-trace-id", "3ce929d0e0e4736:f067aa0ba902b7:0:1"),
        ("uberctx-tenant", "7"),
        ("baggage", "user=Am%C3%A9lie"),
    ] {
        request.insert(name, http::HeaderValue::from_static(value));
    }
    let cx = propagator.extract_from(&Context::new(), &request);
    println!("sampling: {:?}", SamplingState::of(&cx));

    let mut outgoing = http::HeaderMap::new();
    propagator.inject_into(&cx, &mut outgoing);
    for (name, value) in &outgoing {
        println!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
}
