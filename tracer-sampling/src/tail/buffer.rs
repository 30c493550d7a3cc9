//! The traces in memory: waiting traces with their spans, and decided traces with their decisions.
//!
//! Traces are stored in a vector of slots, and a map finds the slot of a trace id. Three lists link
//! the slots, each ordered by a time, so that the next trace to process is always at the head of a
//! list:
//!
//! ```text
//!   waiting   undecided, by the arrival of the first span:  eviction, decision_wait
//!   rooted    undecided with a root, by its arrival:        decision_wait_after_root_received
//!   decided   by the time of the decision:                  forgetting
//! ```
//!
//! All operations take constant time. Times never go back, so appending keeps each list in order.

use std::collections::HashMap;

use opentelemetry::trace::TraceId;

use super::decision::Decision;
use super::list::{Links, List};
use super::trace::Extent;

/// The traces in memory.
#[derive(Debug)]
pub(super) struct Buffer<S> {
    positions: HashMap<TraceId, u32>,
    slots: Vec<Slot<S>>,
    vacant: Vec<u32>,
    waiting: List,
    rooted: List,
    decided: List,
    waiting_traces: u64,
    waiting_spans: u64,
    waiting_bytes: u64,
}

#[derive(Debug)]
struct Slot<S> {
    trace_id: TraceId,
    /// Links of `waiting` or `decided`.
    links: Links,
    /// Links of `rooted`.
    rooted: Links,
    state: State<S>,
}

#[derive(Debug)]
enum State<S> {
    Decided(Decided),
    Vacant,
    Waiting(Waiting<S>),
}

/// The decision that the buffer remembers about a trace.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub(super) decision: Decision,
    pub(super) at_nanos: u64,
}

/// The spans of a trace that waits for its decision.
#[derive(Debug)]
pub(super) struct Waiting<S> {
    pub(super) spans: Vec<S>,
    pub(super) extent: Extent,
    pub(super) since_nanos: u64,
    pub(super) root_nanos: Option<u64>,
}

impl<S> Buffer<S> {
    /// Creates an empty buffer with space for `traces` traces.
    pub(super) fn with_capacity(traces: usize) -> Self {
        Self {
            positions: HashMap::with_capacity(traces),
            slots: Vec::with_capacity(traces),
            vacant: Vec::new(),
            waiting: List::default(),
            rooted: List::default(),
            decided: List::default(),
            waiting_traces: 0,
            waiting_spans: 0,
            waiting_bytes: 0,
        }
    }

    /// Adds a waiting trace without spans, which must not be in the buffer, and returns its
    /// position.
    pub(super) fn open(&mut self, trace_id: TraceId, now_nanos: u64) -> u32 {
        let slot = Slot {
            trace_id,
            links: Links::default(),
            rooted: Links::default(),
            state: State::Waiting(Waiting {
                spans: Vec::with_capacity(1),
                extent: Extent::EMPTY,
                since_nanos: now_nanos,
                root_nanos: None,
            }),
        };
        let vacant = self.vacant.pop();
        let at = match vacant.and_then(|at| Some((at, self.slots.get_mut(at as usize)?))) {
            Some((at, vacant)) => {
                *vacant = slot;
                at
            }
            None => {
                let at = self.slots.len() as u32;
                self.slots.push(slot);
                at
            }
        };
        self.positions.insert(trace_id, at);
        self.waiting.push_back(&mut self.slots, at, links);
        self.waiting_traces += 1;
        at
    }

    /// Adds a span to a trace that waits, and returns the trace's size in bytes.
    pub(super) fn push(&mut self, at: u32, span: S, extent: Extent, root: Option<u64>) -> u64 {
        let Some(waiting) = self.waiting_mut(at) else {
            return 0;
        };
        waiting.spans.push(span);
        waiting.extent.extend(extent);
        let bytes = waiting.extent.bytes;
        let first_root = root.is_some() && waiting.root_nanos.is_none();
        if first_root {
            waiting.root_nanos = root;
            self.rooted.push_back(&mut self.slots, at, rooted);
        }
        self.waiting_spans += 1;
        self.waiting_bytes += extent.bytes;
        bytes
    }

    /// Takes a trace that waits out of the buffer.
    pub(super) fn take(&mut self, at: u32) -> Option<(TraceId, Waiting<S>)> {
        let (trace_id, waiting) = self.detach(at, State::Vacant)?;
        self.positions.remove(&trace_id);
        self.vacant.push(at);
        Some((trace_id, waiting))
    }

    /// Takes the spans of a trace that waits, and remembers the decision about it.
    pub(super) fn decide(&mut self, at: u32, decided: Decided) -> Option<(TraceId, Waiting<S>)> {
        let taken = self.detach(at, State::Decided(decided))?;
        self.decided.push_back(&mut self.slots, at, links);
        Some(taken)
    }

    /// Forgets a decision.
    pub(super) fn forget(&mut self, at: u32) {
        let Some(slot) = self.slots.get_mut(at as usize) else {
            return;
        };
        if !matches!(slot.state, State::Decided(_)) {
            return;
        }
        slot.state = State::Vacant;
        let trace_id = slot.trace_id;
        self.decided.remove(&mut self.slots, at, links);
        self.positions.remove(&trace_id);
        self.vacant.push(at);
    }

    /// Returns the position of a trace.
    pub(super) fn find(&self, trace_id: TraceId) -> Option<u32> {
        self.positions.get(&trace_id).copied()
    }

    /// Returns the decision about the trace at a position; `None` if it waits.
    pub(super) fn decided(&self, at: u32) -> Option<&Decided> {
        match &self.slots.get(at as usize)?.state {
            State::Decided(decided) => Some(decided),
            State::Vacant | State::Waiting(_) => None,
        }
    }

    /// Returns the trace at a position if it waits.
    pub(super) fn waiting(&self, at: u32) -> Option<(TraceId, &Waiting<S>)> {
        let slot = self.slots.get(at as usize)?;
        match &slot.state {
            State::Waiting(waiting) => Some((slot.trace_id, waiting)),
            State::Decided(_) | State::Vacant => None,
        }
    }

    /// Returns the trace that has waited longest, and the time since when it waits.
    pub(super) fn oldest_waiting(&self) -> Option<(u32, u64)> {
        let at = self.waiting.head()?;
        Some((at, self.waiting(at)?.1.since_nanos))
    }

    /// Returns the trace whose root arrived first, and the time of that arrival.
    pub(super) fn oldest_rooted(&self) -> Option<(u32, u64)> {
        let at = self.rooted.head()?;
        Some((at, self.waiting(at)?.1.root_nanos?))
    }

    /// Returns the trace that was decided first, and the time of its decision.
    pub(super) fn oldest_decided(&self) -> Option<(u32, u64)> {
        let at = self.decided.head()?;
        Some((at, self.decided(at)?.at_nanos))
    }

    /// Returns the number of traces, including decided ones.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Returns the number of traces that wait.
    pub(super) fn waiting_traces(&self) -> u64 {
        self.waiting_traces
    }

    /// Returns the number of spans that wait.
    pub(super) fn waiting_spans(&self) -> u64 {
        self.waiting_spans
    }

    /// Returns the total size in bytes of the spans that wait.
    pub(super) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    fn waiting_mut(&mut self, at: u32) -> Option<&mut Waiting<S>> {
        match &mut self.slots.get_mut(at as usize)?.state {
            State::Waiting(waiting) => Some(waiting),
            State::Decided(_) | State::Vacant => None,
        }
    }

    /// Removes a waiting trace from the lists and sums, and puts another state into its slot.
    fn detach(&mut self, at: u32, state: State<S>) -> Option<(TraceId, Waiting<S>)> {
        let slot = self.slots.get_mut(at as usize)?;
        let trace_id = slot.trace_id;
        let waiting = match std::mem::replace(&mut slot.state, State::Vacant) {
            State::Waiting(waiting) => waiting,
            other => {
                slot.state = other;
                return None;
            }
        };
        slot.state = state;
        self.waiting.remove(&mut self.slots, at, links);
        if waiting.root_nanos.is_some() {
            self.rooted.remove(&mut self.slots, at, rooted);
        }
        self.waiting_traces -= 1;
        self.waiting_spans -= waiting.spans.len() as u64;
        self.waiting_bytes -= waiting.extent.bytes;
        Some((trace_id, waiting))
    }
}

fn links<S>(slot: &mut Slot<S>) -> &mut Links {
    &mut slot.links
}

fn rooted<S>(slot: &mut Slot<S>) -> &mut Links {
    &mut slot.rooted
}

#[cfg(test)]
mod tests;
