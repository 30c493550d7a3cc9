//! Ends the worker's pause early. The reasons are a flush, a shutdown, a ring that is full or far
//! ahead of the worker, and an exporter that has room again.
//!
//! A flag is used in addition to the thread's own park token, for two reasons. User code that runs
//! on the worker, such as a subscriber of its diagnostics, may also park and consume the token. And
//! waking a worker that was already woken then needs no system call.

use std::{sync::OnceLock, time::Duration};

use crate::sync::{
    AtomicBool, Ordering,
    thread::{self, Thread},
};

/// Wakes one thread, the worker.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    is_set: AtomicBool,
    /// The thread that pauses, set at its first pause.
    worker: OnceLock<Thread>,
    /// Set while the worker can take no spans from the rings until an exporter has room.
    waits_for_room: AtomicBool,
}

impl Wakeup {
    /// Ends the current pause, or the next one if the worker is not pausing. After that pause, the
    /// worker sees everything that the caller did before this call.
    ///
    /// # Cost
    /// One atomic operation, and a system call if the worker is pausing.
    pub(crate) fn wake(&self) {
        // Release: pairs with the Acquire in `pause`. Acquire: makes the thread visible that was
        // stored before the `swap` of its pause.
        if !self.is_set.swap(true, Ordering::AcqRel)
            && let Some(worker) = self.worker.get()
        {
            worker.unpark();
        }
    }

    /// Ends the worker's pause for a ring that is full or far ahead of it. Does nothing while the
    /// worker waits for an exporter: it could not empty the ring, and each lost span would wake it.
    pub(crate) fn wake_for_ring(&self) {
        // Relaxed: a hint. The worker reads the rings again soon, even if nothing wakes it.
        if !self.waits_for_room.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Sets whether the worker waits for an exporter, which will wake it when it has room. Called
    /// by the worker.
    pub(super) fn set_waits_for_room(&self, waits: bool) {
        // Relaxed: a hint, which only the worker writes. It stores nothing if the value is the
        // same.
        if self.waits_for_room.load(Ordering::Relaxed) != waits {
            self.waits_for_room.store(waits, Ordering::Relaxed);
        }
    }

    /// Returns whether the worker was woken since its last pause.
    #[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// Pauses the calling thread, always the same one, until it is woken or the timeout is over.
    pub(super) fn pause(&self, timeout: Duration) {
        self.worker.get_or_init(thread::current);
        // Acquire: pairs with the Release in `wake`. Release: a thread that calls `wake` after this
        // finds the flag clear and unparks. Then `park_timeout` finds the token and returns at
        // once.
        if !self.is_set.swap(false, Ordering::AcqRel) {
            thread::park_timeout(timeout);
            // Acquire: pairs with the Release in `wake`. A `wake` between the two swaps needs no
            // pause of its own, because everything before it is visible now.
            self.is_set.swap(false, Ordering::Acquire);
        }
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod tests {
    use std::{sync::Arc, time::Instant};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn wake_ends_the_current_pause_or_the_next_one() {
        let wakeup = Arc::new(Wakeup::default());
        let start = Instant::now();
        wakeup.wake();
        wakeup.wake();
        wakeup.pause(LONG);
        let waking = Arc::clone(&wakeup);
        let other = thread::spawn(move || waking.wake());
        wakeup.pause(LONG);
        assert!(start.elapsed() < LONG);
        assert!(other.join().is_ok());
    }

    #[test]
    fn waking_twice_ends_one_pause() {
        let pause = Duration::from_millis(5);
        let second_lasts = || {
            let wakeup = Wakeup::default();
            wakeup.wake();
            wakeup.wake();
            wakeup.pause(LONG);
            let start = Instant::now();
            wakeup.pause(pause);
            start.elapsed() >= pause
        };
        // A thread may also wake spuriously, so one of several tries must last.
        assert!((0..20).any(|_| second_lasts()));
    }

    /// A subscriber that parks on the worker's thread consumes its token.
    #[test]
    fn token_consumed_by_user_code_loses_no_wakeup() {
        let wakeup = Wakeup::default();
        wakeup.pause(Duration::ZERO);
        wakeup.wake();
        thread::park();
        let start = Instant::now();
        wakeup.pause(LONG);
        assert!(start.elapsed() < LONG);
    }
}
