//! The way from an ended span to its destination.

use std::{
    io::{Read as _, Seek as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use opentelemetry::trace::{Tracer as _, TracerProvider};
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tracer_core::{
    BatchConfig, ExportError, ExportFuture, ExportSuccess, FlushError, ShutdownError, SpanBatch,
    SpanExporter, sdk::SdkExporter,
};
use tracer_export::{OtlpHttpConfig, OtlpHttpExporter};
use tracer_tests::{
    backend::{Answer, Backend},
    poll::PATIENCE,
    receiver::Receiver,
};

use crate::{Keeper, ours, stock};

fn make<P: TracerProvider>(provider: &P, spans: usize) {
    let tracer = provider.tracer("t");
    for _ in 0..spans {
        tracer.start("x");
    }
}

/// trace/sdk.md "ForceFlush()" of processors: the built-in ones must flush their exporter.
#[test]
fn d4_flush_reaches_the_exporter() {
    let keeper = Keeper::default();
    let provider = ours(&keeper);
    make(&provider, 1);
    provider.force_flush(PATIENCE).unwrap();
    assert_eq!(keeper.flushes.load(Ordering::SeqCst), 1);

    let keeper = Keeper::default();
    let provider = stock(&keeper);
    make(&provider, 1);
    provider.force_flush().unwrap();
    // Stock today: never called.
    assert_eq!(keeper.flushes.load(Ordering::SeqCst), 0);
}

/// Ends the exporter before its first export, and keeps what that export says.
#[derive(Debug)]
struct EndedFirst {
    exporter: OtlpHttpExporter,
    refused: Arc<AtomicU64>,
}

impl SpanExporter for EndedFirst {
    fn component_type(&self) -> &'static str {
        "ended_first"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async {
            self.exporter.shutdown().await?;
            let result = self.exporter.export(batch).await;
            if matches!(result, Err(ExportError::AlreadyShutdown)) {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            Ok(ExportSuccess::default())
        })
    }
}

/// trace/sdk.md "Shutdown()" of exporters: later exports should fail.
#[test]
fn d5_otlp_exporter_sends_nothing_after_its_shutdown() {
    use opentelemetry_sdk::trace::SpanExporter as _;
    let receiver = Receiver::start().unwrap();
    let endpoint = format!("http://{}/v1/traces", receiver.http);
    let refused = Arc::<AtomicU64>::default();
    let exporter = OtlpHttpConfig::default().endpoint(endpoint.as_str());
    let provider = tracer_core::TracerProvider::builder()
        .exporter(EndedFirst {
            exporter: exporter.build().unwrap(),
            refused: Arc::clone(&refused),
        })
        .build()
        .unwrap();
    make(&provider, 1);
    provider.shutdown(PATIENCE).unwrap();
    assert_eq!(refused.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.take().len(), 0);

    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()
        .unwrap();
    exporter.shutdown().unwrap();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    make(&provider, 1);
    provider.shutdown().unwrap();
    // Stock today: the shutdown is not passed on, so it sends.
    assert_eq!(receiver.take().len(), 1);
}

/// OTLP specification, "OTLP/HTTP Response": a success has the content type of the request. A web
/// server that answers every request with its page is no receiver.
#[test]
fn page_of_a_web_server_delivers_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let start = || runtime.block_on(Backend::start([Answer::Page])).unwrap();

    let backend = start();
    let endpoint = format!("http://{}/v1/traces", backend.address());
    let exporter = OtlpHttpConfig::default().endpoint(endpoint).build();
    let provider = tracer_core::TracerProvider::builder()
        .exporter(exporter.unwrap())
        .build()
        .unwrap();
    make(&provider, 3);
    provider.shutdown(PATIENCE).unwrap_err();
    let stats = &provider.stats().exporters[0];
    assert_eq!((stats.exported, stats.failed["non_retryable"]), (0, 3));

    let backend = start();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{}/v1/traces", backend.address()))
        .build()
        .unwrap();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    make(&provider, 3);
    // Stock today: all is well, and the spans are gone.
    provider.shutdown().unwrap();
    assert_eq!(backend.taken(), [""; 0]);
}

/// error-handling.md: what runs in the background must not end for good.
#[test]
fn d13_exporter_that_panics_once_costs_one_batch() {
    let keeper = Keeper::default();
    keeper.panics.store(1, Ordering::SeqCst);
    let provider = ours(&keeper);
    make(&provider, 3);
    assert_eq!(
        provider.force_flush(PATIENCE),
        Err(FlushError::NotDelivered { spans: 3 })
    );
    make(&provider, 2);
    provider.shutdown(PATIENCE).unwrap();
    assert_eq!(keeper.spans().len(), 2);
    assert_eq!(provider.stats().exporters[0].failed["panicked"], 3);

    let keeper = Keeper::default();
    keeper.panics.store(1, Ordering::SeqCst);
    let provider = stock(&keeper);
    make(&provider, 3);
    assert!(provider.force_flush().is_err());
    make(&provider, 2);
    assert!(provider.force_flush().is_err());
    // Stock today: the thread is gone, and with it every later span.
    assert_eq!(keeper.spans(), []);
}

/// performance.md: an SDK warns of spans that it drops, with their number.
#[test]
fn spans_that_no_queue_had_room_for_are_counted_and_logged() {
    const SPANS: usize = 5000;
    let keeper = Keeper::default();
    let provider = tracer_core::TracerProvider::builder()
        .batch_config(
            BatchConfig::default()
                .max_ring_bytes(4096)
                .max_queue_size(1)
                .max_export_batch_size(1),
        )
        .exporter(SdkExporter::new(keeper.clone()))
        .build()
        .unwrap();
    {
        // Whoever exports waits for this.
        let _held = keeper.spans.lock().unwrap();
        make(&provider, SPANS);
    }
    let mut log = tempfile::tempfile().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Arc::new(log.try_clone().unwrap()))
        .finish();
    let ended = tracing::subscriber::with_default(subscriber, || provider.shutdown(PATIENCE));
    let stats = provider.stats();
    assert!(stats.balances(), "{stats:?}");
    let lost = (SPANS - keeper.spans().len()) as u64;
    assert!(lost > 0, "the queue was to overflow");
    assert_eq!(
        stats.dropped.total() + stats.exporters[0].queue_full,
        lost,
        "{stats:?}"
    );
    assert!(
        matches!(ended, Ok(()) | Err(ShutdownError::Flush(_))),
        "{ended:?}"
    );
    let message = format!("spans were lost before tracing ended lost={lost} ended={SPANS}");
    let mut logged = String::new();
    log.rewind().unwrap();
    log.read_to_string(&mut logged).unwrap();
    assert!(logged.contains(&message), "{logged}");

    let keeper = Keeper::default();
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(1)
        .with_max_export_batch_size(1);
    let processor = BatchSpanProcessor::builder(keeper.clone())
        .with_batch_config(batch.build())
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    {
        let _held = keeper.spans.lock().unwrap();
        make(&provider, SPANS);
    }
    // Stock today: the shutdown says that all is well, and no number can be read.
    provider.shutdown().unwrap();
    assert!(keeper.spans().len() < SPANS);
}
