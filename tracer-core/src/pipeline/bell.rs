//! Ends the worker's pause early, for a flush, a shutdown, a ring that is far ahead of the worker or
//! one that is full.
//!
//! The flag comes before the thread's own token, because foreign code that runs on the worker (a
//! subscriber of its diagnostics) may park too and take the token; and because ringing a bell that
//! rings already then costs no system call.

use std::{sync::OnceLock, time::Duration};

use crate::sync::{
    AtomicBool, Ordering,
    thread::{self, Thread},
};

/// Wakes one thread.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    /// Who pauses, once it has done so.
    sleeper: OnceLock<Thread>,
}

impl Bell {
    /// Ends the current pause, or the next one if there is none. What the caller did before is
    /// seen after that pause.
    ///
    /// # Cost
    /// One atomic operation; a system call when the thread is pausing.
    pub(crate) fn ring(&self) {
        // Release: pairs with the Acquire in `pause`. Acquire: makes the sleeper visible that was
        // stored before the `swap` of its pause.
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(sleeper) = self.sleeper.get()
        {
            sleeper.unpark();
        }
    }

    /// Whether it rings since the last pause.
    #[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// Pauses the calling thread, always the same one, until the bell rings or the time is over.
    pub(crate) fn pause(&self, timeout: Duration) {
        self.sleeper.get_or_init(thread::current);
        // Acquire: pairs with the Release in `ring`. Release: as said there. Who rings after this
        // finds the flag down and unparks; the token then waits for the `park_timeout`.
        if !self.rung.swap(false, Ordering::AcqRel) {
            thread::park_timeout(timeout);
            // Acquire: as above. A ring between the two needs no pause of its own: what came
            // before it is seen now.
            self.rung.swap(false, Ordering::Acquire);
        }
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod tests {
    use std::{sync::Arc, time::Instant};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn bell_ends_the_current_pause_or_the_next_one() {
        let bell = Arc::new(Bell::default());
        let start = Instant::now();
        bell.ring();
        bell.ring();
        bell.pause(LONG);
        let ringing = Arc::clone(&bell);
        let other = thread::spawn(move || ringing.ring());
        bell.pause(LONG);
        assert!(start.elapsed() < LONG);
        assert!(other.join().is_ok());
    }

    #[test]
    fn two_rings_end_one_pause() {
        let pause = Duration::from_millis(5);
        let second_lasts = || {
            let bell = Bell::default();
            bell.ring();
            bell.ring();
            bell.pause(LONG);
            let start = Instant::now();
            bell.pause(pause);
            start.elapsed() >= pause
        };
        // Now and then a thread may wake without a reason.
        assert!((0..20).any(|_| second_lasts()));
    }

    /// A subscriber that parks on the worker's thread takes its token.
    #[test]
    fn token_taken_by_foreign_code_loses_no_ring() {
        let bell = Bell::default();
        bell.pause(Duration::ZERO);
        bell.ring();
        thread::park();
        let start = Instant::now();
        bell.pause(LONG);
        assert!(start.elapsed() < LONG);
    }
}
