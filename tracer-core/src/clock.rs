//! The time of spans: a monotonic clock, anchored to the wall clock.
//!
//! Reading the time stamp counter takes about 10 ns where `SystemTime::now` takes 23 ns. A span
//! keeps the offset to the wall clock that was in force when it started, so its duration and the
//! order of its events are monotonic whatever happens to the wall clock meanwhile. The worker
//! renews the offset, so new spans follow the wall clock.
//!
//! Where the processor's counter is not invariant, the clock falls back to `SystemTime` by itself
//! ([`fastant`] decides).

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The wall clock as nanoseconds since the epoch; 0 before it, `u64::MAX` after the year 2554.
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_nanos()
        .try_into()
        .unwrap_or(u64::MAX)
}

/// The inverse of [`unix_nanos`].
pub(crate) fn system_time(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

/// One provider's clock.
pub(crate) struct Clock {
    anchor: fastant::Anchor,
    /// What the anchored counter is behind the wall clock, in nanoseconds.
    offset_nanos: AtomicI64,
}

/// What to add to a monotonic reading to get wall time. Taken once per span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset(i64);

impl Offset {
    /// The wall time of a monotonic reading of the same clock.
    pub(crate) fn apply(self, monotonic_nanos: u64) -> u64 {
        monotonic_nanos.saturating_add_signed(self.0)
    }
}

impl Clock {
    /// A clock anchored at this moment.
    pub(crate) fn new() -> Self {
        Self {
            anchor: fastant::Anchor::new(),
            offset_nanos: AtomicI64::new(0),
        }
    }

    /// Nanoseconds that never run backwards. Close to the wall clock at the time of the anchor.
    pub(crate) fn monotonic_nanos(&self) -> u64 {
        fastant::Instant::now().as_unix_nanos(&self.anchor)
    }

    /// The offset for spans that start now.
    pub(crate) fn offset(&self) -> Offset {
        // Relaxed: a single value that orders nothing.
        Offset(self.offset_nanos.load(Ordering::Relaxed))
    }

    /// Reads the wall clock and lets new spans follow it. Called by the worker.
    pub(crate) fn follow(&self, wall: impl Fn() -> SystemTime) {
        // A thread that is set aside between the readings would see a wrong offset, so the
        // closest of a few pairs counts.
        let offset = (0..3)
            .map(|_| {
                let before = self.monotonic_nanos();
                let wall = unix_nanos(wall());
                let after = self.monotonic_nanos();
                (
                    after.saturating_sub(before),
                    i128::from(wall) - i128::from(after),
                )
            })
            .min()
            .and_then(|(_, offset)| i64::try_from(offset).ok());
        if let Some(offset) = offset {
            // Relaxed: as above.
            self.offset_nanos.store(offset, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock")
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_agrees_with_the_wall_clock() {
        let clock = Clock::new();
        let before = unix_nanos(SystemTime::now());
        let here = clock.offset().apply(clock.monotonic_nanos());
        // 1 ms: the anchor and the wall clock are not read in one instant.
        assert!(here.abs_diff(before) < 1_000_000, "{here} against {before}");
    }

    #[test]
    fn new_offset_follows_a_step_of_the_wall_clock_and_readings_stay_monotonic() {
        let clock = Clock::new();
        let first = clock.monotonic_nanos();
        let hour = Duration::from_secs(3600);
        for stepped in [SystemTime::now() - hour, SystemTime::now() + hour] {
            clock.follow(|| stepped);
            let here = clock.offset().apply(clock.monotonic_nanos());
            assert!(here.abs_diff(unix_nanos(stepped)) < 10_000_000);
        }
        assert!(clock.monotonic_nanos() >= first);
    }

    #[test]
    fn times_outside_the_range_are_clamped() {
        assert_eq!(unix_nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        let far = UNIX_EPOCH + Duration::from_secs(u64::MAX / 1_000_000_000 + 1);
        assert_eq!(unix_nanos(far), u64::MAX);
        assert_eq!(Offset(i64::MIN).apply(5), 0);
    }

    #[test]
    fn system_time_round_trips() {
        let time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        assert_eq!(system_time(unix_nanos(time)), time);
    }
}
