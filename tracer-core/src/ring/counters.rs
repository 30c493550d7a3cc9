//! The counters of a thread's spans, which lie beside its ring.

use crate::sync::{AtomicU64, Ordering};

/// How many kinds of starts are counted separately.
pub(crate) const BIRTHS: usize = 9;

/// The counters of one ring. Only its producer writes, so an update is a plain load and store;
/// any thread may read.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Spans that started recording on this thread.
    pub(crate) started: AtomicU64,
    /// Spans that ended on this thread, sampled or not.
    pub(crate) ended: AtomicU64,
    /// Ended spans that were recorded but not sampled, so are not for exporters.
    pub(crate) not_sampled: AtomicU64,
    /// Ended spans that were discarded before their end.
    pub(crate) discarded: AtomicU64,
    /// Ended spans for which the ring had no room.
    pub(crate) full: AtomicU64,
    /// Ended spans that are larger than the budget of all rings allows.
    pub(crate) oversized: AtomicU64,
    /// Ended spans that came after the shutdown.
    pub(crate) late: AtomicU64,
    /// Spans that started here, recorded or not, by kind; counted only for a meter.
    // Atomics of std even under the model checkers: they order nothing, and a checker would try
    // every interleaving of them.
    births: [std::sync::atomic::AtomicU64; BIRTHS],
}

impl Counters {
    /// Adds one to the starts of a kind, which only this thread writes.
    pub(crate) fn bump_birth(&self, birth: usize) {
        if let Some(births) = self.births.get(birth) {
            // Relaxed: a statistic of its own.
            births.store(births.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// The starts of each kind.
    pub(crate) fn births(&self) -> impl Iterator<Item = u64> {
        // Relaxed: as above.
        self.births
            .iter()
            .map(|births| births.load(Ordering::Relaxed))
    }

    /// Adds one to a counter that only this thread writes.
    pub(crate) fn bump(counter: &AtomicU64) {
        // Relaxed: only this thread writes it. Release: pairs with the Acquire loads in
        // `Totals::add`, so that a snapshot that counts a span at one stage counts it at all
        // earlier stages. On x86 every store is a release store.
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }
}
