//! What a service needs. Run a collector on localhost:4318, or set `OTEL_*`:
//!
//! `OTEL_SERVICE_NAME=shop cargo run -p tracer-export --example quick_start`

use opentelemetry::{global, trace::Tracer as _};
use tracer_core::span;

fn main() -> Result<(), tracer_export::Error> {
    // Shows warnings about refused variables and lost spans. Without a subscriber they are not shown.
    tracing_subscriber::fmt::init();
    let _guard = tracer_export::init()?;
    let _span = span!("checkout", "cart.items" = 3);
    // A library that is instrumented with the `opentelemetry` crate: its spans are in the same trace.
    global::tracer("payments").in_span("charge", |_context| println!("checking out"));
    Ok(())
}
