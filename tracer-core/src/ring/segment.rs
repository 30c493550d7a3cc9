//! The pieces of memory that rings are made of, and the budget that bounds them.
//!
//! A ring starts with one small segment. A producer that finds its segment full takes another one
//! from the provider's pool and goes on there; the consumer follows once it has read the first, and
//! puts that back into the pool. So a burst spreads over as many segments as the budget allows, and
//! a ring whose spans are read in time stays in one.
//!
//! ```text
//! pool: [ ] [ ] [ ]        budget: bytes of the pool and of all rings together
//!
//! ring: |####|  -->  |####|  -->  |##  |
//!     consumer reads here     producer writes here
//! ```

use std::sync::Arc;

use super::storage::Storage;
use crate::sync::{AtomicU64, Mutex, Ordering, Queue};

/// The size of a ring's first segment: some hundred small spans, so that a thread that makes few
/// takes little. One span under the model checkers.
const FIRST_BYTES: usize = if MODELLED { 128 } else { 16 << 10 };

/// The size of the segments that follow. A thread that once made many spans keeps one.
const SEGMENT_BYTES: usize = if MODELLED { 128 } else { 64 << 10 };

const MODELLED: bool = cfg!(any(tracer_loom, tracer_shuttle));

/// What is charged for a segment of its own is rounded up to pages.
const PAGE_BYTES: u64 = 4 << 10;

/// The position at which a segment ends while it is the last one of its ring.
const OPEN: u64 = u64::MAX;

/// A stretch of a ring.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) storage: Storage,
    /// How many bytes of the storage may hold records at the same time; all of it but for
    /// a segment that was made for one large record.
    pub(super) capacity: u64,
    /// The position in the ring at which the records go on in `next`.
    end: AtomicU64,
    /// Set by the producer before it publishes the first record there, taken by the consumer after
    /// it has seen that record. So the two never wait for each other here.
    next: Mutex<Option<Arc<Segment>>>,
    /// What it is charged for in the budget.
    _charge: Charge,
}

impl Segment {
    fn new(capacity: u64, charge: Charge) -> Option<Arc<Self>> {
        Some(Arc::new(Self {
            storage: Storage::new(usize::try_from(capacity).ok()?)?,
            capacity,
            end: AtomicU64::new(OPEN),
            next: Mutex::new(None),
            _charge: charge,
        }))
    }

    /// Whether it was made for one record that is larger than the usual segments.
    pub(super) fn is_for_one_record(&self, pool: &SegmentPool) -> bool {
        self.capacity > pool.segment_bytes
    }

    /// Lets the ring go on in another segment from position `end` on. Called by the producer.
    pub(super) fn link(&self, end: u64, next: Arc<Self>) {
        *self.next.lock() = Some(next);
        // Relaxed: the consumer looks here only after it has seen a position beyond `end`, whose
        // Release store comes later.
        self.end.store(end, Ordering::Relaxed);
    }

    /// The segment that the records go on in, if this one ends at position `at`. Called by the
    /// consumer, for a position before one that it has seen the producer reach.
    pub(super) fn take_next(&self, at: u64) -> Option<Arc<Self>> {
        // Relaxed: as in `link`.
        if self.end.load(Ordering::Relaxed) == at {
            self.next.lock().take()
        } else {
            None
        }
    }
}

impl Drop for Segment {
    /// Drops what follows one by one: a burst may have left thousands, and each would drop its
    /// next one on the stack.
    fn drop(&mut self) {
        let mut next = self.next.lock().take();
        while let Some(mut segment) = next.and_then(Arc::into_inner) {
            next = segment.next.get_mut().take();
        }
    }
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The budget is used up, or the operating system gives no memory.
    Full,
    /// The record alone is larger than the budget.
    TooLarge,
}

/// The segments of one provider that no ring uses, and the budget of all its rings.
///
/// # Cost
/// Taking a segment is one operation on a queue without a lock; where the queue is empty, a system
/// call and later the page faults of new memory.
#[derive(Debug)]
pub(crate) struct SegmentPool {
    free: Queue<Arc<Segment>>,
    budget: Arc<Budget>,
    first_bytes: u64,
    segment_bytes: u64,
    /// How many segments rings have taken, for `trim`.
    taken: AtomicU64,
    /// What `taken` was when `trim` was last called. Written by the worker only.
    taken_before: AtomicU64,
}

impl SegmentPool {
    /// A pool for rings that take at most `max_bytes` together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self::with_sizes(max_bytes, FIRST_BYTES, SEGMENT_BYTES)
    }

    /// The same with segments of other sizes, for the models: powers of two, at least 8.
    pub(super) fn with_sizes(max_bytes: usize, first: usize, segment: usize) -> Self {
        let budget = Budget {
            max_bytes: max_bytes as u64,
            bytes: AtomicU64::new(0),
        };
        let fitting = |bytes: usize| (bytes as u64).min(1 << budget.max_bytes.max(8).ilog2());
        Self {
            free: Queue::new(),
            first_bytes: fitting(first),
            segment_bytes: fitting(segment),
            budget: Arc::new(budget),
            taken: AtomicU64::new(0),
            taken_before: AtomicU64::new(0),
        }
    }

    /// A segment for a new ring; `None` when the budget is used up.
    pub(super) fn take_first(&self) -> Option<Arc<Segment>> {
        self.reserved(self.first_bytes).or_else(|| self.free.pop())
    }

    /// A segment for a ring that the budget does not count.
    pub(super) fn take_uncounted(&self) -> Option<Arc<Segment>> {
        Segment::new(self.first_bytes, Budget::charge(&self.budget, 0)?)
    }

    /// A segment that holds a record of `bytes` bytes.
    pub(super) fn take(&self, bytes: u64) -> Result<Arc<Segment>, PushError> {
        // Relaxed: a statistic.
        self.taken.fetch_add(1, Ordering::Relaxed);
        let taken = if bytes <= self.segment_bytes {
            let free = self.free.pop();
            free.or_else(|| self.reserved(self.segment_bytes))
        } else if bytes > self.budget.max_bytes.saturating_sub(self.first_bytes) {
            return Err(PushError::TooLarge);
        } else {
            self.make_room(bytes);
            self.reserved(bytes)
        };
        taken.ok_or(PushError::Full)
    }

    /// Takes back a segment whose records are all read.
    pub(super) fn give(&self, segment: Arc<Segment>) {
        if segment.capacity == self.segment_bytes {
            // Relaxed: the queue hands the segment on, with everything that was done to it before.
            segment.end.store(OPEN, Ordering::Relaxed);
            self.free.push(segment);
        }
    }

    /// Frees segments that no ring has needed since the last call. Called by the worker, about once
    /// a second.
    pub(crate) fn trim(&self) {
        // Relaxed: a statistic.
        let taken = self.taken.load(Ordering::Relaxed);
        let needed = taken - self.taken_before.swap(taken, Ordering::Relaxed);
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        for _ in needed..self.free.len() {
            drop(self.free.pop());
        }
    }

    /// Frees all segments that no ring uses.
    pub(crate) fn clear(&self) {
        while self.free.pop().is_some() {}
    }

    /// How many segments no ring uses.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// The bytes of all segments of the provider, free ones included.
    pub(crate) fn bytes(&self) -> u64 {
        self.budget.bytes()
    }

    /// Frees free segments until `bytes` bytes fit into the budget, or there are none.
    #[cold]
    fn make_room(&self, bytes: u64) {
        while self.bytes().saturating_add(bytes) > self.budget.max_bytes
            && self.free.pop().is_some()
        {}
    }

    /// A new segment, if the budget allows it.
    #[cold]
    fn reserved(&self, capacity: u64) -> Option<Arc<Segment>> {
        let charge = if capacity > self.segment_bytes {
            capacity.next_multiple_of(PAGE_BYTES)
        } else {
            capacity
        };
        Segment::new(capacity, Budget::charge(&self.budget, charge)?)
    }
}

/// The bytes that the segments of one provider take, and may take.
#[derive(Debug)]
struct Budget {
    max_bytes: u64,
    /// Invariant: at most `max_bytes`.
    bytes: AtomicU64,
}

impl Budget {
    /// Charges `bytes` to the budget until the charge is dropped; `None` beyond the budget.
    fn charge(budget: &Arc<Self>, bytes: u64) -> Option<Charge> {
        let reserve = |used: u64| {
            let after = used.checked_add(bytes)?;
            (after <= budget.max_bytes).then_some(after)
        };
        // Relaxed, here and below: a sum that orders nothing.
        let reserved = budget
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve);
        reserved.ok()?;
        Some(Charge {
            budget: Arc::clone(budget),
            bytes,
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Bytes that are charged to a budget while this lives.
#[derive(Debug)]
struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
