//! Flushes and shutdowns of the processors: foreign code that may hang, so one thread of a process
//! takes one after the other, and hangs in the callers' place.

use std::{
    collections::VecDeque,
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::Context;

use crate::{
    error::FlushError,
    pipeline::control::{LONGEST, Request},
    provider::{Engine, Shared},
    sync::{Condvar, Mutex},
};

/// The passes of one process. A forked child has its own, because the thread stayed behind.
#[derive(Debug, Default)]
pub(crate) struct Passes {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there is a thread that takes what is next.
    is_running: bool,
    /// What has not begun, at most one of a kind: whoever asks in the meantime joins it.
    next: VecDeque<Pass>,
}

/// One call of every processor.
#[derive(Debug)]
struct Pass {
    request: Request,
    /// The latest of those who wait.
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

impl Passes {
    /// Asks for a pass that begins after this call: one under way may have missed what came just
    /// before. Inside a callback of the provider nobody waits, because whoever is called would wait
    /// for itself: a flush is left out, a shutdown goes its way.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        engine: &Arc<Engine>,
        request: Request,
        timeout: Duration,
    ) -> Waiting {
        let deadline = Instant::now() + timeout.min(LONGEST);
        let inside = shared.processors.are_running();
        let nothing_to_do = shared.processors.is_empty() || (inside && request == Request::Flush);
        let reply = (!nothing_to_do).then(|| {
            let for_thread = (Arc::clone(shared), Arc::clone(engine));
            engine.passes.ask(request, deadline, || {
                let (shared, engine) = for_thread;
                thread::Builder::new()
                    .name("tracer-processor".to_owned())
                    .spawn(move || engine.passes.run(&shared))
                    .map(drop)
            })
        });
        Waiting {
            reply: reply.filter(|_| !inside),
            deadline,
        }
    }

    fn ask(
        &self,
        request: Request,
        deadline: Instant,
        spawn: impl FnOnce() -> io::Result<()>,
    ) -> Arc<Reply> {
        let mut state = self.state.lock();
        let mut next = state.next.iter_mut();
        let reply = if let Some(pass) = next.find(|pass| pass.request == request) {
            pass.deadline = pass.deadline.max(deadline);
            Arc::clone(&pass.reply)
        } else {
            let reply = Arc::default();
            state.next.push_back(Pass {
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
            // Foreign code may not hang the caller.
            for pass in mem::take(&mut state.next) {
                pass.reply.give(Err(FlushError::NoThread));
            }
        }
        reply
    }

    /// Takes passes until there is none.
    fn run(&self, shared: &Shared) {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        while let Some(pass) = self.take() {
            let answer = shared.processors.close_out(pass.request, pass.deadline);
            pass.reply.give(answer);
        }
    }

    fn take(&self) -> Option<Pass> {
        let mut state = self.state.lock();
        let next = state.next.pop_front();
        state.is_running = next.is_some();
        next
    }
}

/// A pass that somebody waits for.
pub(crate) struct Waiting {
    reply: Option<Arc<Reply>>,
    deadline: Instant,
}

impl Waiting {
    /// Waits for the end until the deadline.
    pub(crate) fn wait(self) -> Result<(), FlushError> {
        let Some(reply) = self.reply else {
            return Ok(());
        };
        let mut answer = reply.answer.lock();
        let mut timed_out = false;
        while answer.is_none() && !timed_out {
            (answer, timed_out) = reply.answered.wait_until(answer, self.deadline);
        }
        // Not taken: others wait for the same.
        answer.clone().unwrap_or(Err(FlushError::Deadline))
    }
}

#[cfg(all(test, not(any(tracer_loom, tracer_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_thread_is_told_and_the_next_one_tries_again() {
        let passes = Passes::default();
        let mut tried = 0;
        for _ in 0..2 {
            let reply = passes.ask(Request::Flush, Instant::now(), || {
                tried += 1;
                Err(io::ErrorKind::WouldBlock.into())
            });
            assert_eq!(*reply.answer.lock(), Some(Err(FlushError::NoThread)));
        }
        assert_eq!(tried, 2);
    }
}
