//! A provider with a live view, and what the view lists.

use opentelemetry::trace::TracerProvider as _;
use tracer_core::{
    Tracer, TracerProvider,
    live::{LiveView, RunningSpan},
};

use crate::support::Recorder;

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

#[track_caller]
pub fn only(live: &LiveView) -> RunningSpan {
    let mut running = live.running();
    assert_eq!(running.len(), 1);
    running.remove(0)
}

pub fn names(live: &LiveView) -> Vec<String> {
    let running = live.running();
    let names = running.iter().map(|span| span.record().name().to_owned());
    names.collect()
}
