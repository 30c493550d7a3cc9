//! A provider with a live view, and the spans that the view lists.

use opentelemetry::trace::TracerProvider as _;
use tracer_core::{
    Tracer, TracerProvider,
    live::{LiveView, RunningSpan},
};

use crate::support::Recorder;

/// Builds a provider with a live view, and a tracer.
pub fn viewed() -> (LiveView, TracerProvider, Tracer) {
    let live = LiveView::default();
    let provider = TracerProvider::builder()
        .exporter(Recorder::default())
        .live_view(&live)
        .build()
        .expect("provider");
    let tracer = provider.tracer("shop");
    (live, provider, tracer)
}

/// Returns the only running span.
#[track_caller]
pub fn only(live: &LiveView) -> RunningSpan {
    let mut running = live.running();
    assert_eq!(running.len(), 1);
    running.remove(0)
}

/// Returns the names of the running spans.
pub fn names(live: &LiveView) -> Vec<String> {
    let running = live.running();
    let names = running.iter().map(|span| span.record().name().to_owned());
    names.collect()
}
