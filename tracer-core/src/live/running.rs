//! The list of running spans.
//!
//! In parts, one lock each, so that threads seldom wait for each other: a span is in the part of
//! the thread it started on. Within a part spans are kept in the order of their starts, and a reader
//! walks through it in steps, so that it never holds a lock for long.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    copy::RecordCopy,
    limits::LiveLimits,
    thread::{ThreadTag, here},
};
use crate::{clock::Anchor, record::SpanRecord, span::live_observer::LiveKey, sync::Mutex};

/// How many parts there are.
const PARTS: usize = 32;

/// How many entries of ended spans a part keeps for later ones.
const SPARE: usize = 8;

/// How many entries a reader looks at before it lets others go on.
const STEP: usize = 64;

pub(super) struct Running {
    parts: [Mutex<Part>; PARTS],
    listed: AtomicU64,
    unlisted: AtomicU64,
}

#[derive(Default)]
struct Part {
    spans: BTreeMap<u64, Box<Entry>>,
    /// Numbers are never used twice.
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

    /// Lists a span of a provider. `None` if the list is full.
    pub(super) fn start(
        &self,
        provider: u64,
        anchor: Anchor,
        record: &SpanRecord<'_>,
        limits: &LiveLimits,
    ) -> Option<LiveKey> {
        // Relaxed: only the number matters. One above the bound takes itself back.
        if self.listed.fetch_add(1, Ordering::Relaxed) >= limits.max_running as u64 {
            self.listed.fetch_sub(1, Ordering::Relaxed);
            self.unlisted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (number, thread) = here();
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

    /// Looks at every entry once. One that starts or ends meanwhile may be missed.
    pub(super) fn each(&self, mut look: impl FnMut(&Entry)) {
        for part in &self.parts {
            let (mut after, mut end) = (Bound::Unbounded, None);
            loop {
                let part = part.lock();
                // Not after those that start meanwhile: there may be no end of them.
                let end = Bound::Excluded(*end.get_or_insert(part.next));
                let mut last = None;
                for (number, entry) in part.spans.range((after, end)).take(STEP) {
                    look(entry);
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
