//! The barrier of a flush or a shutdown: it waits for the answers of the worker and all exporters.

use std::{sync::Arc, time::Instant};

use super::control::{Request, Ticket};
use crate::{error::FlushError, sync::Mutex};

/// The answer of the worker, or of one exporter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// How many spans were lost while the request was served.
    pub(crate) lost: u64,
    /// Whether the deadline was met.
    pub(crate) in_time: bool,
    /// Whether the exporter's own flush or shutdown failed.
    pub(crate) exporter_failed: bool,
}

impl Answer {
    /// The answer of an exporter that could not serve the request.
    #[cfg(not(any(tracer_loom, tracer_shuttle)))]
    pub(crate) const LATE: Self = Self {
        lost: 0,
        in_time: false,
        exporter_failed: false,
    };
}

/// Collects the answers to one request, and answers its tickets when it has the last answer.
#[derive(Debug)]
pub(crate) struct FlushBarrier {
    tickets: Vec<Arc<Ticket>>,
    pub(crate) deadline: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many answers are missing.
    missing: usize,
    /// The combination of all answers so far.
    combined: Answer,
}

impl FlushBarrier {
    /// Creates a barrier for the worker and this number of exporters.
    pub(super) fn new(tickets: Vec<Arc<Ticket>>, exporters: usize, deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            tickets,
            deadline,
            state: Mutex::new(State {
                missing: exporters + 1,
                combined: Answer {
                    in_time: true,
                    ..Answer::default()
                },
            }),
        })
    }

    /// Adds one answer.
    pub(crate) fn answer(&self, answer: Answer) {
        let mut state = self.state.lock();
        state.combined.lost += answer.lost;
        state.combined.in_time &= answer.in_time;
        state.combined.exporter_failed |= answer.exporter_failed;
        state.missing = state.missing.saturating_sub(1);
        if state.missing > 0 {
            return;
        }
        let result = state.combined.result();
        for ticket in &self.tickets {
            ticket.answer(result.clone());
        }
    }
}

impl Answer {
    fn result(self) -> Result<(), FlushError> {
        if !self.in_time {
            Err(FlushError::Deadline)
        } else if self.lost > 0 {
            Err(FlushError::NotDelivered { spans: self.lost })
        } else if self.exporter_failed {
            Err(FlushError::Exporter)
        } else {
            Ok(())
        }
    }
}

/// A flush or shutdown that is sent to the export thread.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) barrier: Arc<FlushBarrier>,
    /// How many spans this exporter had lost before the request.
    pub(crate) lost_before: u64,
}
