//! The tail sampler: a state machine that takes spans and the time, and returns decided traces.

mod build;

use std::fmt;
use std::time::Duration;

use opentelemetry::trace::TraceId;

use super::buffer::{Buffer, Decided};
use super::decision::{Decision, DropReason};
use super::decision_cache::DecisionCache;
use super::outcome::{Admission, DecidedTrace, LateDecision};
use super::policies::Policies;
use super::span::TailSpan;
use super::stats::{PolicyStats, TailStats};
use super::trace::{BufferedTrace, Extent};

/// A tail sampler, which holds the spans of each trace until it decides about the trace.
///
/// The sampler has no thread, clock, lock or I/O of its own. The caller passes the time of a
/// monotonic clock to each call, as a duration since an origin of its choice, and calls
/// [`advance`](Self::advance) at [`next_deadline`](Self::next_deadline). If the time goes back, the
/// sampler decides nothing until it has caught up.
///
/// # Cost
///
/// Adding a span takes constant time on average: a look-up in a hash map and a push to a vector. A
/// decision takes the time of the policies, most of which read each span once.
///
/// Memory is bounded. Spans take up to `maximum_buffered_bytes`, and up to as much again while
/// their vectors grow. Each of `num_traces` takes about 200 bytes, and each cached decision about
/// 100 bytes. The policies have a bounded size.
///
/// # Examples
///
/// ```
/// # use opentelemetry::trace::TraceId;
/// # use tracer_sampling::tail::{AttributeValue, StatusCode, TailSpan};
/// # struct Span(TraceId, StatusCode);
/// # impl TailSpan for Span {
/// #     fn trace_id(&self) -> TraceId { self.0 }
/// #     fn is_root(&self) -> bool { true }
/// #     fn name(&self) -> &str { "" }
/// #     fn start_unix_nanos(&self) -> u64 { 0 }
/// #     fn end_unix_nanos(&self) -> u64 { 0 }
/// #     fn status(&self) -> StatusCode { self.1 }
/// #     fn flags(&self) -> u32 { 1 }
/// #     fn trace_state(&self) -> &str { "" }
/// #     fn attribute(&self, _: &str) -> Option<AttributeValue<'_>> { None }
/// #     fn resource_attribute(&self, _: &str) -> Option<AttributeValue<'_>> { None }
/// #     fn size_bytes(&self) -> usize { size_of::<Self>() }
/// # }
/// use std::time::Duration;
/// use tracer_sampling::tail::{TailSampler, TailSamplingConfig};
///
/// let config: TailSamplingConfig = serde_json::from_str(
///     r#"{"policies": [
///         {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
///     ]}"#,
/// )?;
/// let mut sampler: TailSampler<Span> = config.build()?;
///
/// let start = Duration::ZERO;
/// sampler.add(start, Span(TraceId::from(1), StatusCode::Unset));
/// sampler.add(start, Span(TraceId::from(1), StatusCode::Error));
/// sampler.add(start, Span(TraceId::from(2), StatusCode::Ok));
///
/// let deadline = sampler.next_deadline().unwrap();
/// assert_eq!(deadline, Duration::from_secs(30));
/// let sampled: Vec<_> = sampler
///     .advance(deadline)
///     .filter(|trace| trace.decision.is_sampled())
///     .collect();
/// assert_eq!(sampled.len(), 1);
/// assert_eq!(sampled[0].spans.len(), 2);
/// assert!(sampler.stats().balances());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TailSampler<S: TailSpan> {
    buffer: Buffer<S>,
    cache: DecisionCache,
    policies: Policies<S>,
    limits: Limits,
    /// The counts, except the fields that `stats` fills in from the buffer and the policies.
    counts: TailStats,
    /// The latest time that a caller gave.
    now_nanos: u64,
}

/// The bounds and times of the configuration; `u64::MAX` where there is none.
#[derive(Debug)]
struct Limits {
    traces: usize,
    spans: u64,
    bytes: u64,
    trace_bytes: u64,
    wait_nanos: u64,
    wait_after_root_nanos: Option<u64>,
    decision_age_nanos: Option<u64>,
    block_on_overflow: bool,
    drop_pending_on_shutdown: bool,
}

impl<S: TailSpan> TailSampler<S> {
    /// Adds a span, which waits for the decision about its trace or follows an earlier decision.
    ///
    /// A full buffer evicts the traces that have waited longest, and drops their spans.
    pub fn add(&mut self, now: Duration, span: S) -> Admission<S> {
        // User code runs before anything changes, because it may panic.
        let (trace_id, extent) = (span.trace_id(), Extent::of(&span));
        let is_root = self.limits.wait_after_root_nanos.is_some() && span.is_root();
        let now_nanos = self.set_now(now);

        let found = self.buffer.find(trace_id);
        if let Some(decision) = self.late_decision(found, trace_id) {
            self.count_late(&decision);
            return Admission::Late { span, decision };
        }
        if extent.bytes > self.limits.bytes {
            self.counts.spans_received += 1;
            self.counts.spans_evicted += 1;
            return Admission::TooLarge;
        }
        // A trace that becomes too large is dropped at once, so no other one has to leave for it.
        let waiting = found.and_then(|at| self.buffer.waiting(at));
        let held = waiting.map_or(0, |(_, waiting)| waiting.extent.bytes);
        let is_too_large = held.saturating_add(extent.bytes) > self.limits.trace_bytes;
        let needed = if is_too_large { 0 } else { extent.bytes };
        let Ok(found) = self.make_room(found, needed) else {
            return Admission::Full(span);
        };
        let at = found.unwrap_or_else(|| {
            self.counts.traces_received += 1;
            self.buffer.open(trace_id, now_nanos)
        });
        self.counts.spans_received += 1;
        let root_nanos = is_root.then_some(now_nanos);
        let trace_bytes = self.buffer.push(at, span, extent, root_nanos);
        if trace_bytes > self.limits.trace_bytes {
            self.counts.traces_too_large += 1;
            self.close(at, trace_id, Decision::Dropped(DropReason::TooLarge));
            return Admission::TooLarge;
        }
        Admission::Waiting
    }

    /// Decides about the traces that are due, one at each step of the iterator.
    ///
    /// Traces are decided in the order of their deadlines. If the iterator is not exhausted, the
    /// next call decides about the rest.
    pub fn advance(&mut self, now: Duration) -> DecidedTraces<'_, S> {
        self.set_now(now);
        while let Some((at, deadline)) = self.next_forgotten()
            && deadline <= self.now_nanos
        {
            self.buffer.forget(at);
        }
        DecidedTraces {
            sampler: self,
            which: Which::Due,
        }
    }

    /// Decides about one trace now. Returns `None` if the trace does not wait.
    pub fn decide_now(&mut self, now: Duration, trace_id: TraceId) -> Option<DecidedTrace<S>> {
        self.set_now(now);
        let at = self.buffer.find(trace_id)?;
        self.decide(at)
    }

    /// Decides about all traces that wait, the oldest first, with the spans that have arrived.
    ///
    /// With `drop_pending_traces_on_shutdown` all of them are dropped instead. The sampler can
    /// still be used afterwards.
    pub fn shutdown(&mut self, now: Duration) -> DecidedTraces<'_, S> {
        self.set_now(now);
        DecidedTraces {
            sampler: self,
            which: Which::All,
        }
    }

    /// Returns when to call [`advance`](Self::advance) next, or `None` if nothing is pending.
    pub fn next_deadline(&self) -> Option<Duration> {
        let decided = self.next_due().map(|(_, deadline)| deadline);
        let forgotten = self.next_forgotten().map(|(_, deadline)| deadline);
        let first = decided.into_iter().chain(forgotten).min()?;
        Some(Duration::from_nanos(first))
    }

    /// Returns the counts since the sampler was built.
    pub fn stats(&self) -> TailStats {
        TailStats {
            spans_waiting: self.buffer.waiting_spans(),
            traces_waiting: self.buffer.waiting_traces(),
            traces_in_memory: self.buffer.len() as u64,
            bytes_waiting: self.buffer.waiting_bytes(),
            policy_evaluation_errors: self.policies.errors(),
            ..self.counts
        }
    }

    /// Returns the verdicts of each policy: `drop` policies first, then the others as configured.
    pub fn policy_stats(&self) -> impl Iterator<Item = &PolicyStats> {
        self.policies.stats()
    }

    fn set_now(&mut self, now: Duration) -> u64 {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.now_nanos = self.now_nanos.max(nanos);
        self.now_nanos
    }

    /// Returns the earlier decision about a trace, if it is remembered.
    fn late_decision(&mut self, found: Option<u32>, trace_id: TraceId) -> Option<LateDecision> {
        match found {
            Some(at) => {
                let decided = self.buffer.decided(at)?;
                Some(LateDecision::Buffered {
                    decision: decided.decision.clone(),
                    age: Duration::from_nanos(self.now_nanos - decided.at_nanos),
                })
            }
            None => {
                let sampled = self.cache.get(trace_id)?;
                Some(LateDecision::Cached { sampled })
            }
        }
    }

    fn count_late(&mut self, decision: &LateDecision) {
        let counts = &mut self.counts;
        counts.spans_received += 1;
        let cached = u64::from(matches!(decision, LateDecision::Cached { .. }));
        if decision.is_sampled() {
            counts.spans_kept += 1;
            counts.late_kept_spans += 1;
            counts.cache_kept_spans += cached;
        } else {
            counts.spans_dropped += 1;
            counts.late_dropped_spans += 1;
            counts.cache_dropped_spans += cached;
        }
    }

    /// Makes room for a span of the trace that waits at `found`, or of a new trace.
    ///
    /// Returns the position of the trace, or `None` if it is new or was evicted itself.
    fn make_room(&mut self, mut found: Option<u32>, bytes: u64) -> Result<Option<u32>, Full> {
        while self.buffer.waiting_spans() >= self.limits.spans
            || self.buffer.waiting_bytes() + bytes > self.limits.bytes
        {
            let evicted = self.evict()?;
            if found == Some(evicted) {
                found = None;
            }
        }
        while found.is_none() && self.buffer.len() >= self.limits.traces {
            // A forgotten decision affects late spans only. An evicted trace loses all its spans.
            match self.buffer.oldest_decided() {
                Some((at, _)) => self.buffer.forget(at),
                None => {
                    self.evict()?;
                }
            }
        }
        Ok(found)
    }

    /// Drops the trace that has waited longest.
    fn evict(&mut self) -> Result<u32, Full> {
        if self.limits.block_on_overflow {
            return Err(Full);
        }
        let (at, _) = self.buffer.oldest_waiting().ok_or(Full)?;
        if let Some((_, waiting)) = self.buffer.take(at) {
            self.counts.traces_evicted += 1;
            self.counts.spans_evicted += waiting.spans.len() as u64;
        }
        Ok(at)
    }

    /// Decides about the trace that waits at a position.
    fn decide(&mut self, at: u32) -> Option<DecidedTrace<S>> {
        let (trace_id, waiting) = self.buffer.waiting(at)?;
        let trace = BufferedTrace::new(trace_id, &waiting.spans, waiting.extent);
        let decision = self.policies.decide(self.now_nanos, &trace);
        self.close(at, trace_id, decision)
    }

    /// Takes the spans of a trace, and remembers the decision in the cache or the buffer.
    fn close(&mut self, at: u32, trace_id: TraceId, decision: Decision) -> Option<DecidedTrace<S>> {
        let taken = if self.cache.insert(trace_id, decision.is_sampled()) {
            self.buffer.take(at)
        } else {
            let decided = Decided {
                decision: decision.clone(),
                at_nanos: self.now_nanos,
            };
            self.buffer.decide(at, decided)
        };
        let (_, waiting) = taken?;
        let spans = waiting.spans.len() as u64;
        match decision {
            Decision::Dropped(_) => self.counts.traces_dropped += 1,
            Decision::NotSampled => self.counts.traces_not_sampled += 1,
            Decision::Sampled(_) => self.counts.traces_kept += 1,
        }
        if decision.is_sampled() {
            self.counts.spans_kept += spans;
        } else {
            self.counts.spans_dropped += spans;
        }
        Some(DecidedTrace {
            trace_id,
            spans: waiting.spans,
            decision,
        })
    }

    /// Returns the trace about which to decide next, and the time.
    fn next_due(&self) -> Option<(u32, u64)> {
        let by_arrival = self.buffer.oldest_waiting();
        let by_arrival =
            by_arrival.map(|(at, since)| (at, since.saturating_add(self.limits.wait_nanos)));
        let by_root = self.limits.wait_after_root_nanos.and_then(|wait| {
            let (at, since) = self.buffer.oldest_rooted()?;
            Some((at, since.saturating_add(wait)))
        });
        let both = by_arrival.into_iter().chain(by_root);
        both.min_by_key(|(_, deadline)| *deadline)
    }

    /// Returns the decision to forget next, and the time.
    fn next_forgotten(&self) -> Option<(u32, u64)> {
        let age = self.limits.decision_age_nanos?;
        let (at, since) = self.buffer.oldest_decided()?;
        Some((at, since.saturating_add(age)))
    }
}

impl<S: TailSpan> fmt::Debug for TailSampler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailSampler")
            .field("limits", &self.limits)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The error of a full buffer that must not evict a trace.
struct Full;

/// An iterator that decides about one trace at each step. [`TailSampler::advance`] and
/// [`TailSampler::shutdown`] create it.
#[must_use = "a trace is decided only when the iterator returns it"]
#[derive(Debug)]
pub struct DecidedTraces<'a, S: TailSpan> {
    sampler: &'a mut TailSampler<S>,
    which: Which,
}

#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    Due,
}

impl<S: TailSpan> Iterator for DecidedTraces<'_, S> {
    type Item = DecidedTrace<S>;

    fn next(&mut self) -> Option<DecidedTrace<S>> {
        let sampler = &mut *self.sampler;
        match self.which {
            Which::Due => {
                let (at, deadline) = sampler.next_due()?;
                (deadline <= sampler.now_nanos).then(|| sampler.decide(at))?
            }
            Which::All => {
                let (at, _) = sampler.buffer.oldest_waiting()?;
                if !sampler.limits.drop_pending_on_shutdown {
                    return sampler.decide(at);
                }
                let (trace_id, _) = sampler.buffer.waiting(at)?;
                let decision = Decision::Dropped(DropReason::Shutdown);
                sampler.close(at, trace_id, decision)
            }
        }
    }
}
