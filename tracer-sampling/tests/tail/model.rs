//! A second implementation of the sampler's rules, which searches and sorts plain lists.

use crate::support::Span;

/// The settings of a sampler with one policy, which samples traces with an error.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub wait: u64,
    pub wait_after_root: u64,
    pub decision_age: u64,
    pub traces: usize,
    pub spans: usize,
    pub bytes: usize,
    pub trace_bytes: usize,
    pub sampled_cache: usize,
    pub not_sampled_cache: usize,
    pub block: bool,
    pub drop_pending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Full,
    Late { sampled: bool, cached: bool },
    TooLarge,
    Waiting,
}

#[derive(Clone, Debug)]
struct Trace {
    id: u128,
    /// The time and the step of the first span. `root` and `decided` have the same form.
    arrived: (u64, usize),
    root: Option<(u64, usize)>,
    spans: Vec<Span>,
    decided: Option<(bool, (u64, usize))>,
}

/// The counts, in the order kept, dropped, evicted, received.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    pub spans: [u64; 4],
    pub traces: [u64; 4],
}

pub struct Model {
    rules: Rules,
    traces: Vec<Trace>,
    /// Ids with their outcomes. The most recently used id is at the end.
    cache: Vec<(u128, bool)>,
    pub ledger: Ledger,
    now: u64,
    steps: usize,
}

fn place_of_decision(trace: &Trace) -> Option<(u64, usize)> {
    Some(trace.decided?.1)
}

impl Model {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            traces: Vec::new(),
            cache: Vec::new(),
            ledger: Ledger::default(),
            now: 0,
            steps: 0,
        }
    }

    pub fn waiting(&self) -> (u64, u64) {
        let waiting = self.traces.iter().filter(|trace| trace.decided.is_none());
        waiting.fold((0, 0), |(spans, traces), trace| {
            (spans + trace.spans.len() as u64, traces + 1)
        })
    }

    pub fn add(&mut self, now: u64, span: Span) -> Outcome {
        let place = self.tick(now);
        let known = self.traces.iter().find(|trace| trace.id == span.trace);
        let late = match known {
            Some(trace) => trace.decided.map(|(sampled, _)| (sampled, false)),
            None => self.look_up(span.trace).map(|sampled| (sampled, true)),
        };
        if let Some((sampled, cached)) = late {
            self.ledger.spans[3] += 1;
            self.ledger.spans[usize::from(!sampled)] += 1;
            return Outcome::Late { sampled, cached };
        }
        if self.rules.bytes > 0 && span.size > self.rules.bytes {
            self.ledger.spans[3] += 1;
            self.ledger.spans[2] += 1;
            return Outcome::TooLarge;
        }
        let known = self.traces.iter().find(|trace| trace.id == span.trace);
        let held = known.map_or(0, |trace| trace.spans.iter().map(|span| span.size).sum());
        let trace_bytes: usize = held + span.size;
        // The trace is dropped at once, so its bytes need no room.
        let is_too_large = self.rules.trace_bytes > 0 && trace_bytes > self.rules.trace_bytes;
        let needed = if is_too_large { 0 } else { span.size };
        loop {
            let waiting = self.traces.iter().filter(|trace| trace.decided.is_none());
            let spans: usize = waiting.clone().map(|trace| trace.spans.len()).sum();
            let bytes: usize = waiting
                .flat_map(|trace| &trace.spans)
                .map(|span| span.size)
                .sum();
            let spans_full = self.rules.spans > 0 && spans + 1 > self.rules.spans;
            let bytes_full = self.rules.bytes > 0 && bytes + needed > self.rules.bytes;
            let known = self.traces.iter().any(|trace| trace.id == span.trace);
            let traces_full = !known && self.traces.len() >= self.rules.traces;
            if !spans_full && !bytes_full && !traces_full {
                break;
            }
            if traces_full && !spans_full && !bytes_full && self.forget_oldest() {
                continue;
            }
            if self.rules.block {
                return Outcome::Full;
            }
            let waiting = self.traces.iter().filter(|trace| trace.decided.is_none());
            let oldest = waiting.min_by_key(|trace| trace.arrived).unwrap().id;
            let evicted = self.remove(oldest);
            self.ledger.spans[2] += evicted.spans.len() as u64;
            self.ledger.traces[2] += 1;
        }
        self.ledger.spans[3] += 1;
        let id = span.trace;
        if !self.traces.iter().any(|trace| trace.id == id) {
            self.ledger.traces[3] += 1;
            self.traces.push(Trace {
                id,
                arrived: place,
                root: None,
                spans: Vec::new(),
                decided: None,
            });
        }
        let trace = self.traces.iter_mut().find(|trace| trace.id == id).unwrap();
        if span.root {
            trace.root.get_or_insert(place);
        }
        trace.spans.push(span);
        let bytes: usize = trace.spans.iter().map(|span| span.size).sum();
        if self.rules.trace_bytes > 0 && bytes > self.rules.trace_bytes {
            self.close(id, false);
            return Outcome::TooLarge;
        }
        Outcome::Waiting
    }

    /// Returns the traces that are decided: (id, spans, sampled).
    pub fn advance(&mut self, now: u64) -> Vec<(u128, usize, bool)> {
        self.tick(now);
        while self.rules.decision_age > 0 {
            let decided = self.traces.iter().filter_map(place_of_decision);
            match decided.min() {
                Some((at, _)) if at + self.rules.decision_age <= self.now => self.forget_oldest(),
                _ => break,
            };
        }
        let mut decided = Vec::new();
        while let Some((deadline, id)) = self.due()
            && deadline <= self.now
        {
            decided.push(self.decide(id));
        }
        decided
    }

    pub fn decide_now(&mut self, now: u64, id: u128) -> Option<(u128, usize, bool)> {
        self.tick(now);
        let mut waiting = self.traces.iter().filter(|trace| trace.decided.is_none());
        waiting.find(|trace| trace.id == id)?;
        Some(self.decide(id))
    }

    pub fn shutdown(&mut self, now: u64) -> Vec<(u128, usize, bool)> {
        self.tick(now);
        let mut waiting: Vec<_> = self
            .traces
            .iter()
            .filter(|trace| trace.decided.is_none())
            .collect();
        waiting.sort_by_key(|trace| trace.arrived);
        let ids: Vec<u128> = waiting.iter().map(|trace| trace.id).collect();
        let decisions = ids.into_iter().map(|id| match self.rules.drop_pending {
            true => (id, self.close(id, false), false),
            false => self.decide(id),
        });
        decisions.collect()
    }

    pub fn next_deadline(&self) -> Option<u64> {
        let decided = self.traces.iter().filter_map(place_of_decision).min();
        let forgotten = decided.filter(|_| self.rules.decision_age > 0);
        let forgotten = forgotten.map(|(at, _)| at + self.rules.decision_age);
        let due = self.due().map(|(deadline, _)| deadline);
        due.into_iter().chain(forgotten).min()
    }

    /// Returns the trace that is due first. If several are due at the same time, a trace that is
    /// due by its first span precedes one that is due by its root, and the one that arrived first
    /// precedes later ones.
    fn due(&self) -> Option<(u64, u128)> {
        let waiting = self.traces.iter().filter(|trace| trace.decided.is_none());
        let deadlines = waiting.flat_map(|trace| {
            let (at, step) = trace.arrived;
            let by_arrival = (at + self.rules.wait, 0, step, trace.id);
            let root = trace.root.filter(|_| self.rules.wait_after_root > 0);
            let by_root =
                root.map(|(at, step)| (at + self.rules.wait_after_root, 1, step, trace.id));
            [by_arrival].into_iter().chain(by_root)
        });
        let (deadline, _, _, id) = deadlines.min()?;
        Some((deadline, id))
    }

    fn tick(&mut self, now: u64) -> (u64, usize) {
        self.now = self.now.max(now);
        self.steps += 1;
        (self.now, self.steps)
    }

    fn decide(&mut self, id: u128) -> (u128, usize, bool) {
        let trace = self.traces.iter().find(|trace| trace.id == id).unwrap();
        let error = tracer_sampling::tail::StatusCode::Error;
        let sampled = trace.spans.iter().any(|span| span.status == error);
        (id, self.close(id, sampled), sampled)
    }

    /// Ends the wait of a trace and returns how many spans it had.
    fn close(&mut self, id: u128, sampled: bool) -> usize {
        let place = self.tick(0);
        let mut trace = self.remove(id);
        let spans = std::mem::take(&mut trace.spans).len();
        self.ledger.spans[usize::from(!sampled)] += spans as u64;
        self.ledger.traces[usize::from(!sampled)] += 1;
        let size = match sampled {
            true => self.rules.sampled_cache,
            false => self.rules.not_sampled_cache,
        };
        if size == 0 {
            trace.decided = Some((sampled, place));
            self.traces.push(trace);
            return spans;
        }
        self.cache.retain(|entry| *entry != (id, sampled));
        self.cache.push((id, sampled));
        let of_kind = self.cache.iter().filter(|(_, kind)| *kind == sampled);
        if of_kind.count() > size {
            let oldest = self.cache.iter().position(|(_, kind)| *kind == sampled);
            self.cache.remove(oldest.unwrap());
        }
        spans
    }

    fn look_up(&mut self, id: u128) -> Option<bool> {
        for sampled in [true, false] {
            let found = self.cache.iter().position(|entry| *entry == (id, sampled));
            if let Some(at) = found {
                let entry = self.cache.remove(at);
                self.cache.push(entry);
                return Some(sampled);
            }
        }
        None
    }

    fn forget_oldest(&mut self) -> bool {
        let decided = self.traces.iter().filter(|trace| trace.decided.is_some());
        let Some(oldest) = decided.min_by_key(|trace| place_of_decision(trace)) else {
            return false;
        };
        let id = oldest.id;
        self.remove(id);
        true
    }

    fn remove(&mut self, id: u128) -> Trace {
        let at = self.traces.iter().position(|trace| trace.id == id);
        self.traces.remove(at.unwrap())
    }
}
