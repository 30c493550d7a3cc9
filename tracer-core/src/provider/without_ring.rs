//! Spans that start or end on a thread that has no ring of its own.

use std::sync::Arc;

use super::Shared;
use crate::{local::Outlet, span::recording::Recording, sync::Ordering};

impl Shared {
    /// Counts a span as started on a thread that has no ring.
    pub(crate) fn start_elsewhere(self: &Arc<Self>) -> Option<Box<Recording>> {
        self.count_start_elsewhere();
        // The shared ring has no spare recordings.
        None
    }

    /// Like [`start_elsewhere`](Self::start_elsewhere), for a span that has its recording already.
    pub(crate) fn count_start_elsewhere(self: &Arc<Self>) {
        if self.is_closed() {
            // Relaxed: a statistic.
            let counts = &self.engine().counts;
            counts.late_started.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if self.with_fallback(Outlet::count_start).is_none() {
            // Relaxed: a statistic.
            let counts = &self.engine().counts;
            counts.unplaced_started.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a start by kind on a thread that has no ring.
    pub(crate) fn count_birth_elsewhere(self: &Arc<Self>, birth: usize) {
        self.with_fallback(|outlet| outlet.count_birth(birth));
    }

    /// Ends a span on a thread that has no ring: its locals are gone, the budget of the rings is
    /// used up, or the provider is closed.
    pub(crate) fn end_elsewhere(self: &Arc<Self>, recording: &mut Recording) {
        if self.is_closed() {
            recording.set_ended();
            // Release: pairs with the Acquire load in `stats`, so that a snapshot that has the end
            // of a span has its start too.
            let counts = &self.engine().counts;
            counts.late_ended.fetch_add(1, Ordering::Release);
            return;
        }
        if self.with_fallback(|outlet| outlet.end(recording)).is_none() {
            recording.set_ended();
            // Release: as above.
            let counts = &self.engine().counts;
            counts.unplaced_ended.fetch_add(1, Ordering::Release);
        }
    }

    /// Runs `use_outlet` with the ring that threads without one of their own share; `None` if there
    /// is no memory for it.
    fn with_fallback<T>(self: &Arc<Self>, use_outlet: impl FnOnce(&mut Outlet) -> T) -> Option<T> {
        let engine = self.engine();
        let mut fallback = engine.fallback.lock();
        if fallback.is_none() {
            *fallback = Outlet::shared(self);
        }
        Some(use_outlet(fallback.as_mut()?))
    }
}
