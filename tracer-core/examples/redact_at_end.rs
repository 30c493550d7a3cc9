//! A processor that adds a baggage entry to every span at its start, keeps secrets from leaving
//! the process at its end, and drops spans that nobody wants.
//!
//! Run with `cargo run -p tracer-core --example redact_at_end`.

use std::time::Duration;

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{Span as _, Tracer as _, TracerProvider as _},
};
use tracer_core::{
    Span, SpanProcessor, TracerProvider,
    testing::{InMemoryExporter, tree},
};

/// Attributes whose values stay here.
const SECRET: [&str; 2] = ["enduser.email", "url.query"];

#[derive(Debug)]
struct House;

impl SpanProcessor for House {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        if let Some(tenant) = parent.baggage().get("tenant") {
            span.set_attribute(KeyValue::new("tenant", tenant.clone()));
        }
    }

    fn on_ending(&self, span: &mut Span) {
        if span
            .record()
            .is_some_and(|record| record.name() == "GET /health")
        {
            return span.discard();
        }
        for key in SECRET {
            // Set again rather than removed, so that a reader sees that there was something.
            if span.remove_attribute(key) {
                span.set_attribute(KeyValue::new(key, "[redacted]"));
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sent = InMemoryExporter::new();
    let provider = TracerProvider::builder()
        .processor(House)
        .exporter(sent.clone())
        .build()?;
    let tracer = provider.tracer("shop");

    let request = Context::new().with_baggage([KeyValue::new("tenant", "blue")]);
    let mut span = tracer.start_with_context("GET /orders", &request);
    span.set_attribute(KeyValue::new("enduser.email", "ada@example.com"));
    span.end();
    tracer.start("GET /health").end();

    print!("{}", tree(&sent.spans_of(&provider)));
    println!("discarded: {}", provider.stats().dropped.discarded);
    provider.shutdown(Duration::from_secs(5))?;
    Ok(())
}
