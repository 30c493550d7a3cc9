//! The list of running spans.
//!
//! The list is divided into parts with one lock each, so that threads seldom wait for each other. A
//! span is in the part of the thread on which it started. A part keeps its spans in the order of
//! their starts. A reader goes through a part in steps, so that it never holds a lock for long.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    limits::LiveLimits,
    record_copy::RecordCopy,
    thread::{ThreadTag, this_thread},
};
use crate::{clock::Anchor, record::SpanRecord, span::live_observer::LiveKey, sync::Mutex};

/// The number of parts.
const PARTS: usize = 32;

/// The number of entries of ended spans that a part keeps for later spans.
const SPARE: usize = 8;

/// The number of entries that a reader visits before it releases the lock.
const STEP: usize = 64;

pub(super) struct Running {
    parts: [Mutex<Part>; PARTS],
    listed: AtomicU64,
    unlisted: AtomicU64,
}

#[derive(Default)]
struct Part {
    spans: BTreeMap<u64, Box<Entry>>,
    /// The number of the next span. Numbers are never reused.
    next: u64,
    // Boxed, because the map holds boxes: moving an entry moves a pointer.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    spare: Vec<Box<Entry>>,
}

/// A running span.
#[derive(Default)]
pub(super) struct Entry {
    /// The id of its provider.
    pub(super) provider: u64,
    pub(super) anchor: Anchor,
    pub(super) thread: Option<ThreadTag>,
    pub(super) copy: RecordCopy,
}

impl Running {
    pub(super) fn new() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            listed: AtomicU64::new(0),
            unlisted: AtomicU64::new(0),
        }
    }

    pub(super) fn unlisted(&self) -> u64 {
        // Relaxed: a statistic.
        self.unlisted.load(Ordering::Relaxed)
    }

    /// Lists a span of a provider. Returns `None` if the list is full.
    pub(super) fn start(
        &self,
        provider: u64,
        anchor: Anchor,
        record: &SpanRecord<'_>,
        limits: &LiveLimits,
    ) -> Option<LiveKey> {
        // Relaxed: only the number matters. A span beyond the limit undoes its addition.
        if self.listed.fetch_add(1, Ordering::Relaxed) >= limits.max_running as u64 {
            self.listed.fetch_sub(1, Ordering::Relaxed);
            self.unlisted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (number, thread) = this_thread();
        let index = number % PARTS;
        let mut part = self.parts.get(index)?.lock();
        let mut entry = part.spare.pop().unwrap_or_default();
        entry.provider = provider;
        entry.anchor = anchor;
        entry.thread = thread;
        entry.copy.fill(record, limits.max_field_bytes);
        let number = part.next;
        part.next += 1;
        part.spans.insert(number, entry);
        Some(LiveKey {
            part: index as u32,
            number,
        })
    }

    pub(super) fn refresh(&self, key: LiveKey, record: &SpanRecord<'_>, max_field_bytes: usize) {
        let Some(part) = self.parts.get(key.part as usize) else {
            return;
        };
        if let Some(entry) = part.lock().spans.get_mut(&key.number) {
            entry.copy.fill(record, max_field_bytes);
        }
    }

    pub(super) fn stop(&self, key: LiveKey) {
        let Some(part) = self.parts.get(key.part as usize) else {
            return;
        };
        let mut part = part.lock();
        let Some(mut entry) = part.spans.remove(&key.number) else {
            return;
        };
        // Relaxed: as in `start`.
        self.listed.fetch_sub(1, Ordering::Relaxed);
        if part.spare.len() < SPARE {
            entry.thread = None;
            part.spare.push(entry);
        } else {
            drop(part);
            drop(entry);
        }
    }

    /// Calls `visit` for every entry once. An entry that starts or ends meanwhile may be missed.
    pub(super) fn each(&self, mut visit: impl FnMut(&Entry)) {
        for part in &self.parts {
            let (mut after, mut end) = (Bound::Unbounded, None);
            loop {
                let part = part.lock();
                // Stops at the spans that were listed at first: new ones may start without end.
                let end = Bound::Excluded(*end.get_or_insert(part.next));
                let mut last = None;
                for (number, entry) in part.spans.range((after, end)).take(STEP) {
                    visit(entry);
                    last = Some(*number);
                }
                match last {
                    Some(number) => after = Bound::Excluded(number),
                    None => break,
                }
            }
        }
    }
}
