//! Counters of decisions by strategy and outcome.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Counters of decisions by strategy and outcome. Clones share the counters.
///
/// Up to 31 strategies have counts of their own; later ones are counted together as `other`.
///
/// # Cost
///
/// Counting a decision searches for its strategy among the known strategies, and makes one atomic
/// addition to a counter that few threads share. Nothing is locked.
///
/// # Examples
///
/// ```
/// use tracer_sampling::SamplingStats;
///
/// let stats = SamplingStats::new();
/// stats.count("probability", true);
/// stats.count("probability", false);
/// let [probability] = stats.snapshot()[..] else { unreachable!() };
/// assert_eq!((probability.sampled, probability.dropped), (1, 1));
/// assert_eq!(probability.sampled_ratio(), 0.5);
/// ```
#[derive(Clone, Default)]
pub struct SamplingStats {
    counters: Arc<Counters>,
}

/// The decisions of one strategy.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StrategyStats {
    /// The name of the strategy, as in [`Reason::strategy`](crate::Reason::strategy).
    pub strategy: &'static str,
    /// Spans that were dropped.
    pub dropped: u64,
    /// Spans that were sampled.
    pub sampled: u64,
}

impl StrategyStats {
    /// Returns the fraction of the spans that was sampled, from 0 to 1; 0 before the first
    /// decision.
    pub fn sampled_ratio(&self) -> f64 {
        match self.sampled.saturating_add(self.dropped) {
            0 => 0.0,
            all => self.sampled as f64 / all as f64,
        }
    }
}

impl SamplingStats {
    /// Creates counters that are all zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one decision of a strategy.
    pub fn count(&self, strategy: &'static str, is_sampled: bool) {
        let counters = &*self.counters;
        let column = counters.column(strategy);
        let shard = counters.shards.get(shard());
        let counter = shard.and_then(|shard| shard.0.get(usize::from(is_sampled))?.get(column));
        if let Some(counter) = counter {
            // Relaxed: a count that orders no other memory access.
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counts of each strategy, in the order of the first decisions.
    ///
    /// The counts may or may not include decisions that are made during the call.
    pub fn snapshot(&self) -> Vec<StrategyStats> {
        let names = self.counters.names.iter().map_while(OnceLock::get).copied();
        let of = |strategy, column| StrategyStats {
            strategy,
            dropped: self.counters.sum(0, column),
            sampled: self.counters.sum(1, column),
        };
        let mut found: Vec<_> = names
            .zip(0..)
            .map(|(name, column)| of(name, column))
            .collect();
        let other = of("other", OTHER);
        found.extend((other.sampled + other.dropped > 0).then_some(other));
        found
    }
}

impl fmt::Debug for SamplingStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.snapshot()).finish()
    }
}

#[derive(Default)]
struct Counters {
    /// Names are added in order and never change.
    names: [OnceLock<&'static str>; OTHER],
    shards: [Shard; SHARDS],
}

/// Counts by outcome and strategy, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Shard([[AtomicU64; OTHER + 1]; 2]);

impl Counters {
    fn column(&self, strategy: &'static str) -> usize {
        let is_here = |name: &OnceLock<_>| *name.get_or_init(|| strategy) == strategy;
        self.names.iter().position(is_here).unwrap_or(OTHER)
    }

    fn sum(&self, outcome: usize, column: usize) -> u64 {
        let counters = self.shards.iter();
        let counters = counters.filter_map(|shard| shard.0.get(outcome)?.get(column));
        // Relaxed: a count that orders no other memory access.
        counters
            .map(|counter| counter.load(Ordering::Relaxed))
            .sum()
    }
}

/// Returns the shard of this thread.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // Relaxed: the number only spreads threads over the shards.
        static SHARD: Cell<usize> =
            Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
    }
    SHARD.try_with(Cell::get).unwrap_or(0)
}

/// The column that strategies beyond the table share.
const OTHER: usize = 31;
const SHARDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_beyond_the_table_are_counted_together() {
        let stats = SamplingStats::new();
        for at in 0..40 {
            stats.count(
                Box::leak(format!("strategy {at}").into_boxed_str()),
                at % 2 == 0,
            );
        }
        let found = stats.snapshot();
        assert_eq!(found.len(), 32);
        assert_eq!((found[30].strategy, found[30].sampled), ("strategy 30", 1));
        assert_eq!((found[31].strategy, found[31].sampled), ("other", 4));
        assert_eq!(found[31].dropped, 5);
    }

    #[test]
    fn threads_count_together() {
        let stats = SamplingStats::new();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        stats.count("a", true);
                        stats.count("b", false);
                    }
                });
            }
        });
        let mut found = stats.snapshot();
        found.sort_by_key(|one| one.strategy);
        assert_eq!((found[0].sampled, found[0].dropped), (16_000, 0));
        assert_eq!((found[1].sampled, found[1].dropped), (0, 16_000));
    }
}
