//! Spans of the native API: scopes, futures, tasks, threads, and code that knows only OpenTelemetry.
//! `cargo run -p tracer-core --example native`

use std::{error::Error, thread, time::Duration};

use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator as _,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracer_core::{
    InSpan as _, TracerProvider, current, current_context, span, start_span, task,
    testing::{InMemoryExporter, tree},
    with_current_context,
};

/// A scope is a span: it ends with the guard.
fn price(items: i64) -> i64 {
    let span = span!("price", "items" = items);
    if items == 0 {
        span.set_status(Status::error("nothing to buy"));
    }
    items * 995
}

/// Sets what it learns on the span it runs in, whose guard somebody else has.
fn look_up(order: &str) {
    current().set_attribute(KeyValue::new("order.found", !order.is_empty()));
}

async fn checkout() {
    look_up("17");
    // The task's spans are children of this one's.
    let priced = task::spawn(async { price(2) });
    // So are those of any thread.
    let packed = thread::spawn(with_current_context(|| drop(span!("pack"))));
    let _ = (priced.await, packed.join());

    let _call = span!(kind: SpanKind::Client, "POST /payments");
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&current_context(), &mut headers);
    println!("sent: {headers:?}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = InMemoryExporter::new();
    let provider = TracerProvider::builder().exporter(memory.clone()).build()?;
    provider.set_global();

    checkout()
        .in_span(start_span!(kind: SpanKind::Server, "POST /checkout"))
        .await;

    print!("{}", tree(&memory.spans_of(&provider)));
    provider.shutdown(Duration::from_secs(5))?;
    Ok(())
}
