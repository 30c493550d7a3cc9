//! Exporters written for the SDK, in a provider of this crate.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::SpanExporter as SdkSpanExporter,
};
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::{
    exporter::{self, ExportError, ExportFuture, ExportResult, ExportSuccess, SpanExporter},
    record::SpanBatch,
};

/// How long a wrapped exporter may take to shut down: the SDK's own default.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// An adapter for any [`opentelemetry_sdk::trace::SpanExporter`].
///
/// # Runtime
/// The SDK has two kinds of exporters: some block (the blocking HTTP client), some need a tokio
/// runtime (gRPC). This adapter suits both. It runs them on a blocking thread of the provider's own
/// runtime, where tokio's handle is current and blocking is allowed. Calls never overlap, as the
/// SDK's trait demands.
///
/// # Forks
/// The SDK's trait has no method to create an exporter for a child, so the exporter stays in the
/// parent process. In a child, the spans for this exporter fail with [`ExportError::Forked`], which
/// is counted and logged.
///
/// # Cost
/// Each span is rebuilt as a [`SpanData`](opentelemetry_sdk::trace::SpanData). Only users of this
/// adapter pay for that.
///
/// # Errors
/// The SDK's `InternalFailure` becomes [`ExportError::NonRetryable`] with `Status::Other`, without
/// its text. The shutdown gives the exporter 5 s, the SDK's own default, whatever the timeout of
/// the provider's shutdown is. The provider waits no longer than its own timeout.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
/// use opentelemetry_sdk::trace::InMemorySpanExporter;
/// use std::time::Duration;
///
/// let memory = InMemorySpanExporter::default();
/// let provider = tracer_core::TracerProvider::builder()
///     .exporter(tracer_core::sdk::SdkExporter::new(memory.clone()))
///     .build()?;
/// provider.tracer("shop").start("checkout");
/// provider.force_flush(Duration::from_secs(5))?;
/// assert_eq!(memory.get_finished_spans()?[0].name, "checkout");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SdkExporter<E> {
    exporter: Arc<E>,
    /// Held during a call, so that calls do not overlap.
    turn: Arc<Mutex<()>>,
}

impl<E: SdkSpanExporter + 'static> SdkExporter<E> {
    /// Wraps an exporter.
    pub fn new(exporter: E) -> Self {
        Self {
            exporter: Arc::new(exporter),
            turn: Arc::default(),
        }
    }

    /// Runs `call` on a blocking thread, after all earlier calls.
    async fn run<F>(&self, call: F) -> ExportResult
    where
        F: FnOnce(&E) -> OTelSdkResult + Send + 'static,
    {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let exporter = Arc::clone(&self.exporter);
        let done = spawn_blocking(move || {
            // Held until the call returns, even if a timeout drops the waiting future.
            let _turn = turn;
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            call(&exporter)
        });
        match done.await {
            Ok(Ok(())) => Ok(ExportSuccess::default()),
            Ok(Err(OTelSdkError::AlreadyShutdown)) => Err(ExportError::AlreadyShutdown),
            Ok(Err(OTelSdkError::Timeout(after))) => Err(ExportError::Deadline { after }),
            // The text may contain anything that the destination sent, so it is dropped.
            Ok(Err(OTelSdkError::InternalFailure(_))) => Err(ExportError::NonRetryable {
                status: exporter::Status::Other,
            }),
            Err(_) => Err(ExportError::Panicked),
        }
    }
}

impl<E: SdkSpanExporter + 'static> SpanExporter for SdkExporter<E> {
    fn component_type(&self) -> &'static str {
        "sdk_span_exporter"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            let spans = batch.to_span_data();
            self.run(move |exporter| block_on(exporter.export(spans)))
                .await
        })
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }

    fn force_flush(&self) -> ExportFuture<'_> {
        Box::pin(self.run(E::force_flush))
    }

    fn shutdown(&self) -> ExportFuture<'_> {
        Box::pin(self.run(|exporter| exporter.shutdown_with_timeout(SHUTDOWN_TIMEOUT)))
    }
}

impl<E> fmt::Debug for SdkExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkExporter").finish_non_exhaustive()
    }
}

/// Polls a future on this thread, which sleeps between polls. Tokio's `block_on` cannot be used,
/// because blocking clients panic inside it.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}
