//! Where the spans of a test go.

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

/// Keeps finished spans in memory. A clone is the same exporter.
///
/// For a provider that something else builds; [`TestProvider`](super::TestProvider) has one already.
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
    /// An exporter that has no spans yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All spans that ended before the call, in the order in which they started: flushes the
    /// provider that this exporter is in. Reads on after the provider's shutdown.
    ///
    /// # Panics
    /// When the provider's exporters have not answered within 20 s.
    #[track_caller]
    pub fn spans_of(&self, provider: &TracerProvider) -> Vec<FinishedSpan> {
        match provider.force_flush(DEADLINE) {
            // Spans that were lost on the way are in the ledger, not here.
            Ok(()) | Err(FlushError::AlreadyShutdown | FlushError::NotDelivered { .. }) => {}
            Err(error) => panic!(
                "spans cannot be read: {error} (waited at most {} s)\n{:#?}",
                DEADLINE.as_secs(),
                provider.stats()
            ),
        }
        self.received()
    }

    /// The spans that have come so far, in the order in which they started. Flushes nothing: for
    /// exporters in a provider of somebody else's.
    pub fn received(&self) -> Vec<FinishedSpan> {
        let mut spans = self.lock().clone();
        // With a clock that stands still, sequential ids tell who was first.
        spans.sort_by_key(|span| (span.start, span.span_id().to_bytes()));
        spans
    }

    /// Forgets the spans that have come so far.
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
