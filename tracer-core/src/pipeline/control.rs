//! How other threads ask the worker for a flush or a shutdown, and wait for the answer.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::error::FlushError;

/// How much longer than its timeout a caller waits for the answer. Without it, a shutdown that runs
/// into its deadline would return just before the last spans are counted.
const GRACE: Duration = Duration::from_millis(25);

/// What the worker is asked for.
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

/// The worker's letter box.
#[derive(Debug, Default)]
pub(crate) struct Control {
    worker: OnceLock<Thread>,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    open: Vec<Arc<Ticket>>,
    /// The worker is gone and takes no more.
    closed: bool,
}

impl Control {
    /// Makes the worker's thread known, so that it can be woken.
    pub(crate) fn set_worker(&self, worker: Thread) {
        // Set once, by the builder.
        let _ = self.worker.set(worker);
    }

    /// Ends the worker's pause. Cheap when it is not pausing.
    pub(crate) fn wake(&self) {
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
    }

    /// Sends a request and waits for the answer until the timeout.
    pub(crate) fn call(&self, request: Request, timeout: Duration) -> Result<(), FlushError> {
        let now = Instant::now();
        // A timeout beyond what a clock can hold is as good as a year.
        let deadline = now
            .checked_add(timeout)
            .unwrap_or(now + Duration::from_secs(31_536_000));
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
        self.wake();
        // The worker keeps the deadline; the caller leaves it a moment to say so.
        let patience = deadline + GRACE;
        let mut answer = ticket.answer.lock();
        while answer.is_none() {
            let waited = ticket.answered.wait_until(&mut answer, patience);
            if waited.timed_out() {
                break;
            }
        }
        answer.take().unwrap_or(Err(FlushError::Deadline))
    }

    /// The requests that came since the last call.
    pub(crate) fn take(&self) -> Vec<Arc<Ticket>> {
        std::mem::take(&mut self.tickets.lock().open)
    }

    /// Refuses all later requests and those not taken.
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

/// Collects the answers of all exporters to one pass.
#[derive(Debug)]
pub(crate) struct Gather {
    tickets: Vec<Arc<Ticket>>,
    /// Parts not answered yet; one is the worker's own.
    open: AtomicUsize,
    failed: AtomicU64,
    late: AtomicU64,
    pub(crate) deadline: Instant,
}

impl Gather {
    pub(crate) fn new(tickets: Vec<Arc<Ticket>>, lanes: usize, deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            tickets,
            open: AtomicUsize::new(lanes + 1),
            failed: AtomicU64::new(0),
            late: AtomicU64::new(0),
            deadline,
        })
    }

    /// One part is done: how many of its spans failed, and whether it kept the deadline.
    pub(crate) fn answer(&self, failed: u64, in_time: bool) {
        // Relaxed: published by the decrement below.
        self.failed.fetch_add(failed, Ordering::Relaxed);
        self.late.fetch_add(u64::from(!in_time), Ordering::Relaxed);
        // AcqRel: the last part sees what the others added.
        if self.open.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let spans = self.failed.load(Ordering::Relaxed);
        let answer = if self.late.load(Ordering::Relaxed) > 0 {
            Err(FlushError::Deadline)
        } else if spans > 0 {
            Err(FlushError::NotDelivered { spans })
        } else {
            Ok(())
        };
        for ticket in &self.tickets {
            ticket.answer(answer.clone());
        }
    }
}
