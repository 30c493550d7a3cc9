//! The rings of all threads of one provider.
//!
//! A thread takes a ring with its first span and gives it back when it ends, with the records that
//! the worker has not read yet. Another thread then continues in that ring. The hand-over orders
//! the two threads, so the ring has one producer at any time. Therefore the number of rings is the
//! largest number of threads at the same time, however many threads there were in total.
//!
//! The worker drops rings that no thread has needed for a while. It adds their counters to the
//! totals in the critical section that drops the ring. So no snapshot misses them or counts them
//! twice.

use std::{collections::HashSet, sync::Arc as StdArc};

use super::span_counters::{SpanCounters, SpanTotals};
use crate::{
    ring::{
        byte_ring::{self, ring},
        segment::{Segment, SegmentPool},
    },
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, Queue},
};

/// The writing end of a thread's ring.
pub(super) type Producer = byte_ring::Producer<SpanCounters>;

/// The reading end of a thread's ring, which belongs to the worker.
pub(super) type Consumer = byte_ring::Consumer<SpanCounters>;

type Ring = byte_ring::Ring<SpanCounters>;

/// The rings of a provider, and the totals of the rings that are retired.
#[derive(Debug)]
pub(crate) struct RingRegistry {
    pub(crate) segments: Arc<SegmentPool>,
    /// The writing ends of rings whose threads have ended.
    idle: Queue<Producer>,
    /// The reading ends of rings that are not in `inner` yet. They wait here, so that the thread
    /// that creates a ring takes no lock.
    new: Queue<Consumer>,
    inner: Mutex<Inner>,
    /// How many rings were taken from `idle` so far, for `trim`.
    reused: AtomicU64,
    /// The value of `reused` when `trim` was last called. Written by the worker only.
    reused_before: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// Rings that the worker has not taken over yet.
    new: Vec<Consumer>,
    /// Every ring that is not retired.
    rings: Vec<Arc<Ring>>,
    retired: SpanTotals,
}

/// Ended spans that found no room in the rings, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DroppedInRings {
    pub(crate) queue_full: u64,
    pub(crate) span_too_large: u64,
}

impl DroppedInRings {
    pub(crate) fn total(self) -> u64 {
        self.queue_full + self.span_too_large
    }
}

impl RingRegistry {
    /// Creates a registry without rings. Its rings will share the budget of `segments`.
    pub(crate) fn new(segments: SegmentPool) -> Self {
        Self {
            segments: Arc::new(segments),
            idle: Queue::new(),
            new: Queue::new(),
            inner: Mutex::default(),
            reused: AtomicU64::new(0),
            reused_before: AtomicU64::new(0),
        }
    }

    /// Returns the writing end of a ring that a thread gave back, or of a new ring. Returns `None`
    /// if the budget is used up. Takes no lock.
    pub(crate) fn producer(&self) -> Option<Producer> {
        if let Some(idle) = self.idle.pop() {
            // Relaxed: a statistic.
            self.reused.fetch_add(1, Ordering::Relaxed);
            return Some(idle);
        }
        Some(self.register(self.segments.take_first()?))
    }

    /// Returns the writing end of a new ring whose first segment is not charged to the budget.
    pub(crate) fn producer_beyond_budget(&self) -> Option<Producer> {
        Some(self.register(self.segments.take_uncounted()?))
    }

    fn register(&self, segment: StdArc<Segment>) -> Producer {
        let (producer, consumer) = ring(&self.segments, segment);
        self.new.push(consumer);
        producer
    }

    /// Takes back the ring of an ending thread, for use by another thread.
    pub(crate) fn give_back(&self, producer: Producer) {
        self.idle.push(producer);
    }

    /// Moves the rings that were created since the last call to the worker's list.
    pub(crate) fn take_new(&self, consumers: &mut Vec<Consumer>) {
        consumers.append(&mut self.lock().new);
    }

    /// Drops the writing ends of rings, and the free segments, that no thread has needed since the
    /// last call. The worker calls this about once a second, and retires those rings once it has
    /// drained them.
    pub(crate) fn trim(&self) {
        // Relaxed: a statistic.
        let reused = self.reused.load(Ordering::Relaxed);
        let needed = reused - self.reused_before.swap(reused, Ordering::Relaxed);
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        for _ in needed..self.idle.len() {
            drop(self.idle.pop());
        }
        self.segments.trim();
    }

    /// Drops all rings and segments that no thread uses. Called when the worker ends.
    pub(crate) fn clear(&self) {
        while self.idle.pop().is_some() {}
        self.segments.clear();
    }

    /// Removes rings whose producers are gone and whose records are drained.
    pub(crate) fn retire(&self, consumers: Vec<Consumer>) {
        let addresses: HashSet<_> = consumers
            .iter()
            .map(|consumer| Arc::as_ptr(consumer.ring()))
            .collect();
        {
            let mut inner = self.lock();
            let is_retired = |ring: &mut Arc<Ring>| addresses.contains(&Arc::as_ptr(ring));
            let retired: Vec<_> = inner.rings.extract_if(.., is_retired).collect();
            inner.retired.add(retired.iter().map(|ring| &ring.shared));
        }
        for consumer in consumers {
            consumer.close();
        }
    }

    /// Returns the sums of all threads' counters, including those of retired rings.
    pub(crate) fn totals(&self) -> SpanTotals {
        let inner = self.lock();
        let mut totals = inner.retired;
        totals.add(inner.rings.iter().map(|ring| &ring.shared));
        totals
    }

    /// Returns how many spans found no room in the rings. This is cheaper than
    /// [`totals`](Self::totals).
    pub(crate) fn dropped(&self) -> DroppedInRings {
        let inner = self.lock();
        let sum = |retired: u64, counter: fn(&SpanCounters) -> &AtomicU64| {
            // Relaxed: not compared with any other count.
            let counts = inner.rings.iter();
            let counts = counts.map(|ring| counter(&ring.shared).load(Ordering::Relaxed));
            retired + counts.sum::<u64>()
        };
        DroppedInRings {
            queue_full: sum(inner.retired.queue_full, |counters| &counters.queue_full),
            span_too_large: sum(inner.retired.span_too_large, |counters| {
                &counters.span_too_large
            }),
        }
    }

    /// Returns how many rings exist.
    pub(crate) fn len(&self) -> usize {
        self.lock().rings.len()
    }

    /// Locks the list of rings, after adding the rings that wait in `new`.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock();
        while let Some(consumer) = self.new.pop() {
            inner.rings.push(Arc::clone(consumer.ring()));
            inner.new.push(consumer);
        }
        inner
    }
}
