//! The backoff between attempts. It is a pure state machine: time and randomness are arguments.
//!
//! Exponential with full jitter: the n-th wait is drawn evenly from `[0, min(MAX, FIRST * 2^n)]`.
//! Many clients that lost the same collector at the same moment come back spread over the whole
//! interval (M. Brooker, "Exponential Backoff And Jitter", 2015).

use std::time::Duration;

/// The upper end of the first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The upper end of the later ones.
const MAX: Duration = Duration::from_secs(5);
/// The longest jitter added to a delay that the collector asked for, so that clients with the same
/// delay do not return at the same moment.
const ASKED_JITTER: Duration = Duration::from_millis(250);
/// The least time for another attempt. With less time left, a connection is not worth opening.
const SHORTEST_LEFT: Duration = Duration::from_millis(100);
/// The longest time reserved for the last attempt, if the collector asks for more time than is left.
/// The last attempt gets half of the time left if that is shorter.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// The waits of one export.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    upper: Duration,
    random: u64,
    /// Whether the next attempt, or the one in progress, is the last.
    is_last_attempt: bool,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            upper: FIRST,
            random: seed,
            is_last_attempt: false,
        }
    }

    /// Returns how long to delay an attempt that is due, or zero if it may start now. `throttled` is the
    /// rest of the delay that the collector asked for, and `left` the time until the deadline. Call
    /// this again after the delay, because the collector may have asked for more in the meantime.
    pub(super) fn throttle_delay(&mut self, throttled: Duration, left: Duration) -> Duration {
        if throttled.is_zero() || self.is_last_attempt {
            return Duration::ZERO;
        }
        let jitter = self.jitter(ASKED_JITTER);
        if throttled + jitter + SHORTEST_LEFT <= left {
            return throttled + jitter;
        }
        // The collector asked for more time than is left. Dropping the batch at once would drop the
        // queue behind it at the same pace. So the batch waits as long as it can, and is then sent.
        self.is_last_attempt = true;
        left.saturating_sub((left / 2).min(LAST_ATTEMPT) + jitter)
    }

    /// Allows another last attempt after a shutdown has cut a wait short, which leaves less time
    /// than the schedule assumed.
    pub(super) fn allow_last_attempt(&mut self) {
        self.is_last_attempt = false;
    }

    /// Returns the delay after a failed attempt, or `None` if there will be no other attempt. `asked`
    /// says whether the collector asked for a delay, which [`Schedule::throttle_delay`] then adds.
    pub(super) fn retry_delay(&mut self, asked: bool, left: Duration) -> Option<Duration> {
        if self.is_last_attempt {
            return None;
        }
        let wait = if asked {
            // Also for one that asks for no wait at all.
            self.jitter(ASKED_JITTER)
        } else {
            let wait = self.jitter(self.upper);
            self.upper = (self.upper * 2).min(MAX);
            wait
        };
        if wait < left {
            return Some(wait);
        }
        // The draw would end beyond the deadline: one last attempt in the time that is left, for
        // a collector that has just come back.
        self.is_last_attempt = true;
        (left >= SHORTEST_LEFT).then_some(left / 2)
    }

    fn jitter(&mut self, upper: Duration) -> Duration {
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
                let wait = schedule.retry_delay(false, LONG).unwrap();
                assert!(wait <= Duration::from_millis(bound_ms), "seed {seed}");
            }
        }
    }

    #[test]
    fn clients_that_fail_together_come_back_spread() {
        // A window of a fifth of the interval holds about a fifth of 1000 clients: 5 sigma = 63.
        let mut windows = [0; 5];
        for seed in 0..1000 {
            let wait = Schedule::new(seed).retry_delay(false, LONG).unwrap();
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
                let wait = schedule.throttle_delay(alone, left);
                let bounds = Duration::from_millis(lowest)..=Duration::from_millis(highest);
                assert!(bounds.contains(&wait), "{alone:?} of {left:?}: {wait:?}");
                // Then it is held back no more, and there is no other if it fails.
                if last {
                    assert_eq!(schedule.throttle_delay(alone, left), Duration::ZERO);
                    assert_eq!(schedule.retry_delay(true, left), None);
                    assert_eq!(schedule.retry_delay(false, left), None);
                }
                assert_eq!(schedule.is_last_attempt, last, "{alone:?} of {left:?}");
            }
        }
    }

    #[test]
    fn answer_that_says_when_does_not_raise_the_backoff() {
        for seed in 0..100 {
            let mut schedule = Schedule::new(seed);
            for _ in 0..10 {
                assert!(schedule.retry_delay(true, LONG).unwrap() <= ASKED_JITTER);
            }
            assert!(schedule.retry_delay(false, LONG).unwrap() <= FIRST);
        }
    }

    #[test]
    fn rest_of_the_time_is_used_once() {
        let mut schedule = Schedule::new(7);
        schedule.upper = MAX;
        let left = SHORTEST_LEFT;
        let mut waits = Vec::new();
        while let Some(wait) = schedule.retry_delay(false, left) {
            assert!(wait < left);
            waits.push(wait);
            assert!(waits.len() < 100);
        }
        assert_eq!(waits.last(), Some(&(left / 2)));
        assert_eq!(Schedule::new(7).retry_delay(false, Duration::ZERO), None);
    }
}
