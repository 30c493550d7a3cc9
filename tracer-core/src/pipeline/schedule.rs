//! The worker's schedule: when it reads the rings, and when a batch is complete. The functions take
//! the time as an argument.

use std::time::Duration;

/// Determines how long the worker pauses between two rounds.
///
/// Waking the worker dominates the slowest thousandth of span ends. So the caller's path does it
/// only when a ring grows or is full. Otherwise the worker ends its pause on its own: when it
/// expects the fastest-filling ring to be three eighths full, and rarely while no spans end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pause: Duration,
    longest: Duration,
    /// When the last round began.
    last: Duration,
}

/// How full the fullest ring should be at the next round.
const TARGET_PERMILLE: u32 = 375;

const SHORTEST: Duration = Duration::from_micros(100);
const FIRST: Duration = Duration::from_millis(10);

/// The longest pause. The worker of an idle process wakes every 500 ms, or once per batch delay if
/// that is shorter, but never more often than every 50 ms.
const LONGEST: Duration = Duration::from_millis(500);
const LONGEST_WITHOUT_DELAY: Duration = Duration::from_millis(50);

impl Pace {
    /// Creates the pace of a worker whose batches wait at most `delay` for more spans.
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            pause: FIRST,
            longest: delay.clamp(LONGEST_WITHOUT_DELAY, LONGEST),
            last: Duration::ZERO,
        }
    }

    /// Returns when the last round began. Spans that a later round finds ended after that time.
    pub(crate) fn last_round(&self) -> Duration {
        self.last
    }

    /// Returns the pause after a round that began at `now`. `filled_permille` is the fill level of
    /// the fullest ring, in thousandths of the segment being read. It exceeds 1000 in a ring that
    /// has grown.
    pub(crate) fn after_round(&mut self, now: Duration, filled_permille: u64) -> Duration {
        let since = now.saturating_sub(self.last);
        self.last = now;
        let longest = self.longest.min(self.pause * 2);
        let filled = u32::try_from(filled_permille).unwrap_or(u32::MAX);
        let expected = (since * TARGET_PERMILLE).checked_div(filled);
        self.pause = expected.unwrap_or(longest).min(longest).max(SHORTEST);
        self.pause
    }
}

/// The counts of the batch that is being formed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FormingBatch {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    /// The earliest time at which the batch's first span can have ended, on the worker's clock.
    pub(crate) since: Option<Duration>,
}

/// The limits at which a batch is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) delay: Duration,
}

impl FormingBatch {
    /// Counts one more span, which ended no earlier than `since`.
    pub(crate) fn add(&mut self, bytes: usize, since: Duration) {
        self.spans += 1;
        self.bytes += bytes;
        self.since.get_or_insert(since);
    }

    /// Returns whether the batch can take no more spans.
    pub(crate) fn is_full(&self, limits: &BatchLimits) -> bool {
        self.spans >= limits.spans || self.bytes >= limits.bytes
    }

    /// Returns how long it is until the batch is due. Zero if it is due now, `None` if it is empty.
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

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn pause_follows_the_ring_that_fills_fastest() {
        let mut pace = Pace::new(5000 * MILLI);
        // A quarter in 20 ms would make three eighths in 30 ms, but a pause may only double.
        assert_eq!(pace.after_round(20 * MILLI, 250), 20 * MILLI);
        assert_eq!(pace.after_round(40 * MILLI, 250), 30 * MILLI);
        // The ring fills eight times as fast, and one step adapts to that.
        assert_eq!(pace.after_round(70 * MILLI, 3000), MILLI * 15 / 4);
        assert_eq!(pace.after_round(71 * MILLI, u64::MAX), SHORTEST);
    }

    #[track_caller]
    fn check_longest(delay: Duration, expected: Duration) {
        let mut pace = Pace::new(delay);
        for round in 0..20 {
            pace.after_round(round * MILLI, 0);
        }
        assert_eq!(pace.after_round(1000 * MILLI, 0), expected);
    }

    #[test]
    fn idle_worker_reads_the_rings_twice_a_second_or_once_per_delay() {
        check_longest(5000 * MILLI, LONGEST);
        check_longest(200 * MILLI, 200 * MILLI);
        check_longest(Duration::ZERO, LONGEST_WITHOUT_DELAY);
    }

    #[test]
    fn batch_is_full_by_count_or_by_bytes() {
        let mut forming = FormingBatch::default();
        forming.add(10, Duration::ZERO);
        forming.add(10, Duration::ZERO);
        assert!(!forming.is_full(&LIMITS));
        forming.add(10, Duration::ZERO);
        assert!(forming.is_full(&LIMITS));
        let mut forming = FormingBatch::default();
        forming.add(1000, Duration::ZERO);
        assert!(forming.is_full(&LIMITS));
    }

    #[test]
    fn delay_counts_from_the_first_span() {
        let mut forming = FormingBatch::default();
        assert_eq!(forming.due_in(&LIMITS, Duration::from_secs(9)), None);
        forming.add(1, Duration::from_secs(10));
        forming.add(1, Duration::from_secs(14));
        let at = |seconds| forming.due_in(&LIMITS, Duration::from_secs(seconds));
        assert_eq!(at(12), Some(Duration::from_secs(3)));
        assert_eq!(at(15), Some(Duration::ZERO));
        assert_eq!(at(99), Some(Duration::ZERO));
    }
}
