//! How long to wait before the next attempt. Pure: time and randomness are arguments.
//!
//! Exponential with full jitter: the n-th wait is drawn evenly from `[0, min(MAX, FIRST * 2^n)]`.
//! Many clients that lost the same collector at the same moment come back spread over the whole
//! interval (M. Brooker, "Exponential Backoff And Jitter", 2015).

use std::time::Duration;

/// The upper end of the first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The upper end of the later ones.
const MAX: Duration = Duration::from_secs(5);
/// What is added to a wait that was asked for, at most, so that all who were told the same
/// moment do not come at once.
const ASKED_JITTER: Duration = Duration::from_millis(250);
/// With less than this left, another attempt is not worth its connection.
const SHORTEST_LEFT: Duration = Duration::from_millis(100);
/// What the last attempt gets, at least, if the collector asked for more time than there is: half
/// of what is left, and no more than this.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// The waits of one export.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    upper: Duration,
    random: u64,
    /// The next attempt, or the one under way, is the last.
    used_the_rest: bool,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            upper: FIRST,
            random: seed,
            used_the_rest: false,
        }
    }

    /// How long an attempt that is due is held back, given how long the collector is still to be
    /// left alone and how much time is left. Zero: not at all. To be asked again after the wait,
    /// in which the collector may have asked for more.
    pub(super) fn hold_back(&mut self, alone: Duration, left: Duration) -> Duration {
        if alone.is_zero() || self.used_the_rest {
            return Duration::ZERO;
        }
        let jitter = self.up_to(ASKED_JITTER);
        if alone + jitter + SHORTEST_LEFT <= left {
            return alone + jitter;
        }
        // The collector asked for more time than there is. Giving the batch up at once would burn
        // the queue behind it at the same pace, so it stays as long as it can, and then tries.
        self.used_the_rest = true;
        left.saturating_sub((left / 2).min(LAST_ATTEMPT) + jitter)
    }

    /// Allows another last attempt after a shutdown has cut a wait short, which leaves less time
    /// than the schedule assumed.
    pub(super) fn plan_again(&mut self) {
        self.used_the_rest = false;
    }

    /// The wait after an attempt that failed, given whether the collector said when to come back
    /// (see [`Schedule::hold_back`] for how long) and how much time is left. `None` if there will
    /// be no other attempt.
    pub(super) fn after_failure(&mut self, asked: bool, left: Duration) -> Option<Duration> {
        if self.used_the_rest {
            return None;
        }
        let wait = if asked {
            // Also for one that asks for no wait at all.
            self.up_to(ASKED_JITTER)
        } else {
            let wait = self.up_to(self.upper);
            self.upper = (self.upper * 2).min(MAX);
            wait
        };
        if wait < left {
            return Some(wait);
        }
        // The draw would end beyond the deadline: one last attempt in the time that is left, for
        // a collector that has just come back.
        self.used_the_rest = true;
        (left >= SHORTEST_LEFT).then_some(left / 2)
    }

    fn up_to(&mut self, upper: Duration) -> Duration {
        // SplitMix64 (Steele, Lea, Flood 2014); the top 53 bits as a fraction below 1.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        upper.mul_f64((bits >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn waits_stay_below_doubling_bounds() {
        for seed in 0..1000 {
            let mut schedule = Schedule::new(seed);
            for bound_ms in [500, 1000, 2000, 4000, 5000, 5000] {
                let wait = schedule.after_failure(false, LONG).unwrap();
                assert!(wait <= Duration::from_millis(bound_ms), "seed {seed}");
            }
        }
    }

    #[test]
    fn clients_that_fail_together_come_back_spread() {
        // A window of a fifth of the interval holds about a fifth of 1000 clients: 5 sigma = 63.
        let mut windows = [0; 5];
        for seed in 0..1000 {
            let wait = Schedule::new(seed).after_failure(false, LONG).unwrap();
            windows[(wait.as_millis() as usize / 100).min(4)] += 1;
        }
        for window in windows {
            assert!((137..=263).contains(&window), "{windows:?}");
        }
    }

    #[test]
    fn collector_is_left_alone_until_the_last_moment() {
        // In milliseconds: how long the collector is to be left alone, what time is left, the
        // bounds of the wait, and whether the attempt after it is the last.
        let cases: [(u64, u64, u64, u64, bool); 9] = [
            (0, 10_000, 0, 0, false),
            (1, 10_000, 1, 251, false),
            (3000, 10_000, 3000, 3250, false),
            (30_000, 60_000, 30_000, 30_250, false),
            // It fits, whatever the jitter; it does not, whatever the jitter.
            (9650, 10_000, 9650, 9900, false),
            (9901, 10_000, 8750, 9000, true),
            (15_000, 10_000, 8750, 9000, true),
            (30_000, 1000, 250, 500, true),
            (30_000, 50, 0, 25, true),
        ];
        for (alone, left, lowest, highest, last) in cases {
            for seed in 0..100 {
                let mut schedule = Schedule::new(seed);
                let [alone, left] = [alone, left].map(Duration::from_millis);
                let wait = schedule.hold_back(alone, left);
                let bounds = Duration::from_millis(lowest)..=Duration::from_millis(highest);
                assert!(bounds.contains(&wait), "{alone:?} of {left:?}: {wait:?}");
                // Then it is held back no more, and there is no other if it fails.
                if last {
                    assert_eq!(schedule.hold_back(alone, left), Duration::ZERO);
                    assert_eq!(schedule.after_failure(true, left), None);
                    assert_eq!(schedule.after_failure(false, left), None);
                }
                assert_eq!(schedule.used_the_rest, last, "{alone:?} of {left:?}");
            }
        }
    }

    #[test]
    fn answer_that_says_when_does_not_raise_the_backoff() {
        for seed in 0..100 {
            let mut schedule = Schedule::new(seed);
            for _ in 0..10 {
                assert!(schedule.after_failure(true, LONG).unwrap() <= ASKED_JITTER);
            }
            assert!(schedule.after_failure(false, LONG).unwrap() <= FIRST);
        }
    }

    #[test]
    fn rest_of_the_time_is_used_once() {
        let mut schedule = Schedule::new(7);
        schedule.upper = MAX;
        let left = SHORTEST_LEFT;
        let mut waits = Vec::new();
        while let Some(wait) = schedule.after_failure(false, left) {
            assert!(wait < left);
            waits.push(wait);
            assert!(waits.len() < 100);
        }
        assert_eq!(waits.last(), Some(&(left / 2)));
        assert_eq!(Schedule::new(7).after_failure(false, Duration::ZERO), None);
    }
}
