//! An exporter of one's own: prints each span, and tells at the end what became of all.
//!
//! `cargo run -p tracer-core --example custom_exporter`
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use tracer_core::{ExportFuture, ExportSuccess, SpanBatch, SpanExporter, TracerProvider};

#[derive(Debug)]
struct Print;

impl SpanExporter for Print {
    fn component_type(&self) -> &'static str {
        "print_span_exporter"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            for span in batch.spans() {
                let nanos = span.end_unix_nanos() - span.start_unix_nanos();
                println!("{} {} took {nanos} ns", span.trace_id(), span.name());
            }
            Ok(ExportSuccess::default())
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let provider = TracerProvider::builder().exporter(Print).build()?;
    let tracer = provider.tracer("example");
    tracer.in_span("outer", |_context| tracer.in_span("inner", |_context| ()));
    provider.shutdown(Duration::from_secs(5))?;
    println!("{:#?}", provider.stats());
    Ok(())
}
