//! The outcomes of an operation: its error rate, and the 99th percentile of its duration.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::Outcome;

/// Counters of outcomes in constant memory. Older outcomes fade, because all counts are halved
/// every [`HALF_LIFE_NANOS`].
///
/// Durations are counted in classes from 1 ms to 65 s, each 2^(1/4) times as wide as the one
/// before, so a percentile is off by at most 19 %. A sampled span represents 1/probability spans,
/// and is counted with that weight.
///
/// Relaxed throughout: counts order no other memory access, and a count that is lost during halving
/// does not matter.
#[derive(Debug)]
pub(crate) struct Outcomes {
    halved_at: AtomicU64,
    /// The number of outcomes, without weights.
    seen: AtomicU32,
    errors: AtomicU32,
    durations: [AtomicU32; CLASSES],
}

impl Outcomes {
    pub(crate) fn new() -> Self {
        Self {
            halved_at: AtomicU64::new(0),
            seen: AtomicU32::new(0),
            errors: AtomicU32::new(0),
            durations: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    /// Forgets all outcomes.
    pub(crate) fn reset(&self) {
        self.halved_at.store(0, Ordering::Relaxed);
        for count in self.durations.iter().chain([&self.seen, &self.errors]) {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Counts one outcome.
    pub(crate) fn record(&self, outcome: &Outcome, now: u64) {
        let halved_at = self.halved_at.load(Ordering::Relaxed);
        if now.saturating_sub(halved_at) >= HALF_LIFE_NANOS {
            let swap = self.halved_at.compare_exchange(
                halved_at,
                now,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if swap.is_ok() {
                self.halve((now - halved_at) / HALF_LIFE_NANOS);
            }
        }
        // One span counts as sixteen units, so that halving does not round small counts to zero.
        let units = (outcome.weight() * 16.0) as u32;
        add(&self.seen, 16);
        if outcome.is_error {
            add(&self.errors, units);
        }
        if let Some(count) = self.durations.get(class(outcome.duration)) {
            add(count, units);
        }
    }

    /// Returns the fraction of the spans that failed, from 0 to 1; `None` if there are too few
    /// outcomes.
    pub(crate) fn error_ratio(&self) -> Option<f64> {
        let all = self.total()?;
        Some((f64::from(self.errors.load(Ordering::Relaxed)) / all).min(1.0))
    }

    /// Returns the 99th percentile of the durations, in seconds; `None` if there are too few
    /// outcomes.
    pub(crate) fn p99_seconds(&self) -> Option<f64> {
        let mut above = self.total()? * 0.01;
        for (class, count) in self.durations.iter().enumerate().rev() {
            above -= f64::from(count.load(Ordering::Relaxed));
            if above < 0.0 {
                return Some(middle_seconds(class));
            }
        }
        Some(middle_seconds(0))
    }

    /// Returns the weight of all outcomes, if there are enough of them for an estimate.
    fn total(&self) -> Option<f64> {
        let seen = self.seen.load(Ordering::Relaxed);
        let counts = self.durations.iter();
        let all = counts
            .map(|count| f64::from(count.load(Ordering::Relaxed)))
            .sum::<f64>();
        (seen >= FEWEST * 16 && all > 0.0).then_some(all)
    }

    /// Halves all counts, so many times.
    #[cold]
    fn halve(&self, times: u64) {
        let times = times.min(31) as u32;
        for count in self.durations.iter().chain([&self.seen, &self.errors]) {
            // Load and store are separate steps, so an outcome that is added between them is lost.
            count.store(count.load(Ordering::Relaxed) >> times, Ordering::Relaxed);
        }
    }
}

/// Adds to a count that is far below its maximum, so that no number of threads can make it wrap.
fn add(count: &AtomicU32, units: u32) {
    if count.load(Ordering::Relaxed) < u32::MAX / 2 {
        count.fetch_add(units, Ordering::Relaxed);
    }
}

fn class(duration: Duration) -> usize {
    let classes = (duration.as_secs_f64() * 1_000.0).log2() * CLASSES_PER_DOUBLING;
    // The cast turns negative numbers into 0, including minus infinity for a duration of zero.
    (classes as usize).min(CLASSES - 1)
}

/// Returns the geometric middle of a class.
fn middle_seconds(class: usize) -> f64 {
    0.001 * ((class as f64 + 0.5) / CLASSES_PER_DOUBLING).exp2()
}

const CLASSES: usize = 64;
const CLASSES_PER_DOUBLING: f64 = 4.0;
const HALF_LIFE_NANOS: u64 = 10_000_000_000;
/// With fewer outcomes, an error rate of a few percent cannot be estimated.
const FEWEST: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(of: impl Iterator<Item = (f64, bool)>) -> Outcomes {
        let outcomes = Outcomes::new();
        for (seconds, is_error) in of {
            outcomes.record(&Outcome::new(Duration::from_secs_f64(seconds), is_error), 1);
        }
        outcomes
    }

    #[test]
    fn few_outcomes_give_no_estimate() {
        let few = outcomes((0..19).map(|_| (1.0, true)));
        assert_eq!((few.error_ratio(), few.p99_seconds()), (None, None));
    }

    #[test]
    fn the_error_ratio_is_exact() {
        let tenth = outcomes((0..1_000).map(|at| (0.1, at % 10 == 0)));
        assert_eq!(tenth.error_ratio(), Some(0.1));
    }

    /// The exact percentile of durations from 1 ms to 10 s is 9.9 s.
    #[test]
    fn the_percentile_is_within_the_width_of_a_class() {
        let even = outcomes((1..=10_000).map(|at| (f64::from(at) / 1_000.0, false)));
        let p99 = even.p99_seconds().unwrap();
        assert!((p99 / 9.9).max(9.9 / p99) <= 1.19, "{p99}");
    }

    #[test]
    fn weights_count_as_that_many_spans() {
        let outcomes = Outcomes::new();
        for at in 0..100 {
            let is_error = at < 50;
            let mut outcome = Outcome::new(Duration::ZERO, is_error);
            outcome.probability = if is_error { 1.0 } else { 1.0 / 9.0 };
            outcomes.record(&outcome, 1);
        }
        assert_eq!(outcomes.error_ratio(), Some(0.1));
    }

    #[test]
    fn old_outcomes_fade() {
        let outcomes = outcomes((0..1_000).map(|_| (0.1, true)));
        for tens in 1..=10 {
            let now = 1 + tens * HALF_LIFE_NANOS;
            for _ in 0..100 {
                outcomes.record(&Outcome::new(Duration::from_millis(1), false), now);
            }
        }
        assert!(outcomes.error_ratio().unwrap() < 0.01);
    }

    #[test]
    fn any_duration_and_weight_is_counted() {
        for duration in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1)] {
            let outcomes = Outcomes::new();
            for probability in [0.0, f64::NAN, f64::INFINITY, -1.0] {
                let mut outcome = Outcome::new(duration, true);
                outcome.probability = probability;
                for _ in 0..100_000 {
                    outcomes.record(&outcome, u64::MAX);
                }
            }
            assert!(outcomes.error_ratio().unwrap() > 0.99);
        }
    }

    /// After a long pause one new outcome is enough for the old ones to be gone.
    #[test]
    fn a_pause_fades_outcomes_by_its_length() {
        let outcomes = outcomes((0..1_000).map(|_| (0.1, true)));
        let now = 1 + 60 * HALF_LIFE_NANOS;
        outcomes.record(&Outcome::new(Duration::ZERO, false), now);
        assert_eq!(outcomes.error_ratio(), None);
    }
}
