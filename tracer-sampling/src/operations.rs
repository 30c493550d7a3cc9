//! A table of fixed size with a state for each operation.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;

/// A table with a state for each operation, and one shared state for operations without a slot.
///
/// An operation is identified by the hash of its name. Its slot is one of the sixteen that start at
/// the position given by the hash. A search therefore ends after sixteen slots, and an entry can be
/// replaced without leaving a marker. An operation that has been idle for long enough loses its slot
/// to a new operation, for which the state is reset.
///
/// Nothing is locked. Two threads that add the same operation at the same time normally take the
/// same slot. If an earlier slot becomes available between the two, the operation gets two entries.
/// One of them is not found again, and is replaced once it is idle.
pub(crate) struct Operations<S> {
    table: Arc<Table<S>>,
}

/// The state of an operation.
pub(crate) trait State {
    /// Makes the state as good as new. Other threads may use it meanwhile.
    fn reset(&self);
}

impl<S> Clone for Operations<S> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

struct Table<S> {
    hasher: RandomState,
    /// Invariant: the length is a power of two, and at least twice `most`.
    slots: Box<[Slot<S>]>,
    /// The number of slots that are taken.
    taken: AtomicUsize,
    most: usize,
    /// Seconds without a span after which an operation may lose its slot.
    idle_seconds: u64,
    /// The state that operations without a slot share.
    other: S,
}

struct Slot<S> {
    /// The hash of the operation's name; 0 if the slot is free.
    key: AtomicU64,
    /// The second in which the operation was last used.
    seen: AtomicU64,
    /// The name for display, shortened to [`NAME_BYTES`].
    name: ArcSwapOption<String>,
    state: S,
}

impl<S: State> Operations<S> {
    /// Creates a table for `most` operations, from 1 to 2^20. An operation that has not been seen
    /// for `idle_seconds` may lose its slot.
    pub(crate) fn new(most: usize, idle_seconds: u64, mut state: impl FnMut() -> S) -> Self {
        let most = most.clamp(1, 1 << 20);
        let len = (2 * most).next_power_of_two().max(WINDOW);
        let slot = |state| Slot {
            key: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            name: ArcSwapOption::empty(),
            state,
        };
        Self {
            table: Arc::new(Table {
                hasher: RandomState::default(),
                slots: (0..len).map(|_| slot(state())).collect(),
                taken: AtomicUsize::new(0),
                most,
                idle_seconds,
                other: state(),
            }),
        }
    }

    /// Calls `work` with the state of this operation. `now_nanos` is the time of a monotonic clock.
    pub(crate) fn with<T>(&self, name: &str, now_nanos: u64, work: impl FnOnce(&S) -> T) -> T {
        let slot = self.slot(name, now_nanos);
        work(slot.map_or(&self.table.other, |slot| &slot.state))
    }

    /// Calls `work` with the state of this operation, if it has one of its own.
    pub(crate) fn with_own(&self, name: &str, now_nanos: u64, work: impl FnOnce(&S)) {
        if let Some(slot) = self.slot(name, now_nanos) {
            work(&slot.state);
        }
    }

    fn slot(&self, name: &str, now_nanos: u64) -> Option<&Slot<S>> {
        let table = &*self.table;
        let key = table.hasher.hash_one(name).max(1);
        let now = now_nanos / 1_000_000_000;
        // Relaxed, here and below: keys publish no other data, because the contents of a state are
        // atomic.
        let mut slots = table.window(key);
        let known = slots.find(|slot| slot.key.load(Ordering::Relaxed) == key);
        let slot = known.or_else(|| table.add(key, name, now))?;
        // At most one write a second, so that threads do not contend for the cache line.
        if slot.seen.load(Ordering::Relaxed) < now {
            slot.seen.store(now, Ordering::Relaxed);
        }
        Some(slot)
    }

    /// Calls `visit` with the name and the state of each operation. The last call has no name, and
    /// the state of operations without a slot.
    pub(crate) fn each(&self, mut visit: impl FnMut(Option<&str>, &S)) {
        for slot in &self.table.slots {
            if slot.key.load(Ordering::Relaxed) != 0 {
                let name = slot.name.load();
                visit(
                    Some(name.as_ref().map_or("", |name| name.as_str())),
                    &slot.state,
                );
            }
        }
        visit(None, &self.table.other);
    }
}

impl<S: State> Table<S> {
    /// Returns the slots in which this key may be.
    fn window(&self, key: u64) -> impl Iterator<Item = &Slot<S>> {
        let start = key as usize;
        (0..WINDOW).filter_map(move |step| {
            self.slots
                .get(start.wrapping_add(step) & (self.slots.len() - 1))
        })
    }

    /// Takes a free slot, or one that has been idle. Returns `None` if there is none.
    #[cold]
    fn add(&self, key: u64, name: &str, now: u64) -> Option<&Slot<S>> {
        for slot in self.window(key) {
            let before = slot.key.load(Ordering::Relaxed);
            if before == key {
                return Some(slot);
            }
            let is_free = before == 0;
            if is_free && !self.reserve() {
                continue;
            }
            let seen = slot.seen.load(Ordering::Relaxed);
            if !is_free && now.saturating_sub(seen) < self.idle_seconds {
                continue;
            }
            // Before the key, so that no other thread finds the new operation idle.
            slot.seen.store(now, Ordering::Relaxed);
            let swap = slot
                .key
                .compare_exchange(before, key, Ordering::Relaxed, Ordering::Relaxed);
            match swap {
                Ok(_) => {
                    // A free slot is as good as new, and another thread may have used it already.
                    if !is_free {
                        slot.state.reset();
                    }
                    slot.name.store(Some(Arc::new(shortened(name).to_owned())));
                    return Some(slot);
                }
                Err(current) => {
                    if is_free {
                        self.taken.fetch_sub(1, Ordering::Relaxed);
                    }
                    if current == key {
                        return Some(slot);
                    }
                }
            }
        }
        None
    }

    /// Counts a slot as taken. Returns `false` if that would be too many. A table that is full is
    /// only read, so that threads with endless names do not contend.
    fn reserve(&self) -> bool {
        if self.taken.load(Ordering::Relaxed) >= self.most {
            return false;
        }
        let is_room = self.taken.fetch_add(1, Ordering::Relaxed) < self.most;
        if !is_room {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
        is_room
    }
}

impl<S> fmt::Debug for Operations<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("most", &self.table.most)
            .field("taken", &self.table.taken.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

fn shortened(name: &str) -> &str {
    let end = name.floor_char_boundary(NAME_BYTES);
    name.get(..end).unwrap_or_default()
}

/// Ten minutes.
pub(crate) const IDLE_SECONDS: u64 = 600;
const NAME_BYTES: usize = 128;
/// The slots in which one operation may be.
const WINDOW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    impl State for AtomicU64 {
        fn reset(&self) {
            self.store(0, Ordering::Relaxed);
        }
    }

    fn count(operations: &Operations<AtomicU64>, name: &str, now: u64) -> u64 {
        operations.with(name, now, |state| state.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[test]
    fn each_operation_has_its_own_state() {
        let operations = Operations::new(64, IDLE_SECONDS, || AtomicU64::new(0));
        for round in 1..=3 {
            for at in 0..64 {
                assert_eq!(count(&operations, &format!("GET /{at}"), 0), round);
            }
        }
        let mut seen = Vec::new();
        operations.each(|name, state| {
            seen.push((name.map(str::to_owned), state.load(Ordering::Relaxed)));
        });
        assert_eq!(seen.len(), 65);
        assert_eq!(seen.pop(), Some((None, 0)));
        assert!(seen.iter().all(|(name, seen)| {
            name.as_ref().is_some_and(|name| name.starts_with("GET /")) && *seen == 3
        }));
    }

    #[test]
    fn names_beyond_the_limit_take_no_memory_and_share_one_state() {
        let operations = Operations::new(8, IDLE_SECONDS, || AtomicU64::new(0));
        for at in 0..10_000 {
            count(&operations, &format!("/{at}"), 0);
        }
        let (mut named, mut others) = (0, 0);
        operations.each(|name, state| match name {
            Some(_) => named += state.load(Ordering::Relaxed),
            None => others += state.load(Ordering::Relaxed),
        });
        assert_eq!((named, others), (8, 9_992));
        assert_eq!(operations.table.slots.len(), 16);
    }

    #[test]
    fn an_idle_operation_gives_its_slot_away() {
        let operations = Operations::new(8, IDLE_SECONDS, || AtomicU64::new(0));
        for at in 0..8 {
            count(&operations, &format!("old {at}"), 0);
        }
        let busy = "old 0";
        count(&operations, busy, 599 * SECOND);
        assert_eq!(count(&operations, "new", 599 * SECOND), 1);
        // That call used the shared state. Ten minutes after the start, seven operations are idle.
        // Its state was reset.
        assert_eq!(count(&operations, "newer", 600 * SECOND), 1);
        assert_eq!(count(&operations, "newer", 600 * SECOND), 2);
        assert_eq!(count(&operations, busy, 600 * SECOND), 3);
        let mut names = Vec::new();
        operations.each(|name, _| names.extend(name.map(str::to_owned)));
        assert!(names.contains(&"newer".to_owned()) && names.contains(&busy.to_owned()));
        assert_eq!(names.len(), 8);
    }

    #[test]
    fn threads_that_add_one_operation_find_one_state() {
        for _ in 0..100 {
            let operations = Operations::new(8, IDLE_SECONDS, || AtomicU64::new(0));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| count(&operations, "same", 0));
                }
            });
            assert_eq!(count(&operations, "same", 0), 5);
        }
    }

    #[test]
    fn names_are_shortened_at_a_character() {
        assert_eq!(shortened(&"é".repeat(100)).chars().count(), 64);
        assert_eq!(shortened(&("a".to_owned() + &"é".repeat(100))).len(), 127);
    }
}
