//! All rings of one provider.
//!
//! A thread registers its ring once, under a lock, with its first span. The worker takes new rings
//! over at the start of each round and drops the ring of a thread that is gone once it is empty;
//! what the thread counted is folded into the totals in the same critical section, so that no
//! snapshot misses or doubles it.

use super::byte_ring::{BIRTHS, Consumer, Producer, Ring, ring};
use crate::sync::{Arc, Mutex, Ordering};

/// The rings of a provider, and the counts of those that are gone.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Registered, not yet seen by the worker.
    new: Vec<Consumer>,
    /// Every ring that is not retired.
    rings: Vec<Arc<Ring>>,
    retired: Totals,
}

/// The sums of all threads' [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) not_sampled: u64,
    pub(crate) discarded: u64,
    pub(crate) full: u64,
    pub(crate) oversized: u64,
    pub(crate) late: u64,
    pub(crate) births: [u64; BIRTHS],
}

impl Totals {
    /// Adds the counters of rings, the later stages of a span first: first what became of ended
    /// spans, over all rings, then the ends, then the starts, because a span may end on another
    /// thread than it started on. So no sum exceeds that of an earlier stage.
    fn add<'a>(&mut self, rings: impl Iterator<Item = &'a Arc<Ring>> + Clone) {
        let counters = rings.map(|ring| &ring.counters);
        for counters in counters.clone() {
            // Acquire, here and below: pairs with the Release store in `Counters::bump`.
            self.full += counters.full.load(Ordering::Acquire);
            self.oversized += counters.oversized.load(Ordering::Acquire);
            self.late += counters.late.load(Ordering::Acquire);
            self.discarded += counters.discarded.load(Ordering::Acquire);
            self.not_sampled += counters.not_sampled.load(Ordering::Acquire);
        }
        for counters in counters.clone() {
            self.ended += counters.ended.load(Ordering::Acquire);
        }
        for counters in counters {
            // Relaxed: nothing is read after it.
            self.started += counters.started.load(Ordering::Relaxed);
            for (sum, births) in self.births.iter_mut().zip(counters.births()) {
                *sum += births;
            }
        }
    }
}

impl Registry {
    /// Creates a ring of at least `bytes` bytes and makes it known to the worker.
    pub(crate) fn register(&self, bytes: usize) -> Producer {
        let (producer, consumer) = ring(bytes);
        let mut inner = self.inner.lock();
        inner.rings.push(Arc::clone(consumer.ring()));
        inner.new.push(consumer);
        producer
    }

    /// Moves the rings registered since the last call to the worker's list.
    pub(crate) fn take_new(&self, consumers: &mut Vec<Consumer>) {
        consumers.append(&mut self.inner.lock().new);
    }

    /// Forgets a ring whose thread is gone and whose records are drained.
    pub(crate) fn retire(&self, consumer: &Consumer) {
        let mut inner = self.inner.lock();
        if let Some(at) = inner
            .rings
            .iter()
            .position(|ring| Arc::ptr_eq(ring, consumer.ring()))
        {
            let ring = inner.rings.swap_remove(at);
            inner.retired.add(std::iter::once(&ring));
        }
    }

    /// What all threads have counted, those that are gone included.
    pub(crate) fn totals(&self) -> Totals {
        let inner = self.inner.lock();
        let mut totals = inner.retired;
        totals.add(inner.rings.iter());
        totals
    }

    /// How many rings exist.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().rings.len()
    }
}
