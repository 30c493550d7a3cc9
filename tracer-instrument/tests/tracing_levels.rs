//! Levels, in a process of its own: subscribers of other threads would decide too.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::InMemorySpanExporter;
use tracer_core::{TracerProvider, sdk::SdkExporter};
use tracer_instrument::tracing::layer_with;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

#[test]
fn spans_and_events_below_the_level_are_not_recorded() {
    let memory = InMemorySpanExporter::default();
    let provider = TracerProvider::builder()
        .exporter(SdkExporter::new(memory.clone()))
        .build()
        .expect("provider");
    let layer = layer_with(provider.tracer("test")).with_filter(LevelFilter::INFO);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _kept = tracing::span!(Level::WARN, "kept").entered();
        let refused = tracing::span!(Level::DEBUG, "refused").entered();
        assert!(refused.is_disabled());
        tracing::debug!("refused");
        tracing::info!("kept");
        drop(tracing::span!(Level::INFO, "inner"));
    });
    provider.force_flush(Duration::from_secs(5)).expect("flush");
    let spans = memory.get_finished_spans().expect("spans");
    let [inner, kept] = spans.try_into().expect("two spans");
    assert_eq!(inner.parent_span_id, kept.span_context.span_id());
    assert_eq!(kept.events.len(), 1);
}
