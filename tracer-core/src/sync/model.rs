//! The atomics, cells and threads of the model checkers, with the interfaces of std.
//!
//! Time does not pass in a model: a pause lasts until it is ended, and a wait until it is answered.
//! A lost wake-up therefore shows as a deadlock.

#![allow(clippy::expect_used, reason = "a model may fail")]

#[cfg(tracer_loom)]
use loom as checker;
#[cfg(tracer_shuttle)]
use shuttle as checker;

pub(crate) use checker::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread_local,
};
#[cfg(tracer_loom)]
pub(crate) use loom::cell::UnsafeCell;

#[cfg(tracer_shuttle)]
pub(crate) mod thread {
    pub(crate) use shuttle::thread::{Builder, Thread, current, park_timeout};
}

/// Loom's threads, with another way to pause: loom's own `unpark` also wakes a thread that waits
/// for a lock, and the token is then lost.
#[cfg(tracer_loom)]
pub(crate) mod thread {
    use std::{sync::Arc, time::Duration};

    use loom::sync::{Condvar, Mutex};
    pub(crate) use loom::thread::Builder;

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
}

/// Runs a model in every interleaving, or in those with at most `preemptions` switches away from a
/// thread that could continue.
#[cfg(all(test, tracer_loom))]
pub(crate) fn explore(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    use std::{sync::atomic::AtomicUsize, time::Instant};

    let runs = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&runs);
    let start = Instant::now();
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = preemptions;
    checker.max_branches = 10_000;
    checker.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let runs = runs.load(Ordering::Relaxed);
    println!("{runs} interleavings in {:.1?}", start.elapsed());
    assert!(runs > 1, "loom found nothing to interleave");
}
