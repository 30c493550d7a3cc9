//! A clock that a test moves.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use super::{Clock, system_time, unix_nanos};

/// 2000-01-01T00:00:00Z, in seconds since the epoch.
const START: u64 = 946_684_800;

/// A clock that stands still until a test advances it. Clones share one time, and any number of
/// providers may use the same clock.
///
/// It determines the times of starts, events and ends of spans. Times that the caller sets itself
/// (`with_start_time`, `end_with_timestamp`) are not changed. Exports (deadlines, batches) use the
/// real time.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use tracer_core::{span, testing::TestProvider};
///
/// let trace = TestProvider::new();
/// {
///     let _span = span!("checkout");
///     trace.clock().advance(Duration::from_millis(250));
/// }
/// assert_eq!(trace.span("checkout").duration(), Duration::from_millis(250));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    /// The time at which `mock` was zero, in nanoseconds since the epoch.
    start: u64,
    counter: quanta::Clock,
    mock: Arc<quanta::Mock>,
}

impl ManualClock {
    /// Creates a clock that shows 2000-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self::at(system_time(START * 1_000_000_000))
    }

    /// Creates a clock that shows this time. A time before 1970 becomes 1970.
    pub fn at(start: SystemTime) -> Self {
        let (counter, mock) = quanta::Clock::mock();
        Self {
            start: unix_nanos(start),
            counter,
            mock,
        }
    }

    /// Advances the clock, at most to the year 2554, the latest time of a span.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.mock.increment(by.min(u64::MAX - self.nanos()));
    }

    /// Returns the time that the clock shows.
    pub fn now(&self) -> SystemTime {
        system_time(self.nanos())
    }

    fn nanos(&self) -> u64 {
        self.start.saturating_add(self.mock.value())
    }

    /// Returns the clock of a provider.
    pub(crate) fn clock(&self) -> Clock {
        Clock {
            start: self.mock.value(),
            counter: self.counter.clone(),
            anchor: AtomicU64::new(self.nanos()),
            is_manual: true,
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_moves_only_by_hand_and_stops_where_the_time_of_spans_ends() {
        let manual = ManualClock::new();
        let clock = manual.clock();
        let wall = || system_time(clock.anchor().wall(clock.monotonic_nanos()));
        // 2000-01-01T00:00:00Z by `date -u -d @946684800`.
        assert_eq!(wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(START));
        clock.follow(SystemTime::now);
        manual.advance(Duration::from_secs(3));
        assert_eq!(
            wall(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(START + 3)
        );
        assert_eq!(wall(), manual.now());
        manual.advance(Duration::MAX);
        manual.advance(Duration::MAX);
        assert_eq!(wall(), system_time(u64::MAX));
    }

    #[test]
    fn provider_that_joins_later_shows_the_same_time() {
        let manual = ManualClock::at(SystemTime::UNIX_EPOCH);
        manual.advance(Duration::from_secs(5));
        let clock = manual.clock();
        manual.advance(Duration::from_secs(5));
        assert_eq!(clock.anchor().wall(clock.monotonic_nanos()), 10_000_000_000);
    }
}
