//! A cache that gives all roots of a trace the same decision.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::clock::Clock;
use crate::{otel_trace_state, parent};

/// A sampler that remembers the decision about a trace, and repeats it for later spans of that
/// trace.
///
/// Use it for a sampler whose decision depends on more than the trace id, such as
/// [`RateLimiting`](crate::RateLimiting), in a process that one trace enters several times. Without
/// the cache, the process would sample some of these visits and drop others.
///
/// A repeated decision has no attributes. It keeps the parent's trace state but removes `th`,
/// because the probability of the first decision is not remembered.
///
/// By default the cache holds the last 16,384 traces for five minutes. A trace is identified by 42
/// bits of a hash of its id with a secret key. About one new trace in a trillion is mistaken for
/// another trace and gets its decision.
///
/// # Cost
///
/// A decision reads the clock and four adjacent numbers. Each trace takes 8 bytes. The cache does
/// not lock, and does not allocate after it is built.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::{DecisionCache, RateLimiting};
///
/// let sampler = DecisionCache::new(RateLimiting::builder(0.001).burst(1).build()?);
/// let decide = |id: u128| {
///     sampler.should_sample(None, TraceId::from(id), "", &SpanKind::Server, &[], &[]).decision
/// };
/// assert_eq!(decide(1), SamplingDecision::RecordAndSample);
/// assert_eq!(decide(2), SamplingDecision::Drop);
/// assert_eq!(decide(1), SamplingDecision::RecordAndSample);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone)]
pub struct DecisionCache {
    sampler: Box<dyn ShouldSample>,
    clock: Clock,
    lifetime_seconds: u64,
    hasher: RandomState,
    /// Sets of [`WAYS`] entries; a trace can be anywhere in its set. An entry has 42 bits of the
    /// hash, 20 bits for the second in which it was made, and two bits for the decision. One is
    /// added to the second so that no entry is 0. Invariant: the length is a power of two, and at
    /// least `WAYS`.
    entries: Arc<[AtomicU64]>,
}

impl DecisionCache {
    /// Creates a cache for the decisions of `sampler`.
    pub fn new(sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self {
            sampler: sampler.into(),
            clock: Clock::system(),
            lifetime_seconds: 300,
            hasher: RandomState::default(),
            entries: entries(10_000),
        }
    }

    /// Sets how many traces are remembered, rounded up to a power of two from 4 to 2^24. This
    /// clears the cache. Default: 10,000, which is rounded up to 16,384.
    pub fn capacity(mut self, traces: usize) -> Self {
        self.entries = entries(traces);
        self
    }

    /// Sets how long a decision is remembered, in whole seconds from 1 second to 6 days. Default:
    /// five minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime_seconds = lifetime.as_secs().clamp(1, SECONDS / 2);
        self
    }

    /// Sets the clock. Default: the clock of the system.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns the entries that may hold this trace.
    fn set(&self, hash: u64) -> &[AtomicU64] {
        let sets = (self.entries.len() / WAYS).max(1);
        let start = (hash as usize & (sets - 1)) * WAYS;
        self.entries.get(start..start + WAYS).unwrap_or_default()
    }

    fn is_current(&self, entry: u64, now: u64) -> bool {
        entry != 0 && age(entry, now) < self.lifetime_seconds
    }

    fn find(&self, hash: u64, now: u64) -> Option<SamplingDecision> {
        // Relaxed, here and below: an entry holds everything about its trace, so no other memory
        // depends on it.
        let mut entries = self
            .set(hash)
            .iter()
            .map(|entry| entry.load(Ordering::Relaxed));
        let same_trace = |entry: &u64| entry >> HASH_SHIFT == hash >> HASH_SHIFT;
        let found = entries.find(|entry| same_trace(entry) && self.is_current(*entry, now))?;
        Some(match found & DECISION_MASK {
            0 => SamplingDecision::Drop,
            1 => SamplingDecision::RecordOnly,
            _ => SamplingDecision::RecordAndSample,
        })
    }

    fn remember(&self, hash: u64, now: u64, decision: &SamplingDecision) {
        let decision = match decision {
            SamplingDecision::Drop => 0,
            SamplingDecision::RecordOnly => 1,
            SamplingDecision::RecordAndSample => 2,
        };
        let new = (hash >> HASH_SHIFT << HASH_SHIFT) | (stamp(now) << SECONDS_SHIFT) | decision;
        // Choose an entry that is free or out of date, or else the oldest one. The hash breaks
        // ties.
        let first = (hash >> 62) as usize;
        let oldest = self.set(hash).iter().enumerate().max_by_key(|(at, entry)| {
            let entry = entry.load(Ordering::Relaxed);
            let age = if self.is_current(entry, now) {
                age(entry, now)
            } else {
                u64::MAX
            };
            (age, at ^ first)
        });
        if let Some((_, oldest)) = oldest {
            oldest.store(new, Ordering::Relaxed);
        }
    }
}

impl ShouldSample for DecisionCache {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let hash = self.hasher.hash_one(trace_id);
        let now = self.clock.nanos() / 1_000_000_000;
        if let Some(decision) = self.find(hash, now) {
            return parent::with_parent(parent_context, |parent| {
                let state = otel_trace_state::without_threshold(parent.trace_state());
                parent::result(decision, state)
            });
        }
        let sampler = &self.sampler;
        let result = sampler.should_sample(parent_context, trace_id, name, kind, attributes, links);
        self.remember(hash, now, &result.decision);
        result
    }
}

impl fmt::Debug for DecisionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecisionCache")
            .field("sampler", &self.sampler)
            .field("capacity", &self.entries.len())
            .field("lifetime_seconds", &self.lifetime_seconds)
            .finish_non_exhaustive()
    }
}

fn entries(capacity: usize) -> Arc<[AtomicU64]> {
    let len = capacity.clamp(WAYS, 1 << 24).next_power_of_two();
    (0..len).map(|_| AtomicU64::new(0)).collect()
}

/// Returns the second as an entry stores it: from 1 to [`SECONDS`], then from 1 again.
fn stamp(now: u64) -> u64 {
    now % SECONDS + 1
}

/// Returns the seconds since the entry was made. After twelve days an entry appears new again.
fn age(entry: u64, now: u64) -> u64 {
    let made = (entry >> SECONDS_SHIFT) & SECONDS_MASK;
    (stamp(now) + SECONDS - made) % SECONDS
}

const WAYS: usize = 4;
const DECISION_MASK: u64 = 0b11;
const SECONDS_SHIFT: u32 = 2;
const SECONDS_MASK: u64 = (1 << 20) - 1;
const SECONDS: u64 = SECONDS_MASK;
const HASH_SHIFT: u32 = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlwaysOff, AlwaysOn, RateLimiting};

    fn decide(sampler: &DecisionCache, id: u128) -> SamplingDecision {
        let id = TraceId::from(id);
        sampler
            .should_sample(None, id, "", &SpanKind::Server, &[], &[])
            .decision
    }

    #[test]
    fn each_decision_is_remembered() {
        let (clock, _) = Clock::manual();
        let limited = RateLimiting::builder(1e-6)
            .burst(500)
            .clock(clock.clone())
            .build()
            .unwrap();
        let cache = DecisionCache::new(limited).clock(clock);
        let decisions = || (1..=1_000).map(|id| decide(&cache, id)).collect::<Vec<_>>();
        let first = decisions();
        let sampled = first
            .iter()
            .filter(|one| **one == SamplingDecision::RecordAndSample);
        assert_eq!(sampled.count(), 500);
        assert_eq!(decisions(), first);
    }

    #[test]
    fn a_decision_is_forgotten_at_the_end_of_its_lifetime() {
        let (clock, hand) = Clock::manual();
        let mut cache = DecisionCache::new(AlwaysOn)
            .clock(clock)
            .lifetime(Duration::from_secs(2));
        // The second round runs over the wrap-around of the second that an entry stores.
        for start in [0, SECONDS - 5, 1] {
            hand.advance(Duration::from_secs(start));
            cache.sampler = AlwaysOn.into();
            assert_eq!(decide(&cache, 7), SamplingDecision::RecordAndSample);
            cache.sampler = AlwaysOff.into();
            hand.advance(Duration::from_secs(1));
            assert_eq!(decide(&cache, 7), SamplingDecision::RecordAndSample);
            hand.advance(Duration::from_secs(1));
            assert_eq!(decide(&cache, 7), SamplingDecision::Drop);
            hand.advance(Duration::from_secs(2));
        }
    }

    #[test]
    fn memory_does_not_grow_and_the_newest_traces_stay() {
        let (clock, _) = Clock::manual();
        let mut cache = DecisionCache::new(AlwaysOn).clock(clock).capacity(1_000);
        assert_eq!(cache.entries.len(), 1_024);
        for id in 1..=100_000 {
            decide(&cache, id);
        }
        cache.sampler = AlwaysOff.into();
        assert_eq!(decide(&cache, 100_000), SamplingDecision::RecordAndSample);
        assert_eq!(decide(&cache, 1), SamplingDecision::Drop);
    }

    #[test]
    fn a_repeated_decision_has_no_threshold() {
        let cache = DecisionCache::new(crate::Probability::new(0.5).unwrap());
        let ask = || {
            let id = TraceId::from(u128::MAX);
            cache
                .should_sample(None, id, "", &SpanKind::Server, &[], &[])
                .trace_state
                .header()
        };
        assert_eq!(ask(), "ot=th:8");
        assert_eq!(ask(), "");
    }
}
