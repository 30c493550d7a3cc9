//! The writing side of the pipeline: counts the spans of one thread, and puts their records into
//! the thread's ring.

use std::sync::Arc;

use super::{
    ring_registry::{Producer, RingRegistry},
    span_counters::{SpanCounters, StartClass},
    wakeup::Wakeup,
};
use crate::ring::{byte_ring::Pushed, segment::PushError};

/// The ring of one thread, with its counters. The threads that have no ring of their own share one
/// under a lock.
#[derive(Debug)]
pub(crate) struct RingWriter {
    producer: Producer,
    registry: Arc<RingRegistry>,
    wakeup: Arc<Wakeup>,
}

/// The outcome of a span whose record does not go into the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotQueued {
    AlreadyShutdown,
    Discarded,
    NotSampled,
}

impl RingWriter {
    /// Takes a ring for the calling thread. Returns `None` if the budget of the rings is used up.
    pub(super) fn new(registry: &Arc<RingRegistry>, wakeup: &Arc<Wakeup>) -> Option<Self> {
        Some(Self::of(registry.producer()?, registry, wakeup))
    }

    /// Takes a ring whose first segment is not charged to the budget, for the threads that have no
    /// ring of their own. Returns `None` if there is no memory.
    pub(super) fn beyond_budget(
        registry: &Arc<RingRegistry>,
        wakeup: &Arc<Wakeup>,
    ) -> Option<Self> {
        Some(Self::of(
            registry.producer_beyond_budget()?,
            registry,
            wakeup,
        ))
    }

    fn of(producer: Producer, registry: &Arc<RingRegistry>, wakeup: &Arc<Wakeup>) -> Self {
        Self {
            producer,
            registry: Arc::clone(registry),
            wakeup: Arc::clone(wakeup),
        }
    }

    /// Gives the ring and its contents back, for the next thread that needs a ring.
    pub(crate) fn give_back(self) {
        self.registry.give_back(self.producer);
    }

    /// Counts a span as started.
    #[inline]
    pub(crate) fn count_start(&mut self) {
        SpanCounters::add_one(&self.counters().started);
    }

    /// Counts a start by its class.
    pub(crate) fn count_start_class(&mut self, class: StartClass) {
        self.counters().add_start(class);
    }

    /// Counts a span that ended and is not exported.
    #[inline(always)]
    pub(crate) fn end_without_record(&mut self, outcome: NotQueued) {
        let counters = self.counters();
        SpanCounters::add_one(&counters.ended);
        SpanCounters::add_one(match outcome {
            NotQueued::AlreadyShutdown => &counters.already_shutdown,
            NotQueued::Discarded => &counters.discarded,
            NotQueued::NotSampled => &counters.not_sampled,
        });
    }

    /// Counts a span that ended, and queues its record, given in two pieces.
    #[inline(always)]
    pub(crate) fn end(&mut self, record: [&[u8]; 2]) {
        // Counted before the push, so that a thread that sees the record also sees the count.
        SpanCounters::add_one(&self.counters().ended);
        let pushed = self.producer.push(record);
        self.count(pushed);
    }

    /// Counts a span that ended, and queues its record, which starts with words in registers.
    #[inline(always)]
    pub(crate) fn end_words<const N: usize>(&mut self, words: [u64; N], rest: &[u8]) {
        SpanCounters::add_one(&self.counters().ended);
        let pushed = self.producer.push_words(words, rest);
        self.count(pushed);
    }

    /// Counts a record that was not queued, and wakes the worker if necessary.
    #[inline(always)]
    fn count(&self, pushed: Result<Pushed, PushError>) {
        match pushed {
            Ok(Pushed::Quiet) => {}
            Ok(Pushed::Behind) => self.wake(),
            Err(PushError::Full) => {
                SpanCounters::add_one(&self.counters().queue_full);
                self.wake();
            }
            Err(PushError::TooLarge) => SpanCounters::add_one(&self.counters().span_too_large),
        }
    }

    #[cold]
    fn wake(&self) {
        self.wakeup.wake_for_ring();
    }

    #[inline(always)]
    fn counters(&self) -> &SpanCounters {
        self.producer.shared()
    }
}
