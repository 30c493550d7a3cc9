//! Flushes and shuts down the processors. They are user code that may hang, so a single thread
//! serves one request after the other, and callers wait at most until their deadlines.

use std::{collections::VecDeque, io, mem, sync::Arc, time::Instant};

use crate::{
    error::FlushError,
    pipeline::control::Request,
    sync::{Condvar, Mutex},
};

/// The flushes of one process. A forked child has its own, because the thread exists only in the
/// parent.
#[derive(Debug, Default)]
pub(crate) struct ProcessorFlusher {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether a thread is running, which takes the next request.
    is_running: bool,
    /// Requests that have not begun, at most one of each kind. Later callers join the request of
    /// their kind.
    next: VecDeque<Queued>,
}

/// One call of all processors.
#[derive(Debug)]
struct Queued {
    request: Request,
    /// The latest deadline of the callers.
    deadline: Instant,
    reply: Arc<Reply>,
}

#[derive(Debug, Default)]
struct Reply {
    answer: Mutex<Option<Result<(), FlushError>>>,
    answered: Condvar,
}

impl Reply {
    fn give(&self, answer: Result<(), FlushError>) {
        *self.answer.lock() = Some(answer);
        self.answered.notify_all();
    }
}

impl ProcessorFlusher {
    /// Requests a flush or shutdown that begins after this call. A flush that is already running
    /// may have missed the last spans. Calls `spawn` if no thread is running.
    pub(crate) fn request(
        &self,
        request: Request,
        deadline: Instant,
        spawn: impl FnOnce() -> io::Result<()>,
    ) -> ProcessorFlush {
        let mut state = self.state.lock();
        let mut next = state.next.iter_mut();
        let reply = if let Some(queued) = next.find(|queued| queued.request == request) {
            queued.deadline = queued.deadline.max(deadline);
            Arc::clone(&queued.reply)
        } else {
            let reply = Arc::default();
            state.next.push_back(Queued {
                request,
                deadline,
                reply: Arc::clone(&reply),
            });
            reply
        };
        if !state.is_running {
            state.is_running = spawn().is_ok();
        }
        if !state.is_running {
            // The caller's thread must not run user code that may hang.
            for queued in mem::take(&mut state.next) {
                queued.reply.give(Err(FlushError::NoThread));
            }
        }
        ProcessorFlush {
            reply: Some(reply),
            deadline,
        }
    }

    /// Serves requests with `close_out` until none are left.
    pub(crate) fn run(&self, close_out: impl Fn(Request, Instant) -> Result<(), FlushError>) {
        while let Some(queued) = self.take() {
            queued
                .reply
                .give(close_out(queued.request, queued.deadline));
        }
    }

    fn take(&self) -> Option<Queued> {
        let mut state = self.state.lock();
        let next = state.next.pop_front();
        state.is_running = next.is_some();
        next
    }
}

/// A flush or shutdown of the processors that a caller waits for.
#[derive(Debug)]
#[must_use = "the caller has to wait for it"]
pub(crate) struct ProcessorFlush {
    /// `None` if there is nothing to wait for.
    reply: Option<Arc<Reply>>,
    deadline: Instant,
}

impl ProcessorFlush {
    /// Returns a flush that has nothing to do.
    pub(crate) fn nothing(deadline: Instant) -> Self {
        Self {
            reply: None,
            deadline,
        }
    }

    /// Waits for the end, at most until the deadline.
    pub(crate) fn wait(self) -> Result<(), FlushError> {
        let Some(reply) = self.reply else {
            return Ok(());
        };
        let mut answer = reply.answer.lock();
        let mut timed_out = false;
        while answer.is_none() && !timed_out {
            (answer, timed_out) = reply.answered.wait_until(answer, self.deadline);
        }
        // Cloned, because other callers wait for the same answer.
        answer.clone().unwrap_or(Err(FlushError::Deadline))
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn request_without_a_thread_fails_and_the_next_one_tries_again() {
        let flusher = ProcessorFlusher::default();
        let mut tried = 0;
        for _ in 0..2 {
            let flush = flusher.request(Request::Flush, Instant::now(), || {
                tried += 1;
                Err(io::ErrorKind::WouldBlock.into())
            });
            assert_eq!(flush.wait(), Err(FlushError::NoThread));
        }
        assert_eq!(tried, 2);
    }
}
