//! The worker's decisions, without threads or clocks: time is an argument.

use std::time::Duration;

/// How long the worker pauses between two rounds.
///
/// The caller's path never wakes the worker before a ring is half full, because a wake-up is what
/// makes the slowest thousandth of span ends slow. So the worker looks again on its own: more
/// often the fuller it found the rings, rarely when nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace(Duration);

const SHORTEST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(50);

impl Default for Pace {
    fn default() -> Self {
        Self(Duration::from_millis(10))
    }
}

impl Pace {
    /// The pause after a round that found the fullest ring filled to `used` of `capacity` bytes.
    pub(crate) fn after_round(&mut self, used: u64, capacity: u64) -> Duration {
        if used > capacity / 4 {
            self.0 = (self.0 / 2).max(SHORTEST);
        } else if used <= capacity / 16 {
            self.0 = (self.0 * 2).min(LONGEST);
        }
        self.0
    }
}

/// What is known of the batch that is being formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forming {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    /// When its first span was found, on the worker's clock.
    pub(crate) since: Option<Duration>,
}

/// When a batch is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) delay: Duration,
}

impl Forming {
    /// Counts one more span.
    pub(crate) fn add(&mut self, bytes: usize, now: Duration) {
        self.spans += 1;
        self.bytes += bytes;
        self.since.get_or_insert(now);
    }

    /// Whether the batch can take no more.
    pub(crate) fn is_full(&self, limits: &BatchLimits) -> bool {
        self.spans >= limits.spans || self.bytes >= limits.bytes
    }

    /// How long until the batch is due; zero when it is, `None` while it is empty.
    pub(crate) fn due_in(&self, limits: &BatchLimits, now: Duration) -> Option<Duration> {
        let due = self.since?.saturating_add(limits.delay);
        Some(due.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits {
        spans: 3,
        bytes: 1000,
        delay: Duration::from_secs(5),
    };

    #[test]
    fn pace_quickens_with_full_rings_and_slows_when_idle_within_bounds() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.after_round(30, 100);
        }
        assert_eq!(pace.after_round(30, 100), SHORTEST);
        assert_eq!(pace.after_round(10, 100), SHORTEST, "neither full nor idle");
        for _ in 0..20 {
            pace.after_round(0, 100);
        }
        assert_eq!(pace.after_round(0, 100), LONGEST);
    }

    #[test]
    fn batch_is_full_by_count_or_by_bytes() {
        let mut forming = Forming::default();
        forming.add(10, Duration::ZERO);
        forming.add(10, Duration::ZERO);
        assert!(!forming.is_full(&LIMITS));
        forming.add(10, Duration::ZERO);
        assert!(forming.is_full(&LIMITS));
        let mut forming = Forming::default();
        forming.add(1000, Duration::ZERO);
        assert!(forming.is_full(&LIMITS));
    }

    #[test]
    fn delay_counts_from_the_first_span() {
        let mut forming = Forming::default();
        assert_eq!(forming.due_in(&LIMITS, Duration::from_secs(9)), None);
        forming.add(1, Duration::from_secs(10));
        forming.add(1, Duration::from_secs(14));
        let at = |seconds| forming.due_in(&LIMITS, Duration::from_secs(seconds));
        assert_eq!(at(12), Some(Duration::from_secs(3)));
        assert_eq!(at(15), Some(Duration::ZERO));
        assert_eq!(at(99), Some(Duration::ZERO));
    }
}
