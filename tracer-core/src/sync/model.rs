//! What the checkers offer, in the shape of what the crate uses otherwise.
//!
//! Time does not pass in a model: a pause lasts until it is ended and a wait until it is answered,
//! so that a wake-up which is lost shows as a deadlock. A sleep lets the others go first.

#![allow(clippy::expect_used, reason = "a model may fail")]

#[cfg(tracer_loom)]
use loom as checker;
#[cfg(tracer_shuttle)]
use shuttle as checker;

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::PoisonError,
    time::Instant,
};

pub(crate) use checker::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread_local,
};
#[cfg(tracer_loom)]
pub(crate) use loom::cell::UnsafeCell;
// Shuttle switches threads at atomics and locks only, so a plain cell shows it nothing.
#[cfg(tracer_shuttle)]
pub(crate) use std::cell::UnsafeCell;

/// A lock with the interface of parking_lot's.
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

/// Invariant: holds a guard but for the time of a wait.
pub(crate) struct MutexGuard<'a, T>(Option<checker::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        MutexGuard(Some(guard))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a guard")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("a guard")
    }
}

/// A condition with the interface of parking_lot's.
#[derive(Debug, Default)]
pub(crate) struct Condvar(checker::sync::Condvar);

/// How a wait ended: never by its deadline.
pub(crate) struct Waited;

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let waiting = guard.0.take().expect("a guard");
        let woken = self.0.wait(waiting);
        guard.0 = Some(woken.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> Waited {
        self.wait(guard);
        Waited
    }
}

impl Waited {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

#[cfg(tracer_shuttle)]
pub(crate) use shuttle::thread;

/// Loom's threads with a way to pause of our own: its `unpark` also wakes a thread that waits for
/// a lock, and is then forgotten.
#[cfg(tracer_loom)]
pub(crate) mod thread {
    use std::{sync::Arc, time::Duration};

    use loom::sync::{Condvar, Mutex};
    pub(crate) use loom::thread::{Builder, yield_now};

    loom::thread_local! {
        static CURRENT: Thread = Thread(Arc::new(Token {
            given: Mutex::new(false),
            change: Condvar::new(),
        }));
    }

    #[derive(Clone, Debug)]
    pub(crate) struct Thread(Arc<Token>);

    #[derive(Debug)]
    struct Token {
        given: Mutex<bool>,
        change: Condvar,
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            *self.0.given.lock().expect("a token") = true;
            self.0.change.notify_one();
        }
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    pub(crate) fn park_timeout(_timeout: Duration) {
        let thread = current();
        let mut given = thread.0.given.lock().expect("a token");
        while !*given {
            given = thread.0.change.wait(given).expect("a token");
        }
        *given = false;
    }

    pub(crate) fn sleep(_duration: Duration) {
        yield_now();
    }
}
