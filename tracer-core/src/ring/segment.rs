//! The segments of memory that rings consist of, and the budget that bounds them.
//!
//! A ring starts with one small segment. A producer that finds its segment full takes another one
//! from the provider's pool and continues there. The consumer follows once it has read the first
//! segment, which it gives back to the pool. So a burst takes as many segments as the budget
//! allows, and a ring whose spans are read in time keeps one.
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

/// The size of a ring's first segment. It holds about 200 root spans without attributes, so a
/// thread that makes few spans takes little memory. Under the model checkers, it holds one span.
const FIRST_BYTES: usize = if MODELLED { 128 } else { 16 << 10 };

/// The size of the other segments, until the rings have taken a quarter of the budget. A thread
/// that has made a burst keeps one of them.
const SEGMENT_BYTES: usize = if MODELLED { 128 } else { 64 << 10 };

/// A producer that is this far ahead of the consumer wakes it. Below that, it is enough that the
/// consumer reads the rings on its own schedule. A thread that makes a few hundred spans at once
/// then does not share its caches with the consumer.
const AHEAD_BYTES: u64 = if MODELLED { 0 } else { 256 << 10 };

const MODELLED: bool = cfg!(any(tracer_loom, tracer_shuttle));

/// The unit of the charge for a segment that was made for one large record: a whole page.
const PAGE_BYTES: u64 = 4 << 10;

/// The position at which a segment ends while it is the last one of its ring.
const OPEN: u64 = u64::MAX;

/// A part of a ring: a circular buffer for a range of the ring's positions.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) storage: Storage,
    /// How many bytes of the storage may hold records at the same time. This is less than the whole
    /// storage only in a segment that was made for one large record. Such a segment is used again
    /// only if the budget allows no other one. Its records then touch up to twice its charge.
    pub(super) capacity: u64,
    /// The position in the ring at which the records continue in `next`.
    end: AtomicU64,
    /// The producer sets this before it publishes the first record in the next segment. The
    /// consumer takes it after it has seen that record. So neither waits for the other at this
    /// lock.
    next: Mutex<Option<Arc<Segment>>>,
    /// The segment's share of the budget.
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

    /// Returns whether the segment was made for one record that is larger than the usual segments.
    pub(super) fn is_for_one_record(&self, pool: &SegmentPool) -> bool {
        self.capacity > pool.segment_bytes
    }

    /// Makes the ring continue in segment `next` from position `end` on. Called by the producer.
    pub(super) fn link(&self, end: u64, next: Arc<Self>) {
        *self.next.lock() = Some(next);
        // Relaxed: the consumer reads this only after it has seen a tail beyond `end`, which the
        // producer publishes later by a Release store.
        self.end.store(end, Ordering::Relaxed);
    }

    /// Returns the next segment if this one ends at position `at`. Called by the consumer, for a
    /// position before a tail that it has seen.
    pub(super) fn take_next(&self, at: u64) -> Option<Arc<Self>> {
        // Relaxed: ordered by the Acquire load of that tail, as `link` explains.
        if self.end.load(Ordering::Relaxed) == at {
            self.next.lock().take()
        } else {
            None
        }
    }
}

impl Drop for Segment {
    /// Drops the following segments in a loop. A burst may have left thousands, and dropping them
    /// recursively could overflow the stack.
    fn drop(&mut self) {
        let mut next = self.next.lock().take();
        while let Some(mut segment) = next.and_then(Arc::into_inner) {
            next = segment.next.get_mut().take();
        }
    }
}

/// The reason why a ring did not take a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The budget is used up, or the operating system has no memory.
    Full,
    /// The record is larger than the budget minus one first segment.
    TooLarge,
}

/// The segments of one provider that no ring uses, and the budget of all its rings.
///
/// # Cost
/// Taking a segment is one operation on a lock-free queue. If the queue is empty, it is a system
/// call, followed by page faults when the new memory is used.
#[derive(Debug)]
pub(crate) struct SegmentPool {
    free: Queue<Arc<Segment>>,
    /// Free segments of the size of a ring's first one.
    small: Queue<Arc<Segment>>,
    budget: Arc<Budget>,
    first_bytes: u64,
    segment_bytes: u64,
    ahead_bytes: u64,
    /// How many segments rings have requested, for `trim`.
    taken: AtomicU64,
    /// The value of `taken` when `trim` was last called. Written by the worker only.
    taken_before: AtomicU64,
}

impl SegmentPool {
    /// Creates a pool for rings that take at most `max_bytes` together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            ahead_bytes: AHEAD_BYTES,
            ..Self::with_sizes(max_bytes, FIRST_BYTES, SEGMENT_BYTES)
        }
    }

    /// Creates a pool with other segment sizes, for tests and models. Every ring that grows then
    /// wakes its consumer. Sizes are powers of two, at least 8.
    pub(crate) fn with_sizes(max_bytes: usize, first: usize, segment: usize) -> Self {
        let budget = Budget {
            max_bytes: max_bytes as u64,
            bytes: AtomicU64::new(0),
        };
        let fitting = |bytes: usize| (bytes as u64).min(1 << budget.max_bytes.max(8).ilog2());
        Self {
            free: Queue::new(),
            small: Queue::new(),
            first_bytes: fitting(first),
            segment_bytes: fitting(segment),
            ahead_bytes: 0,
            budget: Arc::new(budget),
            taken: AtomicU64::new(0),
            taken_before: AtomicU64::new(0),
        }
    }

    /// Returns a segment for a new ring, or `None` if the budget is used up.
    pub(crate) fn take_first(&self) -> Option<Arc<Segment>> {
        self.take_small()
    }

    /// Returns a segment for a new ring that is not charged to the budget.
    pub(crate) fn take_uncounted(&self) -> Option<Arc<Segment>> {
        Segment::new(self.first_bytes, Budget::charge(&self.budget, 0)?)
    }

    /// Returns a segment that has room for a record of `bytes` bytes.
    pub(super) fn take(&self, bytes: u64) -> Result<Arc<Segment>, PushError> {
        // Relaxed: a statistic.
        self.taken.fetch_add(1, Ordering::Relaxed);
        let taken = if bytes > self.segment_bytes {
            let charge = self.charge(bytes);
            if charge > self.budget.max_bytes.saturating_sub(self.first_bytes) {
                return Err(PushError::TooLarge);
            }
            self.make_room(charge);
            self.reserved(bytes)
        } else if bytes > self.first_bytes || !self.has_small() {
            self.take_usual()
        } else if self.is_scarce() {
            self.take_small()
        } else {
            self.take_usual().or_else(|| self.take_small())
        };
        taken.ok_or(PushError::Full)
    }

    /// Returns whether the consumer of a grown ring should be woken. That is so if `ahead`, the
    /// bytes in that ring, is large, or if all rings together have taken half of the budget.
    pub(super) fn is_consumer_needed(&self, ahead: u64) -> bool {
        ahead >= self.ahead_bytes || self.bytes() >= self.budget.max_bytes / 2
    }

    fn take_usual(&self) -> Option<Arc<Segment>> {
        let free = self.free.pop();
        free.or_else(|| {
            self.make_room(self.segment_bytes);
            self.reserved(self.segment_bytes)
        })
    }

    fn take_small(&self) -> Option<Arc<Segment>> {
        let small = self.has_small().then(|| self.small.pop()).flatten();
        small
            .or_else(|| self.reserved(self.first_bytes))
            .or_else(|| self.free.pop())
    }

    /// Returns whether rings grow by segments of the first size. Each thread keeps the segment that
    /// it used last, so the larger segments of many threads that were once busy could take the
    /// whole budget.
    fn is_scarce(&self) -> bool {
        self.bytes() > self.budget.max_bytes / 4
    }

    /// Returns whether there are two sizes of segments.
    fn has_small(&self) -> bool {
        self.first_bytes < self.segment_bytes
    }

    /// Takes back a segment whose records have all been read. The pool keeps only segments of the
    /// two usual sizes.
    pub(super) fn give(&self, segment: Arc<Segment>) {
        let queue = match segment.capacity {
            usual if usual == self.segment_bytes => Some(&self.free),
            small if small == self.first_bytes && self.is_scarce() => Some(&self.small),
            _ => None,
        };
        if let Some(queue) = queue {
            // Relaxed: the queue orders this store before the next use of the segment.
            segment.end.store(OPEN, Ordering::Relaxed);
            queue.push(segment);
        }
    }

    /// Frees the free segments that no ring has needed since the last call. Called by the worker
    /// about once a second.
    pub(crate) fn trim(&self) {
        // Relaxed: a statistic.
        let taken = self.taken.load(Ordering::Relaxed);
        let needed = taken - self.taken_before.swap(taken, Ordering::Relaxed);
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        for queue in [&self.free, &self.small] {
            for _ in needed..queue.len() {
                drop(queue.pop());
            }
        }
    }

    /// Frees all segments that no ring uses.
    pub(crate) fn clear(&self) {
        while self.pop_any().is_some() {}
    }

    fn pop_any(&self) -> Option<Arc<Segment>> {
        let free = self.free.pop();
        free.or_else(|| self.has_small().then(|| self.small.pop()).flatten())
    }

    /// Returns how many segments are free.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Returns the bytes of all segments of the provider, including free ones.
    pub(crate) fn bytes(&self) -> u64 {
        self.budget.bytes()
    }

    /// Drops free segments until `bytes` bytes fit into the budget, or until none are left.
    #[cold]
    fn make_room(&self, bytes: u64) {
        while self.bytes().saturating_add(bytes) > self.budget.max_bytes && self.pop_any().is_some()
        {
        }
    }

    /// Returns a new segment, if the budget allows it.
    #[cold]
    fn reserved(&self, capacity: u64) -> Option<Arc<Segment>> {
        let charge = self.charge(capacity);
        Segment::new(capacity, Budget::charge(&self.budget, charge)?)
    }

    /// Returns how many bytes of the budget a segment of this capacity takes.
    fn charge(&self, capacity: u64) -> u64 {
        if capacity > self.segment_bytes {
            capacity.next_multiple_of(PAGE_BYTES)
        } else {
            capacity
        }
    }
}

/// The number of bytes that the segments of one provider take, and its limit.
#[derive(Debug)]
struct Budget {
    max_bytes: u64,
    /// Invariant: at most `max_bytes`.
    bytes: AtomicU64,
}

impl Budget {
    /// Charges `bytes` to the budget until the charge is dropped. Returns `None` if the budget does
    /// not allow it.
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

/// A charge to a budget. Dropping it returns the bytes to the budget.
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
