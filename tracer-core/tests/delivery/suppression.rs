//! Spans that exporters start are not recorded, because exporting them would start further spans.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter as SdkSpanExporter},
};
use tracer_core::{
    ExportFuture, ExportSuccess, SpanBatch, SpanExporter, TracerProvider, sdk::SdkExporter, span,
};

use crate::support::{TIMEOUT, balanced};

/// Starts spans of its own provider wherever it is called.
#[derive(Clone, Debug, Default)]
struct Traced {
    provider: Arc<OnceLock<TracerProvider>>,
    calls: Arc<AtomicU64>,
    recorded: Arc<AtomicU64>,
}

impl Traced {
    fn span(&self) {
        let provider = self.provider.get().expect("set");
        let tracer = provider.tracer("exporter");
        let recording = tracer.start("inside").is_recording();
        assert!(!tracer.enabled());
        let _default = provider.set_thread_default();
        let recording = recording || span!("inside").is_recording();
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.recorded
            .fetch_add(u64::from(recording), Ordering::SeqCst);
    }

    /// Makes a provider call an exporter. Checks the number of calls, and that no span of the
    /// exporter was recorded.
    fn check(&self, exporter: impl SpanExporter, calls: u64) {
        let provider = TracerProvider::builder()
            .exporter(exporter)
            .build()
            .expect("provider");
        self.provider.set(provider.clone()).expect("once");
        provider.tracer("t").start("x").end();
        provider.force_flush(TIMEOUT).expect("flush");
        provider.shutdown(TIMEOUT).expect("shutdown");
        assert_eq!(self.calls.load(Ordering::SeqCst), calls);
        assert_eq!(self.recorded.load(Ordering::SeqCst), 0);
        assert_eq!(balanced(&provider).started, 1);
    }
}

impl SpanExporter for Traced {
    fn component_type(&self) -> &'static str {
        "traced"
    }

    fn export<'a>(&'a self, _batch: &'a SpanBatch) -> ExportFuture<'a> {
        self.span();
        Box::pin(async {
            self.span();
            let own = self.clone();
            tokio::spawn(async move { own.span() }).await.expect("task");
            let own = self.clone();
            tokio::task::spawn_blocking(move || own.span())
                .await
                .expect("thread");
            Ok(ExportSuccess::default())
        })
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        self.span();
        Box::pin(async { Ok(ExportSuccess::default()) })
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        self.span();
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

impl SdkSpanExporter for Traced {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        self.span();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.span();
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.span();
        Ok(())
    }
}

#[test]
fn exporter_gives_no_span_on_its_thread_in_its_tasks_and_on_its_blocking_threads() {
    let traced = Traced::default();
    traced.check(traced.clone(), 6);
}

#[test]
fn exporter_of_the_sdk_gives_no_span() {
    let traced = Traced::default();
    traced.check(SdkExporter::new(traced.clone()), 3);
}
