//! A token bucket in one atomic number.
//!
//! A bucket that holds `burst` tokens and gets `rate` tokens a second is equivalent to a schedule
//! (the generic cell rate algorithm, ITU-T I.371): each accepted call moves the *earliest time of
//! the next call* by 1/rate, starting from now if that time has passed. A call is accepted as long
//! as the earliest time is at most `burst - 1` such intervals ahead of now. So the whole state is
//! one time, a refused call writes nothing, and no call delays another one. A limiter that moves
//! its time on refused calls, too, never refills under load. The Rust port of Jaeger's limiter has
//! this defect.

use crate::error::Error;
use crate::operations::State;
use crate::sync::{AtomicU64, Ordering};

/// A bucket that gives out tokens at a limited rate. Any number of threads together get at most
/// `burst + rate x t` tokens in any `t` seconds.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    /// The earliest time of the next call if calls come at the full rate, in units of
    /// 1/[`UNITS_PER_NANO`] ns.
    next: AtomicU64,
}

/// The rate and the burst of buckets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limit {
    /// Units between two tokens. Invariant: at least 1.
    interval: u64,
    /// Units by which `next` may be ahead of now: one interval for each token of the burst except
    /// the first.
    ahead: u64,
}

impl Limit {
    /// Creates the limit, or refuses a rate outside 10^-6 to 10^9 and a burst of 0.
    pub(crate) fn new(per_second: f64, burst: u32) -> Result<Self, Error> {
        if !(1e-6..=1e9).contains(&per_second) {
            return Err(Error::RateOutOfRange { rate: per_second });
        }
        if burst == 0 {
            return Err(Error::BurstZero);
        }
        // Rounded up, so that the rate is never exceeded.
        let interval = ((UNITS_PER_SECOND / per_second).ceil() as u64).max(1);
        Ok(Self {
            interval,
            // Half of the time, 18 years: no sum below reaches the end of time, where all are equal.
            ahead: interval
                .saturating_mul(u64::from(burst) - 1)
                .min(u64::MAX / 2),
        })
    }
}

impl Limit {
    /// Returns the seconds in which an empty bucket becomes full, rounded up.
    pub(crate) fn seconds_to_fill(self) -> u64 {
        self.ahead.saturating_add(self.interval) / (UNITS_PER_NANO * 1_000_000_000) + 1
    }
}

impl State for TokenBucket {
    fn reset(&self) {
        self.next.store(0, Ordering::Relaxed);
    }
}

impl TokenBucket {
    /// Creates a full bucket.
    pub(crate) fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
        }
    }

    /// Takes a token, if there is one. Times that go back are harmless.
    pub(crate) fn take(&self, limit: Limit, now_nanos: u64) -> bool {
        let now = now_nanos.saturating_mul(UNITS_PER_NANO);
        // Relaxed, here and below: threads share only this one number.
        let mut next = self.next.load(Ordering::Relaxed);
        loop {
            if next > now.saturating_add(limit.ahead) {
                return false;
            }
            let moved = next.max(now).saturating_add(limit.interval);
            let swapped =
                self.next
                    .compare_exchange_weak(next, moved, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return true,
                Err(current) => next = current,
            }
        }
    }
}

/// High rates need a finer unit than nanoseconds. With sixteenths, the error of rates up to a
/// million a second is below 0.007 %, and the time fits for 36 years.
const UNITS_PER_NANO: u64 = 16;
const UNITS_PER_SECOND: f64 = 1e9 * UNITS_PER_NANO as f64;

#[cfg(all(test, not(tracer_loom)))]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn accepted(limit: Limit, calls: impl Iterator<Item = u64>) -> usize {
        let bucket = TokenBucket::new();
        calls.filter(|now| bucket.take(limit, *now)).count()
    }

    /// Constant load uses the limit in full: 60 s at 10/s, plus the burst.
    #[test]
    fn load_above_the_limit_gets_the_whole_rate() {
        let limit = Limit::new(10.0, 10).unwrap();
        let calls = (0..12_000).map(|call| call * SECOND / 200);
        // The last call is at 59.995 s.
        assert_eq!(accepted(limit, calls), 10 + 599);
    }

    #[test]
    fn a_burst_is_taken_at_once_and_refills() {
        let limit = Limit::new(2.0, 3).unwrap();
        let at = |seconds: &[u64]| {
            let calls: Vec<_> = seconds
                .iter()
                .flat_map(|second| [second * SECOND; 5])
                .collect();
            accepted(limit, calls.into_iter())
        };
        assert_eq!(at(&[0]), 3);
        assert_eq!(at(&[0, 1]), 3 + 2);
        assert_eq!(at(&[0, 100]), 3 + 3);
        assert_eq!(at(&[100, 0]), 3);
    }

    #[test]
    fn slow_and_fast_rates_are_kept() {
        let slow = Limit::new(0.001, 1).unwrap();
        let each_second = (0..3_001).map(|call| call * SECOND);
        assert_eq!(accepted(slow, each_second), 4);
        let fast = Limit::new(700_000.0, 10).unwrap();
        let each_100_nanos = (0..10_000_000).map(|call| call * 100);
        let accepted = accepted(fast, each_100_nanos);
        assert!((699_950..=700_010).contains(&accepted), "{accepted}");
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let limit = Limit::new(1e-6, u32::MAX).unwrap();
        let bucket = TokenBucket::new();
        for now in [0, u64::MAX, 0, u64::MAX / 2] {
            bucket.take(limit, now);
        }
    }

    /// A burst that takes longer to refill than the clock runs is still a limit.
    #[test]
    fn a_burst_without_end_is_given_out_once() {
        let limit = Limit::new(1e-6, 2_000).unwrap();
        let accepted = accepted(limit, std::iter::repeat_n(0, 10_000));
        assert!((500..=2_000).contains(&accepted), "{accepted}");
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        for rate in [0.0, -1.0, 1e-7, 2e9, f64::NAN, f64::INFINITY] {
            let error = Limit::new(rate, 1).unwrap_err();
            assert!(matches!(error, Error::RateOutOfRange { .. }), "{rate}");
        }
        assert_eq!(Limit::new(1.0, 0), Err(Error::BurstZero));
    }
}

#[cfg(all(test, tracer_loom))]
mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// Two threads make three calls each within less than one interval, and get exactly the burst.
    #[test]
    fn threads_together_never_exceed_the_limit() {
        loom::model(|| {
            let limit = Limit::new(1.0, 2).unwrap();
            let bucket = Arc::new(TokenBucket::new());
            let take =
                move |bucket: &TokenBucket| (0..3).filter(|now| bucket.take(limit, *now)).count();
            let other = thread::spawn({
                let bucket = Arc::clone(&bucket);
                move || take(&bucket)
            });
            let here = take(&bucket);
            assert_eq!(here + other.join().unwrap(), 2);
        });
    }
}
