//! An estimate of the rate of events, which follows steps at once and noise slowly.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::atomic_f64::AtomicF64;

/// A counter of events that estimates the events a second and their weight a second.
///
/// Events are counted in windows of one second. A window ends with the first event after that time,
/// so there is no timer, and rare events make long windows. At the end of a window, the estimate
/// moves towards the observed rate with a time constant of [`SMOOTHING_SECONDS`]. This reduces the
/// noise of random arrivals to a third. The estimate follows a step at once:
///
/// - If there are more than twice as many events as expected, the window ends early and the
///   observed rate becomes the estimate.
/// - If there are fewer than half as many, the observed rate becomes the estimate at the end of the
///   window. This does not apply if so few events were expected that it may be chance.
///
/// Relaxed throughout: each number is read independently, and a decision by an older number is just
/// as good.
#[derive(Debug, Default)]
pub(crate) struct RateEstimate {
    /// When the window began, in nanoseconds; 0 before the first event.
    window_start: AtomicU64,
    /// The number of events in this window.
    events: AtomicU64,
    /// The sum of their weights, in units of 1/[`WEIGHT_UNIT`].
    weight: AtomicU64,
    /// The estimated events a second.
    per_second: AtomicF64,
    /// The estimated weight of all events in a second.
    weight_per_second: AtomicF64,
    /// The number of certain events in this window.
    certain: AtomicU64,
    /// The estimated certain events a second.
    certain_per_second: AtomicF64,
    /// All events and their weight in a second, observed in the last window alone.
    last_per_second: AtomicF64,
    last_weight_per_second: AtomicF64,
}

impl RateEstimate {
    /// Forgets everything.
    pub(crate) fn reset(&self) {
        for count in [
            &self.window_start,
            &self.events,
            &self.weight,
            &self.certain,
        ] {
            count.store(0, Ordering::Relaxed);
        }
        for estimate in [
            &self.per_second,
            &self.weight_per_second,
            &self.certain_per_second,
            &self.last_per_second,
            &self.last_weight_per_second,
        ] {
            estimate.set(0.0);
        }
    }

    /// Counts one event with a weight from 0 to 1, or with `None` a certain one. Returns `true` to one thread if a window has
    /// ended, so that the estimates have changed.
    pub(crate) fn count(&self, weight: Option<f64>, now: u64) -> bool {
        let events = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        match weight {
            Some(weight) => {
                let units = (weight.clamp(0.0, 1.0) * WEIGHT_UNIT) as u64;
                self.weight.fetch_add(units, Ordering::Relaxed);
            }
            None => {
                self.certain.fetch_add(1, Ordering::Relaxed);
            }
        }
        let start = self.window_start.load(Ordering::Relaxed);
        let elapsed = now.saturating_sub(start);
        let is_over = elapsed >= WINDOW_NANOS
            || (elapsed >= SHORTEST_NANOS
                && events as f64 > 2.0 * self.per_second.get() + FEWEST_EVENTS);
        is_over && self.end_window(start, now)
    }

    /// Returns the estimated events a second; 0 before the first window has ended.
    pub(crate) fn per_second(&self) -> f64 {
        self.per_second.get()
    }

    /// Returns the estimated weight of a second's events.
    pub(crate) fn weight_per_second(&self) -> f64 {
        self.weight_per_second.get()
    }

    /// Returns the estimated certain events a second.
    pub(crate) fn certain_per_second(&self) -> f64 {
        self.certain_per_second.get()
    }

    /// Returns the events a second in the last window alone.
    pub(crate) fn last_per_second(&self) -> f64 {
        self.last_per_second.get()
    }

    /// Returns the weight of a second's events in the last window alone.
    pub(crate) fn last_weight_per_second(&self) -> f64 {
        self.last_weight_per_second.get()
    }

    #[cold]
    fn end_window(&self, start: u64, now: u64) -> bool {
        let swap = self.window_start.compare_exchange(
            start,
            now.max(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if swap.is_err() {
            return false;
        }
        if start == 0 {
            // The first event only starts the first window.
            self.events.store(0, Ordering::Relaxed);
            self.weight.store(0, Ordering::Relaxed);
            self.certain.store(0, Ordering::Relaxed);
            return false;
        }
        let events = self.events.swap(0, Ordering::Relaxed) as f64;
        let weight = self.weight.swap(0, Ordering::Relaxed) as f64 / WEIGHT_UNIT;
        let certain = self.certain.swap(0, Ordering::Relaxed) as f64;
        if self.window_start.load(Ordering::Relaxed) != now.max(1) {
            // This thread was held up for so long that another one ended the next window.
            return false;
        }
        let seconds = now.saturating_sub(start) as f64 / 1e9;
        let smooth = 1.0 - (-seconds / SMOOTHING_SECONDS).exp();
        let expected = self.per_second.get();
        let observed = events / seconds;
        // With this many events, twice or half the expected number is not chance.
        let is_step = |count: f64| expected == 0.0 || count >= FEWEST_EVENTS;
        let part = if (observed > 2.0 * expected && is_step(events))
            || (observed < expected / 2.0 && is_step(expected * seconds / 4.0))
        {
            1.0
        } else {
            smooth
        };
        self.per_second.set(expected + part * (observed - expected));
        self.last_per_second.set(observed);
        for (estimate, count) in [
            (&self.weight_per_second, weight),
            (&self.certain_per_second, certain),
        ] {
            let (expected, observed) = (estimate.get(), count / seconds);
            let is_near = observed <= 2.0 * expected && observed >= expected / 2.0;
            let part = if is_near || !is_step(events) {
                smooth
            } else {
                1.0
            };
            estimate.set(expected + part * (observed - expected));
        }
        self.last_weight_per_second.set(weight / seconds);
        true
    }
}

const WINDOW_NANOS: u64 = 1_000_000_000;
/// The shortest window that ends early. The rate of a shorter one would be mostly noise.
const SHORTEST_NANOS: u64 = 10_000_000;
/// With fewer events, a step cannot be distinguished from noise.
const FEWEST_EVENTS: f64 = 16.0;
const SMOOTHING_SECONDS: f64 = 5.0;
/// Units of this size are fine enough for weights of 10^-9, and 2^32 events fit in a window.
const WEIGHT_UNIT: f64 = (1_u64 << 32) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Counts events at even distances, and returns the time of the end.
    fn run(rate: &RateEstimate, from: f64, seconds: f64, per_second: f64) -> f64 {
        let events = (seconds * per_second) as u64;
        for event in 0..events {
            let at = from + event as f64 / per_second;
            rate.count(Some(0.5), (at * SECOND as f64) as u64);
        }
        from + seconds
    }

    #[track_caller]
    fn check_near(found: f64, expected: f64, part: f64) {
        assert!(
            (found - expected).abs() <= expected * part,
            "{found} is not near {expected}"
        );
    }

    #[test]
    fn a_steady_rate_is_found_and_kept() {
        let rate = RateEstimate::default();
        let mut now = run(&rate, 1.0, 2.1, 250.0);
        for _ in 0..20 {
            now = run(&rate, now, 1.0, 250.0);
            check_near(rate.per_second(), 250.0, 0.02);
            check_near(rate.weight_per_second(), 125.0, 0.02);
        }
    }

    #[test]
    fn a_step_up_is_followed_in_milliseconds() {
        let rate = RateEstimate::default();
        let now = run(&rate, 1.0, 5.0, 100.0);
        run(&rate, now, 0.05, 100_000.0);
        check_near(rate.per_second(), 100_000.0, 0.2);
    }

    #[test]
    fn a_step_down_is_followed_in_seconds() {
        let rate = RateEstimate::default();
        let now = run(&rate, 1.0, 5.0, 100_000.0);
        run(&rate, now, 30.0, 100.0);
        check_near(rate.per_second(), 100.0, 0.1);
    }

    #[test]
    fn rare_events_are_counted_over_long_windows() {
        let rate = RateEstimate::default();
        run(&rate, 1.0, 3_000.0, 0.1);
        check_near(rate.per_second(), 0.1, 0.1);
    }

    #[test]
    fn time_that_goes_back_is_harmless() {
        let rate = RateEstimate::default();
        for now in [5 * SECOND, 0, u64::MAX, 1, u64::MAX, SECOND] {
            rate.count(Some(1.0), now);
        }
        assert!(rate.per_second().is_finite());
    }
}
