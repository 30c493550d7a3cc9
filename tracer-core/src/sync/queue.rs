//! A lock-free first-in, first-out queue for any number of threads. Under the model checkers it
//! uses a lock, because they cannot see into crossbeam's queue.

use std::fmt;

#[cfg(not(any(tracer_loom, tracer_shuttle)))]
use crossbeam_queue::SegQueue as Inner;
#[cfg(any(tracer_loom, tracer_shuttle))]
use locked::Locked as Inner;

pub(crate) struct Queue<T>(Inner<T>);

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self(Inner::new())
    }

    /// Appends a value. Everything that the caller did before is visible to the thread that pops
    /// the value.
    pub(crate) fn push(&self, value: T) {
        self.0.push(value);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("len", &self.len()).finish()
    }
}

#[cfg(any(tracer_loom, tracer_shuttle))]
mod locked {
    use std::collections::VecDeque;

    use crate::sync::Mutex;

    pub(super) struct Locked<T>(Mutex<VecDeque<T>>);

    impl<T> Locked<T> {
        pub(super) fn new() -> Self {
            Self(Mutex::new(VecDeque::new()))
        }

        pub(super) fn push(&self, value: T) {
            self.0.lock().push_back(value);
        }

        pub(super) fn pop(&self) -> Option<T> {
            self.0.lock().pop_front()
        }

        pub(super) fn len(&self) -> usize {
            self.0.lock().len()
        }
    }
}
