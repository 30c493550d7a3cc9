//! A service that is instrumented with `tracing`, one layer away from OpenTelemetry.
//!
//! `cargo run -p tracer-instrument --example tracing`
//!
//! Applications call `tracer_export::init()`, which makes the provider and sets it; here spans are kept
//! in memory and printed as a tree.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracer_core::{
    TracerProvider,
    testing::{InMemoryExporter, tree},
};
use tracer_instrument::tracing::{OpenTelemetrySpanExt, SetParentError, layer};
use tracing::{info, instrument, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::SubscriberExt};

#[instrument(skip(caller), fields(otel.kind = "server", otel.name = "GET /orders/{id}"))]
fn handle(caller: Context, id: u64) -> Result<(), SetParentError> {
    // From the headers of the request, by a propagator.
    tracing::Span::current().set_parent(caller)?;
    if let Err(error) = charge(id) {
        info!(error = %error, "not charged");
    }
    Ok(())
}

#[instrument(err)]
fn charge(order: u64) -> Result<u64, std::num::TryFromIntError> {
    info!(order, "charging");
    u8::try_from(order).map(u64::from)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemoryExporter::new();
    let provider = TracerProvider::builder().exporter(memory.clone()).build()?;
    provider.set_global();

    // Beside other layers, with a level of its own.
    let layer = layer().with_location(true).with_filter(LevelFilter::INFO);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;

    let caller = SpanContext::new(
        TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    handle(Context::new().with_remote_span_context(caller), 1000)?;

    print!("{}", tree(&memory.spans_of(&provider)));
    Ok(())
}
