//! The counters of one exporter's queue, and its limits.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, OnceLock},
};

use super::{export_metrics::ExportMetrics, wakeup::Wakeup};
use crate::{
    exporter::{ExportResult, FailureReason},
    record::BatchSize,
    stats::ExporterStats,
    sync::Mutex,
};

/// The counters of one export queue. The worker and the export thread write them once or twice a
/// batch, and any thread may read them. They are behind a lock, so that a snapshot is exact.
#[derive(Debug)]
pub(crate) struct ExportQueueStats {
    pub(crate) component_type: &'static str,
    /// The size at which the queue is full.
    limits: BatchSize,
    counts: Mutex<Counts>,
    /// Wakes the worker when there is room again.
    worker: Arc<Wakeup>,
    metrics: OnceLock<ExportMetrics>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    /// Accepted spans that have left the queue: their export has begun, or will never begin.
    begun: u64,
    /// The part of `begun` whose export will never begin, because of the deadline of a shutdown.
    never_sent: u64,
    /// Bytes of the accepted spans that have no outcome yet.
    waiting_bytes: u64,
    exported: u64,
    rejected: u64,
    queue_full: u64,
    failed: [u64; FailureReason::ALL.len()],
    /// Set when a shutdown has given up the spans without an outcome. Later outcomes are not
    /// counted.
    sealed: bool,
    /// Set when the worker has found no room. Cleared when it is woken.
    worker_waits: bool,
}

/// The limits that currently apply to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Only bytes. This applies during a flush, which must queue every span that ended before it.
    /// If the worker waited for a slow exporter, the other exporters would wait too.
    Bytes,
    SpansAndBytes,
}

impl ExportQueueStats {
    pub(crate) fn new(
        component_type: &'static str,
        limits: BatchSize,
        worker: Arc<Wakeup>,
    ) -> Self {
        Self {
            component_type,
            limits,
            counts: Mutex::default(),
            worker,
            metrics: OnceLock::new(),
        }
    }

    /// Sets the instruments of this exporter. Called at most once.
    pub(crate) fn set_metrics(&self, metrics: ExportMetrics) {
        // Ignored, because this is called only once.
        let _ = self.metrics.set(metrics);
    }

    pub(crate) fn metrics(&self) -> Option<&ExportMetrics> {
        self.metrics.get()
    }

    /// Returns whether the queue has room for a batch. If not, the worker will be woken when there
    /// may be room.
    pub(super) fn has_room(&self, batch: BatchSize, bound: Bound) -> bool {
        let mut counts = self.counts.lock();
        let room = counts.has_room(batch, self.limits(bound));
        counts.worker_waits |= !room;
        room
    }

    fn limits(&self, bound: Bound) -> BatchSize {
        match bound {
            Bound::Bytes => BatchSize {
                spans: u64::MAX,
                ..self.limits
            },
            Bound::SpansAndBytes => self.limits,
        }
    }

    /// Wakes the worker if it waits for room.
    fn wake_for_room(&self, counts: &mut Counts) {
        if mem::take(&mut counts.worker_waits) {
            self.worker.wake();
        }
    }

    /// Counts a batch as queued if there is room and the queue is open. Otherwise counts it as
    /// lost. Returns whether it is queued.
    pub(super) fn accept(&self, batch: BatchSize, bound: Bound) -> bool {
        let mut counts = self.counts.lock();
        if counts.sealed {
            counts.refuse(batch.spans, FailureReason::Deadline);
            return false;
        }
        if !counts.has_room(batch, self.limits(bound)) {
            counts.queue_full += batch.spans;
            return false;
        }
        counts.accepted += batch.spans;
        counts.waiting_bytes += batch.bytes;
        true
    }

    /// Counts spans that were never queued as failed.
    pub(super) fn refuse(&self, spans: u64, reason: FailureReason) {
        self.counts.lock().refuse(spans, reason);
    }

    pub(super) fn begin(&self, spans: u64) {
        let mut counts = self.counts.lock();
        if !counts.sealed {
            counts.begun += spans;
        }
        self.wake_for_room(&mut counts);
    }

    /// Counts the outcome of a batch whose export has begun. Returns how many of its spans are
    /// lost.
    pub(super) fn settle(&self, batch: BatchSize, result: &ExportResult) -> u64 {
        let BatchSize { spans, bytes } = batch;
        let mut counts = self.counts.lock();
        if counts.sealed {
            return 0;
        }
        counts.waiting_bytes = counts.waiting_bytes.saturating_sub(bytes);
        self.wake_for_room(&mut counts);
        match result {
            Ok(success) => {
                let rejected = success.rejected_spans.min(spans);
                counts.rejected += rejected;
                counts.exported += spans - rejected;
                rejected
            }
            Err(error) => {
                counts.fail(spans, error.failure_reason());
                spans
            }
        }
    }

    /// Counts all spans without an outcome as failed because of the deadline, at the end of a
    /// shutdown. This is final, because an exporter that blocks its thread may never return an
    /// outcome.
    pub(crate) fn seal(&self) {
        let mut counts = self.counts.lock();
        if !counts.sealed {
            let waiting = counts.waiting();
            counts.fail(waiting, FailureReason::Deadline);
            counts.never_sent += counts.accepted - counts.begun;
            counts.begun = counts.accepted;
            counts.waiting_bytes = 0;
            counts.sealed = true;
        }
    }

    /// Returns how many spans were accepted so far, and how many have left the queue.
    #[cfg(not(any(tracer_loom, tracer_shuttle)))]
    pub(super) fn progress(&self) -> (u64, u64) {
        let counts = self.counts.lock();
        (counts.accepted, counts.begun)
    }

    /// Returns how many spans this exporter lost so far.
    pub(crate) fn lost(&self) -> u64 {
        let counts = self.counts.lock();
        counts.failed.iter().sum::<u64>() + counts.rejected + counts.queue_full
    }

    /// Returns how many spans found no room in the queue.
    pub(super) fn queue_full(&self) -> u64 {
        self.counts.lock().queue_full
    }

    pub(crate) fn snapshot(&self) -> ExporterStats {
        let counts = self.counts.lock();
        let failed: BTreeMap<_, _> = FailureReason::ALL
            .into_iter()
            .zip(counts.failed)
            .filter(|(_, spans)| *spans > 0)
            .map(|(reason, spans)| (reason.as_str(), spans))
            .collect();
        ExporterStats {
            component_type: self.component_type,
            exported: counts.exported,
            rejected: counts.rejected,
            failed,
            queue_full: counts.queue_full,
            waiting: counts.waiting(),
            in_flight: counts.begun - counts.with_outcome(),
            never_sent: counts.never_sent,
        }
    }
}

impl Counts {
    fn has_room(&self, batch: BatchSize, limits: BatchSize) -> bool {
        // An empty queue takes one batch of any size; otherwise that batch could never be exported.
        let bytes_fit = self.waiting_bytes == 0
            || self.waiting_bytes.saturating_add(batch.bytes) <= limits.bytes;
        bytes_fit && self.accepted - self.begun + batch.spans <= limits.spans
    }

    fn waiting(&self) -> u64 {
        self.accepted - self.with_outcome()
    }

    /// Returns how many spans have an outcome.
    fn with_outcome(&self) -> u64 {
        self.exported + self.rejected + self.failed.iter().sum::<u64>()
    }

    fn refuse(&mut self, spans: u64, reason: FailureReason) {
        self.accepted += spans;
        self.begun += spans;
        self.never_sent += spans;
        self.fail(spans, reason);
    }

    fn fail(&mut self, spans: u64, reason: FailureReason) {
        if let Some(failed) = self.failed.get_mut(reason as usize) {
            *failed += spans;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporter::{ExportError, ExportSuccess};

    fn stats() -> ExportQueueStats {
        ExportQueueStats::new("x", size(10, 100), Arc::default())
    }

    fn size(spans: u64, bytes: u64) -> BatchSize {
        BatchSize { spans, bytes }
    }

    #[test]
    fn room_is_bounded_in_spans_queued_and_in_bytes_without_an_outcome() {
        let stats = stats();
        assert!(stats.accept(size(6, 80), Bound::SpansAndBytes));
        assert!(
            !stats.accept(size(5, 1), Bound::SpansAndBytes),
            "too many spans"
        );
        assert!(
            !stats.accept(size(1, 21), Bound::SpansAndBytes),
            "too many bytes"
        );
        assert!(stats.has_room(size(5, 20), Bound::Bytes), "during a flush");
        assert!(!stats.has_room(size(5, 21), Bound::Bytes));
        stats.begin(6);
        assert!(stats.accept(size(10, 20), Bound::SpansAndBytes));
        stats.settle(size(6, 80), &Ok(ExportSuccess::default()));
        stats.begin(10);
        stats.settle(size(10, 20), &Err(ExportError::Encode));
        assert!(
            stats.accept(size(1, 1000), Bound::SpansAndBytes),
            "one batch is always taken"
        );
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.exported, snapshot.queue_full), (6, 6));
        assert_eq!((snapshot.failed["encode"], snapshot.waiting), (10, 1));
        assert_eq!((snapshot.in_flight, snapshot.never_sent), (0, 0));
        stats.begin(1);
        assert_eq!(stats.snapshot().in_flight, 1);
    }

    #[test]
    fn sealed_queue_counts_waiting_spans_as_failed_and_no_later_outcome() {
        let stats = stats();
        assert!(stats.accept(size(6, 80), Bound::SpansAndBytes));
        stats.begin(6);
        assert!(stats.accept(size(2, 10), Bound::SpansAndBytes));
        stats.seal();
        stats.seal();
        stats.begin(2);
        assert_eq!(stats.settle(size(6, 80), &Ok(ExportSuccess::default())), 0);
        assert!(!stats.accept(size(1, 1), Bound::SpansAndBytes));
        let snapshot = stats.snapshot();
        assert_eq!((snapshot.failed["deadline"], snapshot.waiting), (9, 0));
        assert_eq!((snapshot.in_flight, snapshot.never_sent), (0, 3));
        assert_eq!(snapshot.exported, 0);
    }
}
