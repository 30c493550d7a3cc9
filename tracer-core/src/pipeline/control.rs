//! Requests to the worker: flushes and shutdowns, and the answers that their callers wait for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::wakeup::Wakeup;
use crate::{
    error::FlushError,
    sync::{Condvar, Mutex},
};

/// The time that a caller waits for the answer beyond its timeout. Without it, a shutdown that
/// reaches its deadline would return just before the last spans are counted.
const GRACE: Duration = Duration::from_millis(25);

/// The longest timeout: one year.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The two requests to the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Flush,
    Shutdown,
}

/// One caller's request and the answer to it.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) request: Request,
    pub(crate) deadline: Instant,
    answer: Mutex<Option<Result<(), FlushError>>>,
    answered: Condvar,
}

impl Ticket {
    pub(crate) fn answer(&self, answer: Result<(), FlushError>) {
        self.answer.lock().get_or_insert(answer);
        self.answered.notify_all();
    }
}

/// The queue of requests to the worker.
#[derive(Debug, Default)]
pub(crate) struct Control {
    wakeup: Arc<Wakeup>,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    open: Vec<Arc<Ticket>>,
    /// Set when the worker is gone. Requests are then refused.
    closed: bool,
}

impl Control {
    /// Returns the handle that wakes the worker.
    pub(crate) fn wakeup(&self) -> &Arc<Wakeup> {
        &self.wakeup
    }

    /// Sends a request and waits for the answer, at most for the timeout.
    pub(crate) fn call(&self, request: Request, timeout: Duration) -> Result<(), FlushError> {
        let ticket = self.post(request, timeout)?;
        // The worker enforces the deadline; its answer may come a moment later.
        let latest = ticket.deadline + GRACE;
        let mut answer = ticket.answer.lock();
        let mut timed_out = false;
        while answer.is_none() && !timed_out {
            (answer, timed_out) = ticket.answered.wait_until(answer, latest);
        }
        let answer = answer.take();
        answer.unwrap_or_else(|| {
            let mut tickets = self.tickets.lock();
            tickets.open.retain(|open| !Arc::ptr_eq(open, &ticket));
            Err(FlushError::Deadline)
        })
    }

    /// Sends a request without waiting for the answer.
    pub(crate) fn post(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Arc<Ticket>, FlushError> {
        // Bounded, so that the addition cannot overflow. A longer timeout would make no difference.
        let deadline = Instant::now() + timeout.min(LONGEST);
        let ticket = Arc::new(Ticket {
            request,
            deadline,
            answer: Mutex::new(None),
            answered: Condvar::new(),
        });
        {
            let mut tickets = self.tickets.lock();
            if tickets.closed {
                return Err(FlushError::AlreadyShutdown);
            }
            tickets.open.push(Arc::clone(&ticket));
        }
        self.wakeup.wake();
        Ok(ticket)
    }

    /// Takes the requests sent since the last call.
    pub(crate) fn take(&self) -> Vec<Arc<Ticket>> {
        std::mem::take(&mut self.tickets.lock().open)
    }

    /// Returns whether a shutdown request is waiting.
    pub(crate) fn has_shutdown(&self) -> bool {
        let tickets = self.tickets.lock();
        let mut open = tickets.open.iter();
        open.any(|ticket| ticket.request == Request::Shutdown)
    }

    /// Refuses all later requests, and those that the worker has not taken.
    pub(crate) fn close(&self) {
        let left = {
            let mut tickets = self.tickets.lock();
            tickets.closed = true;
            std::mem::take(&mut tickets.open)
        };
        for ticket in left {
            ticket.answer(Err(FlushError::AlreadyShutdown));
        }
    }
}
