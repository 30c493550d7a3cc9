//! When a collector that asked to be left alone may be called again: known to all exports of one
//! exporter, so that the next batch does not go where the last one was sent away. Time is an
//! argument.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The longest wait that a collector may ask for.
const MAX_ASKED: Duration = Duration::from_secs(30);

/// No request goes out before this instant.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// The collector asked to be left alone for `wait`. What it asked for before still counts if
    /// that ends later: answers to requests made at the same time come in any order.
    pub(super) fn ask(&self, wait: Duration, now: Instant) {
        let asked = now + wait.min(MAX_ASKED);
        let mut not_before = self.not_before();
        *not_before = (*not_before).max(Some(asked));
    }

    /// The collector took a batch: whatever it asked for is over.
    pub(super) fn clear(&self) {
        *self.not_before() = None;
    }

    /// How long the collector is still to be left alone.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.not_before()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn not_before(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Answer {
        Asks(u64),
        Takes,
    }

    #[test]
    fn latest_request_counts_until_a_batch_is_taken() {
        use Answer::{Asks, Takes};

        let start = Instant::now();
        let second = Duration::from_secs;
        let throttle = Throttle::default();
        assert_eq!(throttle.left(start), Duration::ZERO);
        // At which second, what the collector answers, and what is then left in seconds.
        let cases = [
            (0, Asks(15), 15),
            (1, Asks(3), 14),
            (2, Asks(20), 20),
            (3, Asks(0), 19),
            (3, Takes, 0),
            (3, Asks(2), 2),
            (9, Asks(0), 0),
            (10, Asks(30), 30),
            (20, Asks(1_000_000_000_000), 30),
            (20, Asks(u64::MAX), 30),
        ];
        for (number, (at, answer, left)) in cases.into_iter().enumerate() {
            let now = start + second(at);
            match answer {
                Asks(wait) => throttle.ask(second(wait), now),
                Takes => throttle.clear(),
            }
            assert_eq!(throttle.left(now), second(left), "case {number}");
            assert_eq!(throttle.left(now + second(left)), Duration::ZERO);
        }
    }
}
