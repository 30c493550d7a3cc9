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
/// The longest wait that a collector may ask for.
const MAX_ASKED: Duration = Duration::from_secs(30);
/// What is added to a wait that was asked for, at most, so that all who were told the same
/// moment do not come at once.
const ASKED_JITTER: Duration = Duration::from_millis(250);
/// With less than this left, another attempt is not worth its connection.
const SHORTEST_LEFT: Duration = Duration::from_millis(100);

/// The waits of one export.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    upper: Duration,
    random: u64,
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

    /// The wait before the next attempt, given what the collector asked for and how much time is
    /// left. `None` if there will be no other attempt.
    pub(super) fn next_wait(
        &mut self,
        asked: Option<Duration>,
        left: Duration,
    ) -> Option<Duration> {
        if let Some(asked) = asked {
            let wait = asked.min(MAX_ASKED) + self.up_to(ASKED_JITTER);
            return (wait < left).then_some(wait);
        }
        if self.used_the_rest {
            return None;
        }
        let wait = self.up_to(self.upper);
        self.upper = (self.upper * 2).min(MAX);
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
                let wait = schedule.next_wait(None, LONG).unwrap();
                assert!(wait <= Duration::from_millis(bound_ms), "seed {seed}");
            }
        }
    }

    #[test]
    fn clients_that_fail_together_come_back_spread() {
        // A window of a fifth of the interval holds about a fifth of 1000 clients: 5 sigma = 63.
        let mut windows = [0; 5];
        for seed in 0..1000 {
            let wait = Schedule::new(seed).next_wait(None, LONG).unwrap();
            windows[(wait.as_millis() as usize / 100).min(4)] += 1;
        }
        for window in windows {
            assert!((137..=263).contains(&window), "{windows:?}");
        }
    }

    #[test]
    fn asked_wait_is_kept_and_capped() {
        let mut schedule = Schedule::new(1);
        for (asked, lowest) in [(0, 0), (3, 3), (30, 30), (1_000_000_000_000, 30)] {
            let wait = schedule
                .next_wait(Some(Duration::from_secs(asked)), LONG)
                .unwrap();
            let lowest = Duration::from_secs(lowest);
            assert!(
                wait >= lowest && wait <= lowest + ASKED_JITTER,
                "{asked}: {wait:?}"
            );
        }
        let soon = Duration::from_secs(3);
        assert_eq!(
            schedule.next_wait(Some(soon), soon),
            None,
            "past the deadline"
        );
    }

    #[test]
    fn rest_of_the_time_is_used_once() {
        let mut schedule = Schedule::new(7);
        schedule.upper = MAX;
        let left = SHORTEST_LEFT;
        let mut waits = Vec::new();
        while let Some(wait) = schedule.next_wait(None, left) {
            assert!(wait < left);
            waits.push(wait);
            assert!(waits.len() < 100);
        }
        assert_eq!(waits.last(), Some(&(left / 2)));
        assert_eq!(Schedule::new(7).next_wait(None, Duration::ZERO), None);
    }
}
