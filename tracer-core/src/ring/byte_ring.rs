//! A bounded queue of records for one producer and one consumer, stored as bytes.
//!
//! ```text
//!          head                 tail
//!   ........|#####|#########|####|..........     positions grow without end; the
//!           ^ next record        ^ next write    storage masks them to its size
//! ```
//!
//! A record occupies whole 8-byte words and starts with its length in bytes as a little-endian
//! `u32`, which is all the ring knows of it. After Lamport's queue ("Proving the correctness of
//! multiprocess programs", 1977) with each side's last view of the other's position cached, so
//! that a push usually touches no cache line that the consumer writes.

use super::storage::Storage;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};

/// How many kinds of starts are told apart.
pub(crate) const BIRTHS: usize = 9;

/// Keeps what two threads write on cache lines of their own. 128 bytes: x86 fetches lines in
/// pairs, some ARM cores have lines that long.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// What the two ends share.
#[derive(Debug)]
pub(crate) struct Ring {
    storage: Storage,
    /// Where the producer writes next. Invariant: `tail - head <= capacity`.
    tail: Padded<AtomicU64>,
    /// Where the consumer reads next.
    head: Padded<AtomicU64>,
    /// Set when the producer is gone: nothing more will come.
    abandoned: AtomicBool,
    pub(crate) counters: Counters,
}

/// What the producer counts. Only the producer's thread writes, so an update is a plain load and
/// store; anyone may read.
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
    /// Ended spans larger than the ring.
    pub(crate) oversized: AtomicU64,
    /// Ended spans that came after the shutdown.
    pub(crate) late: AtomicU64,
    /// Spans that started here, recorded or not, by kind; counted only for a meter.
    // Those of std also in models: they order nothing, and a model would try every order of them.
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
        // `Totals::add`; who sees a span at one stage sees it at the stages before. On x86 any
        // store is one.
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Release,
        );
    }
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    Full,
    TooLarge,
}

/// What a push tells about the filling of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The record is in.
    Quiet,
    /// The record is in, and with it the ring passed half of its capacity.
    HalfFull,
}

/// Creates a ring of at least `bytes` bytes and its two ends.
pub(crate) fn ring(bytes: usize) -> (Producer, Consumer) {
    let ring = Arc::new(Ring {
        storage: Storage::new(bytes),
        tail: Padded::default(),
        head: Padded::default(),
        abandoned: AtomicBool::new(false),
        counters: Counters::default(),
    });
    let producer = Producer {
        ring: Arc::clone(&ring),
        tail: 0,
        head: 0,
        signalled_at: None,
    };
    let consumer = Consumer {
        ring,
        head: 0,
        tail: 0,
    };
    (producer, consumer)
}

/// The writing end; lives on one thread.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: Arc<Ring>,
    /// The own position; `ring.tail` is its published copy.
    tail: u64,
    /// The consumer's position as last seen. Invariant: never ahead of the true one.
    head: u64,
    /// The consumer's position when `HalfFull` was last reported: once it has moved and the ring
    /// is over half again, that is news.
    signalled_at: Option<u64>,
}

impl Producer {
    /// Appends one record, given in pieces that are written one after the other. The first piece
    /// starts with the length of all pieces together, as the module says.
    ///
    /// # Cost
    /// One copy, one release store; an acquire load only when the ring seems half full.
    #[inline(always)]
    pub(crate) fn push(&mut self, pieces: [&[u8]; 2]) -> Result<Pushed, PushError> {
        let [first, second] = pieces;
        let bytes = first.len() + second.len();
        // The consumer believes this length, so it is checked here, where it costs one compare.
        if u32::try_from(bytes).map(u32::to_le_bytes).ok().as_ref() != first.first_chunk() {
            debug_assert!(false, "a record starts with its length");
            return Err(PushError::TooLarge);
        }
        let used = self.reserve(bytes)?;
        // SAFETY: `reserve` found the bytes from `tail` on free, and this is the only producer.
        unsafe { self.ring.storage.write(self.tail, first) };
        if !second.is_empty() {
            // SAFETY: as above; the second piece follows the first within the free bytes.
            unsafe {
                self.ring
                    .storage
                    .write(self.tail + first.len() as u64, second);
            }
        }
        Ok(self.publish(bytes, used))
    }

    /// The same for a record whose first piece is words in registers. The low half of the first word
    /// is the length.
    #[inline(always)]
    pub(crate) fn push_words<const N: usize>(
        &mut self,
        words: [u64; N],
        rest: &[u8],
    ) -> Result<Pushed, PushError> {
        let bytes = N * 8 + rest.len();
        let length = words.first().map(|word| word & u64::from(u32::MAX));
        if length != Some(bytes as u64) {
            debug_assert!(false, "a record starts with its length");
            return Err(PushError::TooLarge);
        }
        let used = self.reserve(bytes)?;
        // SAFETY: as in `push`; records begin at multiples of 8, because all positions are.
        unsafe { self.ring.storage.write_words(self.tail, words) };
        // SAFETY: as above; the rest follows the words within the free bytes.
        unsafe { self.ring.storage.write(self.tail + 8 * N as u64, rest) };
        Ok(self.publish(bytes, used))
    }

    /// Finds room for a record: `tail .. tail + bytes`, padded to words, then lies before
    /// `head + capacity`, and the consumer reads only up to the published tail. Returns how much of
    /// the ring is in use with it.
    #[inline(always)]
    fn reserve(&mut self, bytes: usize) -> Result<u64, PushError> {
        let padded = (bytes as u64).next_multiple_of(8);
        let capacity = self.ring.storage.capacity() as u64;
        if padded > capacity {
            return Err(PushError::TooLarge);
        }
        let mut used = self.tail - self.head + padded;
        if used > capacity / 2 {
            // Acquire: pairs with the Release store in `Consumer::release`, so that the consumer
            // has finished reading what this push overwrites.
            self.head = self.ring.head.0.load(Ordering::Acquire);
            used = self.tail - self.head + padded;
            if used > capacity {
                return Err(PushError::Full);
            }
        }
        Ok(used)
    }

    /// Hands the bytes of a record to the consumer.
    #[inline(always)]
    fn publish(&mut self, bytes: usize, used: u64) -> Pushed {
        self.tail += (bytes as u64).next_multiple_of(8);
        // Release: pairs with the Acquire load in `Consumer::available`, which makes the bytes
        // above visible to the consumer.
        self.ring.tail.0.store(self.tail, Ordering::Release);
        if used > self.ring.storage.capacity() as u64 / 2 && self.signalled_at != Some(self.head) {
            self.signalled_at = Some(self.head);
            return Pushed::HalfFull;
        }
        Pushed::Quiet
    }

    /// What this thread counts.
    pub(crate) fn counters(&self) -> &Counters {
        &self.ring.counters
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Release: pairs with the Acquire load in `Consumer::is_abandoned`; whoever sees the flag
        // sees every push and every count before it.
        self.ring.abandoned.store(true, Ordering::Release);
    }
}

/// The reading end; belongs to the worker.
#[derive(Debug)]
pub(crate) struct Consumer {
    ring: Arc<Ring>,
    head: u64,
    /// The producer's position as last seen. Invariant: never ahead of the true one.
    tail: u64,
}

impl Consumer {
    /// The position up to which records can be popped now.
    pub(crate) fn available(&mut self) -> u64 {
        // Acquire: pairs with the Release store in `Producer::push`.
        self.tail = self.ring.tail.0.load(Ordering::Acquire);
        self.tail
    }

    /// Appends the next record before position `until`, at most as far as
    /// [`available`](Self::available) last told, to `out`, and returns whether there was one. The
    /// room is given back by [`release`](Self::release) only.
    pub(crate) fn pop(&mut self, until: u64, out: &mut Vec<u8>) -> bool {
        let until = until.min(self.tail);
        if self.head >= until {
            return false;
        }
        let mut len = [0; 4];
        // SAFETY: between head and a position that `available` told lies at least one record,
        // which is at least one word, and the producer leaves it alone until it is released.
        unsafe { self.ring.storage.read(self.head, &mut len) };
        let len = u32::from_le_bytes(len) as usize;
        let padded = (len as u64).next_multiple_of(8);
        if len < 4 || padded > self.tail - self.head {
            // `push` lets no such length in.
            debug_assert!(false, "a record starts with its length");
            self.head = self.tail;
            return false;
        }
        let start = out.len();
        out.resize(start + len, 0);
        let Some(space) = out.get_mut(start..) else {
            return false;
        };
        // SAFETY: as above; the record's `len` bytes lie before the position seen.
        unsafe { self.ring.storage.read(self.head, space) };
        self.head += padded;
        true
    }

    /// Gives the room of all popped records back to the producer.
    pub(crate) fn release(&mut self) {
        // Release: pairs with the Acquire load in `Producer::push`; the reads above are done.
        self.ring.head.0.store(self.head, Ordering::Release);
    }

    /// Whether the producer is gone. When this is true, everything it pushed is
    /// [`available`](Self::available).
    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release store in `Producer::drop`.
        self.ring.abandoned.load(Ordering::Acquire)
    }

    /// The bytes in use, of [`capacity`](Self::capacity).
    pub(crate) fn used(&mut self) -> u64 {
        self.available() - self.head
    }

    /// The size in bytes.
    pub(crate) fn capacity(&self) -> u64 {
        self.ring.storage.capacity() as u64
    }

    /// The shared part, for reading the counters.
    pub(crate) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }
}

#[cfg(test)]
mod tests;
