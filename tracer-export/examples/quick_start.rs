//! The five lines that a service needs. Run a collector on localhost:4318, or set `OTEL_*`:
//!
//! `OTEL_SERVICE_NAME=shop cargo run -p tracer-export --example quick_start`

use opentelemetry::{global, trace::Tracer as _};

fn main() -> Result<(), tracer_export::Error> {
    let _guard = tracer_export::init()?;
    global::tracer("shop").in_span("checkout", |_context| println!("checking out"));
    Ok(())
}
