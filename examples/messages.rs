//! A queue: the sender's trace and baggage go with each message, and its receiver goes on with them.
//!
//! `cargo run -p tracer-examples --example messages`

use std::error::Error;

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{Span as _, SpanKind},
};
use tracer_core::{InSpan as _, TracerProvider, current, current_context, span, start_span};
use tracer_propagation::{CompositePropagator, Propagator as _, global};

/// As in the clients of Kafka, NATS and others: names and bytes.
type Headers = Vec<(String, Vec<u8>)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    TracerProvider::builder().build()?.set_global();
    let propagator = CompositePropagator::default();
    global::set_text_map_propagator(propagator.clone());

    let order = Context::current().with_baggage([KeyValue::new("tenant", "7")]);
    let headers = {
        let _order = order.attach();
        send()
    };
    for (name, value) in &headers {
        println!("{name}: {}", String::from_utf8_lossy(value));
    }

    // What came in is attached while the span and its future are made, which keep it.
    let receiving = {
        let _caller = global::extract_from(&Context::new(), &headers).attach();
        receive().in_span(start_span!(kind: SpanKind::Consumer, "process orders"))
    };
    receiving.await;

    // A batch has many senders, so it begins a trace and links to theirs. That takes no context.
    let mut batch = start_span!(kind: SpanKind::Consumer, parent: None, "process batch");
    for sender in [headers]
        .iter()
        .filter_map(|headers| propagator.extract_span_context(headers))
    {
        batch.add_link(sender, Vec::new());
    }
    Ok(())
}

fn send() -> Headers {
    let _span = span!(kind: SpanKind::Producer, "send orders");
    let mut headers = Headers::new();
    global::inject_into(&current_context(), &mut headers);
    headers
}

async fn receive() {
    println!("received in trace {}", current().span_context().trace_id());
    let context = Context::current();
    let tenant = context.baggage().get("tenant");
    println!("for tenant {:?}", tenant.map(|tenant| tenant.as_str()));
}
