//! The exporter of tests, which keeps spans in memory.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{DEADLINE, FinishedSpan};
use crate::{
    error::FlushError,
    exporter::{ExportFuture, ExportSuccess, SpanExporter},
    provider::TracerProvider,
    record::SpanBatch,
};

/// An exporter that keeps finished spans in memory. A clone refers to the same exporter.
///
/// It is meant for a provider that other code builds. A [`TestProvider`](super::TestProvider) has
/// one already.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// use tracer_core::{TracerProvider, testing::InMemoryExporter};
///
/// let memory = InMemoryExporter::new();
/// let provider = TracerProvider::builder().exporter(memory.clone()).build()?;
/// provider.tracer("shop").start("checkout");
/// assert_eq!(memory.spans_of(&provider)[0].name, "checkout");
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct InMemoryExporter {
    spans: Arc<Mutex<Vec<FinishedSpan>>>,
}

impl InMemoryExporter {
    /// Creates an exporter without spans.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns all spans that ended before the call, in the order in which they started.
    ///
    /// Flushes `provider`, which must have this exporter. It also works after the provider's
    /// shutdown.
    ///
    /// # Panics
    /// Panics if the provider's exporters have not answered within 20 s.
    #[track_caller]
    pub fn spans_of(&self, provider: &TracerProvider) -> Vec<FinishedSpan> {
        match provider.force_flush(DEADLINE) {
            // Lost spans are in the ledger, not here.
            Ok(()) | Err(FlushError::AlreadyShutdown | FlushError::NotDelivered { .. }) => {}
            Err(error) => panic!(
                "spans cannot be read: {error} (waited at most {} s)\n{:#?}",
                DEADLINE.as_secs(),
                provider.stats()
            ),
        }
        self.received()
    }

    /// Returns the spans that were exported so far, in the order in which they started. Flushes
    /// nothing, so it works without access to the provider.
    pub fn received(&self) -> Vec<FinishedSpan> {
        let mut spans = self.lock().clone();
        // If the clock stands still, sequential ids give the order.
        spans.sort_by_key(|span| (span.start, span.span_id().to_bytes()));
        spans
    }

    /// Removes the spans that were exported so far.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FinishedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanExporter for InMemoryExporter {
    fn component_type(&self) -> &'static str {
        "in_memory_span_exporter"
    }

    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a> {
        Box::pin(async move {
            self.lock().extend(FinishedSpan::of(batch));
            Ok(ExportSuccess::default())
        })
    }
}

impl fmt::Debug for InMemoryExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryExporter")
            .field("spans", &self.lock().len())
            .finish()
    }
}
