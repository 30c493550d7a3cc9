//! The time of spans: a monotonic clock, anchored to the wall clock.
//!
//! Reading the time stamp counter takes about 9 ns, while `SystemTime::now` takes 23 ns. A span
//! keeps the anchor that was valid at its start. So its duration and the order of its events are
//! monotonic, whatever happens to the wall clock in the meantime. The worker updates the anchor, so
//! that new spans follow the wall clock.
//!
//! [`quanta`] reads the counter, and calibrates it for the first provider, which takes 0.6 ms. If
//! the counter is not invariant, [`quanta`] uses the monotonic clock of the operating system
//! instead.

#[cfg(feature = "testing")]
mod manual;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[cfg(feature = "testing")]
pub use self::manual::ManualClock;

/// Returns wall time as nanoseconds since the epoch: 0 before it, `u64::MAX` after the year 2554.
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_nanos()
        .try_into()
        .unwrap_or(u64::MAX)
}

/// Converts nanoseconds since the epoch into wall time, the inverse of [`unix_nanos`].
pub(crate) fn system_time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

/// The clock of one provider.
pub(crate) struct Clock {
    counter: quanta::Clock,
    /// The counter's reading when the clock was created; times are relative to it.
    start: u64,
    /// The wall time of `start`, in nanoseconds since the epoch.
    anchor: AtomicU64,
    /// Whether a test sets the time. The worker then does not adjust the clock.
    is_manual: bool,
}

/// The estimated wall time at which a clock began to count. Read once per span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anchor(u64);

impl Anchor {
    /// Returns the wall time of a monotonic reading of the same clock.
    #[inline]
    pub(crate) fn wall(self, monotonic_nanos: u64) -> u64 {
        self.0.saturating_add(monotonic_nanos)
    }
}

impl Clock {
    /// Creates a clock that is anchored to the current wall time.
    pub(crate) fn new() -> Self {
        let counter = quanta::Clock::new();
        let clock = Self {
            start: counter.raw(),
            counter,
            anchor: AtomicU64::new(0),
            is_manual: false,
        };
        clock.follow(SystemTime::now);
        clock
    }

    /// Returns the nanoseconds since the clock was created, which never decrease.
    #[inline]
    pub(crate) fn monotonic_nanos(&self) -> u64 {
        self.counter.delta_as_nanos(self.start, self.counter.raw())
    }

    /// Returns the anchor for spans that start now.
    #[inline]
    pub(crate) fn anchor(&self) -> Anchor {
        // Relaxed: a single value that orders nothing.
        Anchor(self.anchor.load(Ordering::Relaxed))
    }

    /// Reads the wall clock and updates the anchor for new spans. Called by the worker.
    pub(crate) fn follow(&self, wall: impl Fn() -> SystemTime) {
        if self.is_manual {
            return;
        }
        // A thread that is preempted between the readings would compute a wrong difference, so the
        // closest of three pairs is used.
        let closest = (0..3)
            .map(|_| {
                let before = self.monotonic_nanos();
                let wall = unix_nanos(wall());
                let after = self.monotonic_nanos();
                (after.saturating_sub(before), wall.saturating_sub(after))
            })
            .min();
        if let Some((_, anchor)) = closest {
            // Relaxed: a single value that orders nothing.
            self.anchor.store(anchor, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock")
            .field("anchor", &self.anchor())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_agrees_with_the_wall_clock() {
        let error = || {
            let clock = Clock::new();
            let before = unix_nanos(SystemTime::now());
            let here = clock.anchor().wall(clock.monotonic_nanos());
            let after = unix_nanos(SystemTime::now());
            before.saturating_sub(here).max(here.saturating_sub(after))
        };
        // The best of several, because a busy machine may preempt this thread while a clock is
        // anchored. The limit is 1 ms, because the anchor and the wall clock are not read at the
        // same instant.
        let error = (0..20).map(|_| error()).min();
        assert!(error < Some(1_000_000), "{error:?}");
    }

    const HOUR: Duration = Duration::from_secs(3600);
    const YEARS: Duration = Duration::from_secs(50 * 365 * 24 * 3600);

    /// Returns the times to which the wall clock is set while spans are open. They lie before and
    /// after the present time, before 1970 (the earliest time of a span), and far in the future.
    fn steps() -> [SystemTime; 6] {
        let now = SystemTime::now();
        let before_1970 = UNIX_EPOCH - YEARS;
        [
            now - HOUR,
            now + HOUR,
            now - YEARS,
            now + YEARS,
            before_1970,
            now + YEARS * 4,
        ]
    }

    #[test]
    fn new_anchor_follows_a_step_of_the_wall_clock_and_readings_stay_monotonic() {
        let clock = Clock::new();
        let mut last = clock.monotonic_nanos();
        for stepped in steps() {
            // Twice, because the stepped wall clock stands still.
            for _ in 0..2 {
                clock.follow(|| stepped);
                let now = clock.monotonic_nanos();
                assert!(now >= last);
                last = now;
                let here = clock.anchor().wall(now);
                // Near 1970 the anchor cannot go below zero, so the clock's own age remains as an
                // error.
                let error = here.abs_diff(unix_nanos(stepped));
                assert!(error < 10_000_000 + now, "{stepped:?}: {error}");
            }
        }
    }

    #[test]
    fn span_that_is_open_while_the_wall_clock_steps_keeps_its_duration() {
        use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};

        let memory = opentelemetry_sdk::trace::InMemorySpanExporter::default();
        let provider = crate::TracerProvider::builder()
            .exporter(crate::sdk::SdkExporter::new(memory.clone()))
            .build()
            .unwrap();
        let tracer = provider.tracer("t");
        let clock = &provider.core().clock;
        let mut took = Vec::new();
        for stepped in steps() {
            let earliest = std::time::Instant::now();
            let mut span = tracer.start("x");
            let latest = std::time::Instant::now();
            clock.follow(|| stepped);
            span.add_event("stepped", Vec::new());
            std::thread::sleep(Duration::from_millis(2));
            let least = latest.elapsed();
            span.end();
            took.push((least, earliest.elapsed()));
        }
        provider.force_flush(Duration::from_secs(20)).unwrap();
        let spans = memory.get_finished_spans().unwrap();
        assert_eq!(spans.len(), took.len());
        for (span, (least, most)) in spans.iter().zip(took) {
            let duration = span.end_time.duration_since(span.start_time).unwrap();
            let error = Duration::from_millis(1);
            assert!(duration + error >= least, "{duration:?} below {least:?}");
            assert!(duration <= most + error, "{duration:?} above {most:?}");
            let event = span.events.events[0].timestamp;
            assert!(event >= span.start_time && event <= span.end_time);
        }
    }

    #[test]
    fn times_outside_the_range_are_clamped() {
        assert_eq!(unix_nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        let far = UNIX_EPOCH + Duration::from_secs(u64::MAX / 1_000_000_000 + 1);
        assert_eq!(unix_nanos(far), u64::MAX);
        assert_eq!(Anchor(u64::MAX).wall(5), u64::MAX);
    }

    #[test]
    fn system_time_round_trips() {
        let time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        assert_eq!(system_time(unix_nanos(time)), time);
    }
}
