//! What one lane counts.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, OnceLock},
};

use super::{batch::Size, bell::Bell};
use crate::{
    exporter::{ExportError, ExportResult},
    metrics::LaneMetrics,
    stats::ExporterStats,
    sync::Mutex,
};

/// The counts of one lane, written once or twice a batch by the worker and the lane's thread, and
/// read by anyone. A lock, because a snapshot is then exact.
#[derive(Debug)]
pub(crate) struct LaneStats {
    pub(crate) component_type: &'static str,
    /// How much may wait.
    limits: Size,
    counts: Mutex<Counts>,
    /// Wakes the worker when there is room again.
    worker: Arc<Bell>,
    metrics: OnceLock<LaneMetrics>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: u64,
    /// Of the accepted, those whose export has begun, or never will.
    begun: u64,
    /// Of those, the ones that never will: failed by the deadline without the exporter.
    unsent: u64,
    /// Bytes of the accepted spans that have no outcome yet.
    waiting_bytes: u64,
    exported: u64,
    rejected: u64,
    queue_full: u64,
    failed: [u64; ExportError::REASONS.len()],
    /// A shutdown has given up on what had no outcome: later outcomes count no more.
    sealed: bool,
    /// The worker found no room since it was last woken.
    wanted: bool,
}

/// What bounds a queue at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Bytes alone, during a flush: all that ended before it is to come through, and the worker
    /// cannot wait for a slow exporter without making the others wait.
    Bytes,
    SpansAndBytes,
}

impl LaneStats {
    pub(crate) fn new(component_type: &'static str, limits: Size, worker: Arc<Bell>) -> Self {
        Self {
            component_type,
            limits,
            counts: Mutex::default(),
            worker,
            metrics: OnceLock::new(),
        }
    }

    /// What to tell of this lane, if there is somebody to tell it to. Called once at most.
    pub(crate) fn set_metrics(&self, metrics: LaneMetrics) {
        // Set once, as said.
        let _ = self.metrics.set(metrics);
    }

    pub(crate) fn metrics(&self) -> Option<&LaneMetrics> {
        self.metrics.get()
    }

    /// Whether the queue takes a batch now. If not, the worker is woken when it may.
    pub(super) fn has_room(&self, batch: Size, bound: Bound) -> bool {
        let mut counts = self.counts.lock();
        let room = counts.has_room(batch, self.limits(bound));
        counts.wanted |= !room;
        room
    }

    fn limits(&self, bound: Bound) -> Size {
        match bound {
            Bound::Bytes => Size {
                spans: u64::MAX,
                ..self.limits
            },
            Bound::SpansAndBytes => self.limits,
        }
    }

    /// There may be room again: wakes the worker if it waits for that.
    fn tell_room(&self, counts: &mut Counts) {
        if mem::take(&mut counts.wanted) {
            self.worker.ring();
        }
    }

    /// Counts a batch in, if there is room and the lane is open; else counts it as lost.
    pub(super) fn accept(&self, batch: Size, bound: Bound) -> bool {
        let mut counts = self.counts.lock();
        if counts.sealed {
            counts.refuse(batch.spans, ExportError::DEADLINE);
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

    /// Counts a batch as failed that was never queued.
    pub(super) fn refuse(&self, spans: u64, reason: usize) {
        self.counts.lock().refuse(spans, reason);
    }

    pub(super) fn begin(&self, spans: u64) {
        let mut counts = self.counts.lock();
        if !counts.sealed {
            counts.begun += spans;
        }
        self.tell_room(&mut counts);
    }

    /// Counts what became of a batch that has begun; returns how many of its spans are lost.
    pub(super) fn settle(&self, batch: Size, result: &ExportResult) -> u64 {
        let Size { spans, bytes } = batch;
        let mut counts = self.counts.lock();
        if counts.sealed {
            return 0;
        }
        counts.waiting_bytes = counts.waiting_bytes.saturating_sub(bytes);
        self.tell_room(&mut counts);
        match result {
            Ok(success) => {
                let rejected = success.rejected_spans.min(spans);
                counts.rejected += rejected;
                counts.exported += spans - rejected;
                rejected
            }
            Err(error) => {
                counts.fail(spans, error.reason_index());
                spans
            }
        }
    }

    /// At the end of a shutdown: counts what has no outcome as failed by the deadline, for good.
    /// An exporter that blocks its thread can be counted in no other way.
    pub(crate) fn seal(&self) {
        let mut counts = self.counts.lock();
        if !counts.sealed {
            let waiting = counts.waiting();
            counts.fail(waiting, ExportError::DEADLINE);
            counts.unsent += counts.accepted - counts.begun;
            counts.begun = counts.accepted;
            counts.waiting_bytes = 0;
            counts.sealed = true;
        }
    }

    /// How many spans were accepted and begun so far.
    pub(super) fn progress(&self) -> (u64, u64) {
        let counts = self.counts.lock();
        (counts.accepted, counts.begun)
    }

    /// Spans that this exporter lost so far.
    pub(crate) fn not_delivered(&self) -> u64 {
        let counts = self.counts.lock();
        counts.failed.iter().sum::<u64>() + counts.rejected + counts.queue_full
    }

    /// Spans for which the queue had no room.
    pub(super) fn queue_full(&self) -> u64 {
        self.counts.lock().queue_full
    }

    pub(crate) fn snapshot(&self) -> ExporterStats {
        let counts = self.counts.lock();
        let failed: BTreeMap<_, _> = ExportError::REASONS
            .into_iter()
            .zip(counts.failed)
            .filter(|(_, spans)| *spans > 0)
            .collect();
        ExporterStats {
            component_type: self.component_type,
            exported: counts.exported,
            rejected: counts.rejected,
            failed,
            queue_full: counts.queue_full,
            waiting: counts.waiting(),
            in_flight: counts.begun - counts.settled(),
            unsent: counts.unsent,
        }
    }
}

impl Counts {
    fn has_room(&self, batch: Size, limits: Size) -> bool {
        // One batch is always taken, however large: it could never go out otherwise.
        let bytes_fit = self.waiting_bytes == 0
            || self.waiting_bytes.saturating_add(batch.bytes) <= limits.bytes;
        bytes_fit && self.accepted - self.begun + batch.spans <= limits.spans
    }

    fn waiting(&self) -> u64 {
        self.accepted - self.settled()
    }

    /// The spans that have an outcome.
    fn settled(&self) -> u64 {
        self.exported + self.rejected + self.failed.iter().sum::<u64>()
    }

    fn refuse(&mut self, spans: u64, reason: usize) {
        self.accepted += spans;
        self.begun += spans;
        self.unsent += spans;
        self.fail(spans, reason);
    }

    fn fail(&mut self, spans: u64, reason: usize) {
        if let Some(failed) = self.failed.get_mut(reason) {
            *failed += spans;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporter::ExportSuccess;

    fn lane() -> LaneStats {
        LaneStats::new("x", size(10, 100), Arc::default())
    }

    fn size(spans: u64, bytes: u64) -> Size {
        Size { spans, bytes }
    }

    #[test]
    fn room_is_bounded_in_spans_queued_and_in_bytes_without_an_outcome() {
        let stats = lane();
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
        assert_eq!((snapshot.in_flight, snapshot.unsent), (0, 0));
        stats.begin(1);
        assert_eq!(stats.snapshot().in_flight, 1);
    }

    #[test]
    fn sealed_lane_counts_what_waits_as_failed_and_later_outcomes_no_more() {
        let stats = lane();
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
        assert_eq!((snapshot.in_flight, snapshot.unsent), (0, 3));
        assert_eq!(snapshot.exported, 0);
    }
}
