//! The counters of the spans that one thread starts and ends. They are stored with the thread's
//! ring.

use std::sync::atomic::AtomicU64 as StdAtomicU64;

use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::trace::SamplingDecision;

use crate::sync::{AtomicU64, Ordering};

/// The origin of a span's parent. The semantic conventions call it `otel.span.parent.origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParentOrigin {
    None,
    Local,
    Remote,
}

/// The result of sampling. The semantic conventions call it `otel.span.sampling_result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SamplingOutcome {
    Drop,
    RecordOnly,
    RecordAndSample,
}

/// The class by which the starts of spans are counted for a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartClass {
    pub(crate) origin: ParentOrigin,
    pub(crate) outcome: SamplingOutcome,
}

impl ParentOrigin {
    const ALL: [Self; 3] = [Self::None, Self::Local, Self::Remote];

    /// Returns the value of `otel.span.parent.origin`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

impl SamplingOutcome {
    const ALL: [Self; 3] = [Self::Drop, Self::RecordOnly, Self::RecordAndSample];

    /// Returns the value of `otel.span.sampling_result`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "DROP",
            Self::RecordOnly => "RECORD_ONLY",
            Self::RecordAndSample => "RECORD_AND_SAMPLE",
        }
    }
}

impl StartClass {
    const COUNT: usize = ParentOrigin::ALL.len() * SamplingOutcome::ALL.len();

    /// Returns the class of a span with this valid parent, or of a root.
    pub(crate) fn of(parent: Option<&SpanContext>, decision: &SamplingDecision) -> Self {
        Self {
            origin: match parent {
                None => ParentOrigin::None,
                Some(parent) if parent.is_remote() => ParentOrigin::Remote,
                Some(_) => ParentOrigin::Local,
            },
            outcome: match decision {
                SamplingDecision::Drop => SamplingOutcome::Drop,
                SamplingDecision::RecordOnly => SamplingOutcome::RecordOnly,
                SamplingDecision::RecordAndSample => SamplingOutcome::RecordAndSample,
            },
        }
    }

    /// Iterates over all classes, in the order of their indexes.
    fn all() -> impl Iterator<Item = Self> {
        ParentOrigin::ALL.into_iter().flat_map(|origin| {
            let outcomes = SamplingOutcome::ALL.into_iter();
            outcomes.map(move |outcome| Self { origin, outcome })
        })
    }

    fn index(self) -> usize {
        self.origin as usize * SamplingOutcome::ALL.len() + self.outcome as usize
    }
}

/// The number of span starts by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StartsByClass([u64; StartClass::COUNT]);

impl StartsByClass {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StartClass, u64)> {
        StartClass::all().zip(self.0)
    }
}

/// The counters of one ring. Only its producer writes, so an update is a plain load and store. Any
/// thread may read.
///
/// The outcomes of ended spans have the names of [`Stats`](crate::Stats) and
/// [`Dropped`](crate::Dropped).
#[derive(Debug, Default)]
pub(crate) struct SpanCounters {
    /// Spans that started recording on this thread.
    pub(crate) started: AtomicU64,
    /// Spans that ended on this thread, whatever their outcome.
    pub(crate) ended: AtomicU64,
    /// Ended spans that were recorded but not sampled, and so are not exported.
    pub(crate) not_sampled: AtomicU64,
    /// Ended spans that were discarded before their end.
    pub(crate) discarded: AtomicU64,
    /// Ended spans for which the ring had no room.
    pub(crate) queue_full: AtomicU64,
    /// Ended spans that do not fit into the budget of all rings.
    pub(crate) span_too_large: AtomicU64,
    /// Spans that ended after the shutdown.
    pub(crate) already_shutdown: AtomicU64,
    /// Spans that started here, recorded or not, by class. Counted only for a meter.
    // Atomics of std even under the model checkers, because they order nothing, and a checker would
    // try every interleaving of them.
    started_by_class: [StdAtomicU64; StartClass::COUNT],
}

impl SpanCounters {
    /// Adds one to the starts of a class. Called by the producer's thread only.
    pub(crate) fn add_start(&self, class: StartClass) {
        if let Some(starts) = self.started_by_class.get(class.index()) {
            // Relaxed: a statistic that is read on its own.
            starts.store(starts.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Adds one to a counter that only this thread writes.
    pub(crate) fn add_one(counter: &AtomicU64) {
        // The load is Relaxed, because only this thread writes the counter. Release: pairs with the
        // Acquire loads in `SpanTotals::add`, so that a snapshot that counts a span at one stage
        // also counts it at all earlier stages. On x86 every store is a release store.
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }
}

/// The sums of the [`SpanCounters`] of many rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpanTotals {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) not_sampled: u64,
    pub(crate) discarded: u64,
    pub(crate) queue_full: u64,
    pub(crate) span_too_large: u64,
    pub(crate) already_shutdown: u64,
    pub(crate) started_by_class: StartsByClass,
}

impl SpanTotals {
    /// Adds the counters of rings. It reads the later stages of a span first: the outcomes of ended
    /// spans in all rings, then the ends, then the starts. So no sum exceeds the sum of an earlier
    /// stage, even though a span may start and end on different threads.
    pub(super) fn add<'a>(&mut self, rings: impl Iterator<Item = &'a SpanCounters> + Clone) {
        for counters in rings.clone() {
            // Acquire, here and below: pairs with the Release store in `SpanCounters::add_one`.
            self.queue_full += counters.queue_full.load(Ordering::Acquire);
            self.span_too_large += counters.span_too_large.load(Ordering::Acquire);
            self.already_shutdown += counters.already_shutdown.load(Ordering::Acquire);
            self.discarded += counters.discarded.load(Ordering::Acquire);
            self.not_sampled += counters.not_sampled.load(Ordering::Acquire);
        }
        for counters in rings.clone() {
            self.ended += counters.ended.load(Ordering::Acquire);
        }
        for counters in rings {
            // Relaxed: no other counter is read after it.
            self.started += counters.started.load(Ordering::Relaxed);
            let sums = self.started_by_class.0.iter_mut();
            for (sum, starts) in sums.zip(&counters.started_by_class) {
                *sum += starts.load(Ordering::Relaxed);
            }
        }
    }

    /// Returns how many ended spans were never put into a ring.
    pub(super) fn not_in_ring(&self) -> u64 {
        self.not_sampled
            + self.discarded
            + self.queue_full
            + self.span_too_large
            + self.already_shutdown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_their_indexes() {
        let indexes: Vec<_> = StartClass::all().map(StartClass::index).collect();
        assert_eq!(indexes, (0..StartClass::COUNT).collect::<Vec<_>>());
    }
}
