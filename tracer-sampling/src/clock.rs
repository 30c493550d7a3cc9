//! The monotonic clock of samplers that depend on time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A monotonic clock that starts at zero when it is created.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tracer_sampling::Clock;
///
/// let (clock, hand) = Clock::manual();
/// hand.advance(Duration::from_secs(2));
/// assert_eq!(clock.elapsed(), Duration::from_secs(2));
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Manual(Arc<AtomicU64>),
    System(Instant),
}

/// A handle that moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl Clock {
    /// Creates a clock that follows the monotonic clock of the system.
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// Creates a clock that moves only through the returned handle, for tests and simulations.
    pub fn manual() -> (Self, ManualClock) {
        let nanos = Arc::new(AtomicU64::new(0));
        (Self(Source::Manual(Arc::clone(&nanos))), ManualClock(nanos))
    }

    /// Returns the time since the clock was created.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// Returns the time since the clock was created in nanoseconds, which fit for 584 years.
    pub(crate) fn nanos(&self) -> u64 {
        match &self.0 {
            // Relaxed: a number that orders no other memory access.
            Source::Manual(nanos) => nanos.load(Ordering::Relaxed),
            Source::System(start) => {
                let elapsed = start.elapsed();
                elapsed.as_secs() * 1_000_000_000 + u64::from(elapsed.subsec_nanos())
            }
        }
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: a number that orders no other memory access.
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}
