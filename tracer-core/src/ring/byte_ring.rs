//! A queue of records for one producer and one consumer, stored as bytes.
//!
//! ```text
//!          head                 tail
//!   ........|#####|#########|####|..........     positions grow without end; the
//!           ^ next record        ^ next write    storage masks them to its size
//! ```
//!
//! A record occupies whole 8-byte words and starts with its length in bytes as a little-endian
//! `u32`. The ring knows nothing else about a record. The algorithm is Lamport's queue ("Proving
//! the correctness of multiprocess programs", 1977). In addition, the producer caches the
//! consumer's position as last read, so that a push usually touches no cache line that the consumer
//! writes.
//!
//! The records lie in a chain of [`Segment`]s. Each segment is a circular buffer for a range of the
//! positions. Usually the ring has one segment. A producer that finds it full links another one
//! from the pool, and the consumer moves there at the position where the first segment ends. The
//! two atomic positions belong to the whole ring, so one Release store and one Acquire load publish
//! records and links alike.

use std::sync::Arc as StdArc;

use super::segment::{PushError, Segment, SegmentPool};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering};

/// Keeps data that different threads write on separate cache lines. 128 bytes, because x86 fetches
/// lines in pairs and some ARM cores have lines of that size.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// The state that producer and consumer share.
#[derive(Debug)]
pub(crate) struct Ring<S> {
    /// The position of the next write. Invariant: the segments hold `tail - head` bytes of records.
    tail: Padded<AtomicU64>,
    /// The position of the next read.
    head: Padded<AtomicU64>,
    /// Set when the producer is dropped: no more records will come.
    abandoned: AtomicBool,
    /// A value for the ring's user, which both ends can read.
    pub(crate) shared: S,
}

/// The effect of a push on the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The record is in the ring.
    Quiet,
    /// The record is in the ring, which took another segment for it. The consumer is so far behind
    /// that it should be woken.
    Behind,
}

/// Creates the two ends of a ring whose first segment is `segment`.
pub(crate) fn ring<S: Default>(
    pool: &Arc<SegmentPool>,
    segment: StdArc<Segment>,
) -> (Producer<S>, Consumer<S>) {
    let ring = Arc::new(Ring {
        tail: Padded::default(),
        head: Padded::default(),
        abandoned: AtomicBool::new(false),
        shared: S::default(),
    });
    let producer = Producer {
        ring: Arc::clone(&ring),
        pool: Arc::clone(pool),
        tail: 0,
        writable_until: segment.capacity,
        segment_start: 0,
        segment: StdArc::clone(&segment),
    };
    let consumer = Consumer {
        ring,
        pool: Arc::clone(pool),
        segment,
        head: 0,
        tail: 0,
    };
    (producer, consumer)
}

/// The writing end of a ring, which belongs to one thread at a time.
#[derive(Debug)]
pub(crate) struct Producer<S = ()> {
    ring: Arc<Ring<S>>,
    /// The segment that holds `tail`.
    segment: StdArc<Segment>,
    /// This producer's position; `ring.tail` is its published copy.
    tail: u64,
    /// Bytes before this position are free to write. It is the consumer's position as last read, or
    /// the start of the segment if that is later, plus the segment's capacity. Invariant: never
    /// beyond the bytes that are free.
    writable_until: u64,
    /// The position at which `segment` begins.
    segment_start: u64,
    pool: Arc<SegmentPool>,
}

impl<S> Producer<S> {
    /// Appends one record, given in two pieces that are written one after the other. The first
    /// piece starts with the length of both pieces together, in the format that the module
    /// describes.
    ///
    /// # Cost
    /// One copy and one release store. In addition, an acquire load once per lap through the
    /// segment. While the consumer is behind, also taking a segment from the pool.
    #[inline(always)]
    pub(crate) fn push(&mut self, pieces: [&[u8]; 2]) -> Result<Pushed, PushError> {
        let [first, second] = pieces;
        let bytes = first.len() + second.len();
        // The consumer relies on this length, so it is checked here, at the cost of one comparison.
        if u32::try_from(bytes).map(u32::to_le_bytes).ok().as_ref() != first.first_chunk() {
            debug_assert!(false, "a record starts with its length");
            return Err(PushError::TooLarge);
        }
        let pushed = self.reserve(bytes)?;
        // SAFETY: `reserve` found the bytes from `tail` on free, and this is the only producer.
        unsafe { self.segment.storage.write(self.tail, first) };
        if !second.is_empty() {
            // SAFETY: `reserve` found these bytes free too: the second piece follows the first.
            // This is the only producer.
            unsafe {
                self.segment
                    .storage
                    .write(self.tail + first.len() as u64, second);
            }
        }
        self.publish(bytes);
        Ok(pushed)
    }

    /// Appends a record whose first piece is words in registers. The low half of the first word is
    /// the length.
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
        let pushed = self.reserve(bytes)?;
        // SAFETY: `reserve` found the bytes from `tail` on free, and this is the only producer.
        // Records begin at multiples of 8, because all positions are.
        unsafe { self.segment.storage.write_words(self.tail, words) };
        // SAFETY: `reserve` found these bytes free too: the rest follows the words. This is the
        // only producer.
        unsafe { self.segment.storage.write(self.tail + 8 * N as u64, rest) };
        self.publish(bytes);
        Ok(pushed)
    }

    /// Finds room for a record. Afterwards `tail .. tail + bytes`, padded to words, lies in the
    /// segment and is free.
    #[inline(always)]
    fn reserve(&mut self, bytes: usize) -> Result<Pushed, PushError> {
        let padded = (bytes as u64).next_multiple_of(8);
        if self.tail + padded <= self.writable_until {
            return Ok(Pushed::Quiet);
        }
        self.make_room(padded)
    }

    /// Reads the consumer's position and, if that gives no room, moves to another segment.
    #[cold]
    fn make_room(&mut self, padded: u64) -> Result<Pushed, PushError> {
        // Acquire: pairs with the Release store in `Consumer::release`, so that the consumer has
        // finished reading the bytes that this push overwrites.
        let head = self.ring.head.0.load(Ordering::Acquire);
        let writable_until = head.max(self.segment_start) + self.segment.capacity;
        let fits = self.tail + padded <= writable_until;
        // The producer leaves a segment that was made for one large record as soon as possible, so
        // that its memory is freed.
        if fits && !self.segment.is_for_one_record(&self.pool) {
            self.writable_until = writable_until;
            return Ok(Pushed::Quiet);
        }
        match self.pool.take(padded) {
            Ok(next) => {
                self.segment.link(self.tail, StdArc::clone(&next));
                self.segment = next;
                self.segment_start = self.tail;
                self.writable_until = self.tail + self.segment.capacity;
                Ok(if self.pool.is_consumer_needed(self.tail - head) {
                    Pushed::Behind
                } else {
                    Pushed::Quiet
                })
            }
            Err(_) if fits => {
                self.writable_until = writable_until;
                Ok(Pushed::Quiet)
            }
            Err(error) => Err(error),
        }
    }

    /// Publishes the bytes of a record to the consumer.
    #[inline(always)]
    fn publish(&mut self, bytes: usize) {
        self.tail += (bytes as u64).next_multiple_of(8);
        // Release: pairs with the Acquire load in `Consumer::available`. It makes the bytes written
        // before, and the segment that holds them, visible to the consumer.
        self.ring.tail.0.store(self.tail, Ordering::Release);
    }

    /// Returns the value that both ends can read.
    #[inline(always)]
    pub(crate) fn shared(&self) -> &S {
        &self.ring.shared
    }
}

impl<S> Drop for Producer<S> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire load in `Consumer::is_abandoned`. A thread that sees the
        // flag sees every push and every count before it.
        self.ring.abandoned.store(true, Ordering::Release);
    }
}

/// The reading end of a ring, which belongs to the worker.
#[derive(Debug)]
pub(crate) struct Consumer<S = ()> {
    ring: Arc<Ring<S>>,
    /// The segment that holds `head`, or that ends there.
    segment: StdArc<Segment>,
    head: u64,
    /// The producer's position as last read. Invariant: never ahead of the true one.
    tail: u64,
    pool: Arc<SegmentPool>,
}

impl<S> Consumer<S> {
    /// Reads and returns the position up to which records can be popped now.
    pub(crate) fn available(&mut self) -> u64 {
        // Acquire: pairs with the Release store in `Producer::publish`.
        self.tail = self.ring.tail.0.load(Ordering::Acquire);
        self.tail
    }

    /// Appends the next record before position `until` to `out`, and returns whether there was one.
    /// `until` is at most the last result of [`available`](Self::available). Only
    /// [`release`](Self::release) gives the room back to the producer. A segment that is read to
    /// its end, however, goes back to the pool here.
    pub(crate) fn pop(&mut self, until: u64, out: &mut Vec<u8>) -> bool {
        let until = until.min(self.tail);
        if self.head >= until {
            return false;
        }
        while let Some(next) = self.segment.take_next(self.head) {
            self.pool.give(std::mem::replace(&mut self.segment, next));
        }
        // SAFETY: between `head` and a position that `available` returned lies at least one record,
        // which is at least one word. The producer does not touch it until it is released.
        let len = unsafe { self.segment.storage.read_u32(self.head) } as usize;
        let padded = (len as u64).next_multiple_of(8);
        if len < 4 || padded > self.tail - self.head || padded > self.segment.capacity {
            // `push` accepts no such length.
            debug_assert!(false, "a record starts with its length");
            self.head = self.tail;
            return false;
        }
        // SAFETY: the record's `len` bytes lie before the position that `available` returned. The
        // producer does not touch them until they are released.
        unsafe { self.segment.storage.read(self.head, len, out) };
        self.head += padded;
        true
    }

    /// Gives the room of all popped records back to the producer.
    pub(crate) fn release(&mut self) {
        // Release: pairs with the Acquire load in `Producer::make_room`, after the reads of the
        // released bytes.
        self.ring.head.0.store(self.head, Ordering::Release);
    }

    /// Returns whether the producer is gone. If so, everything that it pushed is
    /// [`available`](Self::available).
    pub(crate) fn is_abandoned(&self) -> bool {
        // Acquire: pairs with the Release store in `Producer::drop`.
        self.ring.abandoned.load(Ordering::Acquire)
    }

    /// Returns the number of bytes that are not popped yet.
    pub(crate) fn used(&mut self) -> u64 {
        self.available() - self.head
    }

    /// Returns how full the ring is, in thousandths of the segment that is being read. The result
    /// may exceed 1000 in a ring that has grown.
    pub(crate) fn filled_permille(&mut self) -> u64 {
        self.used() * 1000 / self.segment.capacity
    }

    /// Gives the last segment back to the pool. Called when the producer is gone and every record
    /// is popped.
    pub(crate) fn close(self) {
        let Self { segment, pool, .. } = self;
        pool.give(segment);
    }

    /// Returns the state that producer and consumer share.
    pub(crate) fn ring(&self) -> &Arc<Ring<S>> {
        &self.ring
    }
}

#[cfg(test)]
mod tests;
