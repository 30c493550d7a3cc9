//! Batches for tests, made the only way there is: by a provider.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_sdk::Resource;
use tracer_core::{
    ExportFuture, ExportSuccess, SpanBatch, SpanExporter, SpanLimits, TracerProvider,
};

#[derive(Clone, Debug, Default)]
struct Capture(Arc<Mutex<Vec<SpanBatch>>>);

impl SpanExporter for Capture {
    fn component_type(&self) -> &'static str {
        "capture"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        self.0.lock().unwrap().push(batch.clone());
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

/// The one batch of what `record` does with a provider.
pub(crate) fn batch(
    resource: Resource,
    limits: SpanLimits,
    record: impl FnOnce(&TracerProvider),
) -> SpanBatch {
    let capture = Capture::default();
    let provider = TracerProvider::builder()
        .resource(resource)
        .span_limits(limits)
        .exporter(capture.clone())
        .build()
        .unwrap();
    record(&provider);
    provider.shutdown(Duration::from_secs(10)).unwrap();
    assert!(provider.stats().balances());
    let mut batches = capture.0.lock().unwrap();
    assert_eq!(batches.len(), 1, "recorded spans fit one batch");
    batches.remove(0)
}
