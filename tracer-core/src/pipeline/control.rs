//! How other threads ask the worker for a flush or a shutdown, and wait for the answer.

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use super::bell::Bell;
use crate::{
    error::FlushError,
    sync::{AtomicBool, Condvar, Mutex, Ordering, thread_local},
};

/// How much longer than its timeout a caller waits for the answer. Without it, a shutdown that runs
/// into its deadline would return just before the last spans are counted.
const GRACE: Duration = Duration::from_millis(25);

/// The longest timeout: a year.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

thread_local! {
    /// The provider that this thread works for; 0 if it is none of a pipeline.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom knows no const")]
    static EMPLOYER: Cell<u64> = Cell::new(0);
}

/// Marks this thread as one that the provider's flush waits for.
pub(crate) fn work_for(provider: u64) {
    EMPLOYER.with(|employer| employer.set(provider));
}

/// Whether a flush of the provider, called on this thread, would wait for itself.
pub(crate) fn works_for(provider: u64) -> bool {
    EMPLOYER.with(Cell::get) == provider
}

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
    bell: Arc<Bell>,
    /// The worker can take nothing from the rings until an exporter has room.
    waits_for_room: AtomicBool,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    open: Vec<Arc<Ticket>>,
    /// The worker is gone and takes no more.
    closed: bool,
}

impl Control {
    /// Ends the worker's pause, or its next one.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    /// Ends the worker's pause for a ring that is far ahead of it or full. Does nothing while the
    /// worker waits for an exporter: it could not empty the ring, and each lost span would wake it.
    pub(crate) fn wake_for_ring(&self) {
        // Relaxed: a hint. The worker looks at the rings again soon, even if nothing wakes it.
        if !self.waits_for_room.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Sets whether the worker waits for an exporter, which wakes it when it has room. Called by the
    /// worker.
    pub(crate) fn set_waits_for_room(&self, waits: bool) {
        // Relaxed: as above; only the worker writes it. A store that changes nothing is spared.
        if self.waits_for_room.load(Ordering::Relaxed) != waits {
            self.waits_for_room.store(waits, Ordering::Relaxed);
        }
    }

    /// What wakes the worker, for those who do that often.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    /// Pauses the worker until it is woken or the time is over.
    pub(crate) fn pause(&self, timeout: Duration) {
        self.bell.pause(timeout);
    }

    /// Sends a request and waits for the answer until the timeout.
    pub(crate) fn call(&self, request: Request, timeout: Duration) -> Result<(), FlushError> {
        let ticket = self.post(request, timeout)?;
        // The worker keeps the deadline; the caller leaves it a moment to say so.
        let patience = ticket.deadline + GRACE;
        let mut answer = ticket.answer.lock();
        let mut timed_out = false;
        while answer.is_none() && !timed_out {
            (answer, timed_out) = ticket.answered.wait_until(answer, patience);
        }
        let answer = answer.take();
        answer.unwrap_or_else(|| {
            let mut tickets = self.tickets.lock();
            tickets.open.retain(|open| !Arc::ptr_eq(open, &ticket));
            Err(FlushError::Deadline)
        })
    }

    /// Sends a request for whose answer nobody need wait.
    pub(crate) fn post(
        &self,
        request: Request,
        timeout: Duration,
    ) -> Result<Arc<Ticket>, FlushError> {
        // A longer timeout is as good, and no clock overflows.
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
        self.wake();
        Ok(ticket)
    }

    /// The requests that came since the last call.
    pub(crate) fn take(&self) -> Vec<Arc<Ticket>> {
        std::mem::take(&mut self.tickets.lock().open)
    }

    /// Whether a shutdown waits to be taken.
    pub(crate) fn has_shutdown(&self) -> bool {
        let tickets = self.tickets.lock();
        let mut open = tickets.open.iter();
        open.any(|ticket| ticket.request == Request::Shutdown)
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

/// One part's answer to a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// Spans lost during the pass.
    pub(crate) failed: u64,
    /// Whether the part kept the deadline.
    pub(crate) in_time: bool,
    /// Whether the exporter's own flush or shutdown failed.
    pub(crate) exporter_failed: bool,
}

impl Answer {
    pub(crate) const LATE: Self = Self {
        failed: 0,
        in_time: false,
        exporter_failed: false,
    };
}

/// Collects the answers of the worker and all exporters to one pass.
#[derive(Debug)]
pub(crate) struct Gather {
    tickets: Vec<Arc<Ticket>>,
    pub(crate) deadline: Instant,
    /// How many parts have yet to answer, and the answers so far in one.
    open: Mutex<(usize, Answer)>,
}

impl Gather {
    /// Waits for `lanes` exporters and the worker.
    pub(crate) fn new(tickets: Vec<Arc<Ticket>>, lanes: usize, deadline: Instant) -> Arc<Self> {
        let all_well = Answer {
            in_time: true,
            ..Answer::default()
        };
        Arc::new(Self {
            tickets,
            deadline,
            open: Mutex::new((lanes + 1, all_well)),
        })
    }

    /// One part is done.
    pub(crate) fn answer(&self, part: Answer) {
        let mut open = self.open.lock();
        let (left, so_far) = &mut *open;
        so_far.failed += part.failed;
        so_far.in_time &= part.in_time;
        so_far.exporter_failed |= part.exporter_failed;
        *left = left.saturating_sub(1);
        if *left > 0 {
            return;
        }
        let spans = so_far.failed;
        let answer = if !so_far.in_time {
            Err(FlushError::Deadline)
        } else if spans > 0 {
            Err(FlushError::NotDelivered { spans })
        } else if so_far.exporter_failed {
            Err(FlushError::Exporter)
        } else {
            Ok(())
        };
        for ticket in &self.tickets {
            ticket.answer(answer.clone());
        }
    }
}
