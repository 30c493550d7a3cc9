//! The ledger: the outcome of every span.

use std::collections::BTreeMap;

/// The counters of one provider at one moment.
///
/// For each exporter, the ledger is exact whenever the provider is at rest:
///
/// `ended = not_sampled + dropped + waiting + exported + rejected + failed + its own dropped and
/// waiting`. [`balances`](Self::balances) checks this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Spans that started recording.
    pub started: u64,
    /// Recording spans that ended. `started - ended` spans are open.
    pub ended: u64,
    /// Ended spans that were recorded but not sampled (`RECORD_ONLY`). They are not exported.
    pub not_sampled: u64,
    /// Ended spans that no exporter receives.
    pub dropped: Dropped,
    /// Ended spans that are not in the exporters' queues yet. They are in the threads' rings, or in
    /// the batch that is being formed.
    pub waiting: u64,
    /// Ended spans that were passed to the exporters' queues. Each span goes to every queue.
    pub queued: u64,
    /// Spans that were not recorded because the sampler panicked. They do not count as started.
    pub sampler_panics: u64,
    /// Callbacks of processors that panicked.
    pub processor_panics: u64,
    /// Spans whose ids are random because the application's generator panicked or returned zero.
    pub id_failures: u64,
    /// Data that span limits dropped. Each exported span also has its own counts.
    pub over_limit: OverLimit,
    /// Rings, one for each thread that has started or ended a span. When a thread ends, another
    /// thread may take over its ring. A ring that no thread needs is dropped within about three
    /// seconds, once the worker has read its spans.
    pub rings: u64,
    /// Bytes of all rings, and of the memory that the provider keeps in reserve for them.
    pub ring_bytes: u64,
    /// The counters of each exporter, in the order in which the exporters were added.
    pub exporters: Vec<ExporterStats>,
}

/// Ended spans that no exporter receives, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The rings of all threads together had reached their limit
    /// ([`BatchConfig::max_ring_bytes`](crate::BatchConfig::max_ring_bytes)), or the operating
    /// system had no memory.
    pub queue_full: u64,
    /// The span was larger than [`BatchConfig::max_ring_bytes`](crate::BatchConfig::max_ring_bytes)
    /// minus 16 KiB.
    pub span_too_large: u64,
    /// A processor or the owner of the span called [`Span::discard`](crate::Span::discard).
    pub discarded: u64,
    /// The span ended after the shutdown.
    pub already_shutdown: u64,
    /// The span started in the parent of this forked process, and belongs to the parent.
    pub forked: u64,
}

/// Data that spans dropped because of [`SpanLimits`](crate::SpanLimits) or an empty key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverLimit {
    /// Attributes of spans.
    pub attributes: u64,
    /// Attributes of events.
    pub event_attributes: u64,
    /// Events.
    pub events: u64,
    /// Attributes of links.
    pub link_attributes: u64,
    /// Links.
    pub links: u64,
    /// Values that were cut or, if arrays are not allowed, emptied.
    pub values: u64,
}

impl Dropped {
    /// Returns the sum over all reasons.
    pub fn total(&self) -> u64 {
        let Self {
            queue_full,
            span_too_large,
            discarded,
            already_shutdown,
            forked,
        } = self;
        queue_full + span_too_large + discarded + already_shutdown + forked
    }
}

/// The counters of one exporter, in spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterStats {
    /// The exporter's [`component_type`](crate::SpanExporter::component_type).
    pub component_type: &'static str,
    /// Spans that the destination accepted.
    pub exported: u64,
    /// Spans that the destination refused within a batch that it accepted (OTLP partial success).
    pub rejected: u64,
    /// Spans that were lost with their batch, by reason: `already_shutdown`, `deadline`, `encode`,
    /// `forked`, `non_retryable`, `panicked`, `retries_exhausted`.
    pub failed: BTreeMap<&'static str, u64>,
    /// Spans that were dropped because this exporter's queue was full.
    pub queue_full: u64,
    /// Spans that are queued or in flight.
    pub waiting: u64,
    /// The part of `waiting` that the exporter has received.
    pub in_flight: u64,
    /// The part of `failed` with reason `deadline` that the exporter never received, because a
    /// shutdown gave up on these spans first.
    pub never_sent: u64,
}

impl ExporterStats {
    /// Returns how many spans failed, over all reasons.
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl Stats {
    /// Returns whether every ended span is accounted for, at every exporter. This is always true at
    /// rest. Under load, a snapshot may catch a span between two counters.
    pub fn balances(&self) -> bool {
        let taken = self.not_sampled + self.dropped.total() + self.waiting + self.queued;
        self.ended == taken
            && self.exporters.iter().all(|exporter| {
                self.queued
                    == exporter.exported
                        + exporter.rejected
                        + exporter.failed_total()
                        + exporter.queue_full
                        + exporter.waiting
            })
    }
}

/// The counters of [`Stats`] that the provider itself maintains, outside its pipeline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProviderCounts {
    pub(crate) sampler_panics: u64,
    pub(crate) processor_panics: u64,
    pub(crate) id_failures: u64,
    pub(crate) over_limit: OverLimit,
}
