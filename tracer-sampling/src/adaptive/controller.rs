//! Computes probabilities from observed requests and outcomes.
//!
//! The number of sampled requests is not fed back, because the rate of requests does not depend on
//! it. The probability that meets a target therefore follows from the rate alone, in one step, and
//! cannot oscillate.
//!
//! ```text
//! operation:  wanted      = operation target x boost / rate            (at most 1)
//! service:    scale       = (service target x boost x shed - forced traces a second)
//!                           / wanted traces a second                                 (at most 1)
//! decision:   probability = wanted x scale, within the bounds
//! ```

use std::time::Duration;

use crate::atomic_f64::AtomicF64;
use crate::operations::State;
use crate::outcome::Outcomes;
use crate::rate_estimate::RateEstimate;
use crate::rate_limiting::TokenBucket;

/// The observations of one operation, and its wanted probability.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) requests: RateEstimate,
    pub(super) outcomes: Outcomes,
    pub(super) floor: TokenBucket,
    /// The probability before it is scaled to the target of the service.
    wanted: AtomicF64,
}

/// The observations of the whole service, and the factor that keeps its target.
#[derive(Debug)]
pub(super) struct Service {
    /// Requests, each with the probability that its operation wants.
    pub(super) requests: RateEstimate,
    pub(super) outcomes: Outcomes,
    scale: AtomicF64,
}

impl Default for Operation {
    fn default() -> Self {
        Self {
            requests: RateEstimate::default(),
            outcomes: Outcomes::new(),
            floor: TokenBucket::new(),
            wanted: AtomicF64::new(1.0),
        }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            requests: RateEstimate::default(),
            outcomes: Outcomes::new(),
            scale: AtomicF64::new(1.0),
        }
    }
}

impl State for Operation {
    fn reset(&self) {
        self.requests.reset();
        self.outcomes.reset();
        self.floor.reset();
        self.wanted.set(1.0);
    }
}

impl Operation {
    /// Counts a request, and returns the probability that this operation wants.
    pub(super) fn request(&self, target: f64, now: u64) -> f64 {
        if self.requests.count(Some(0.0), now) {
            let rate = self.requests.per_second();
            self.wanted.set(ratio(target * boost(&self.outcomes), rate));
        }
        self.wanted.get()
    }

    pub(super) fn wanted(&self) -> f64 {
        self.wanted.get()
    }
}

impl Service {
    /// Counts a request that is sampled with the probability `wanted`, or certainly, and returns
    /// the factor that keeps the service at its target.
    pub(super) fn request(
        &self,
        wanted: Option<f64>,
        target: f64,
        shed_above: f64,
        now: u64,
    ) -> f64 {
        if self.requests.count(wanted, now) {
            let shed = ratio(shed_above, self.requests.per_second());
            let target = target * boost(&self.outcomes) * shed;
            let left = (target - self.requests.certain_per_second()).max(0.0);
            self.scale
                .set(ratio(left, self.requests.weight_per_second()));
        }
        self.scale.get()
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale.get()
    }
}

/// Returns the factor by which the target grows if requests fail or are slow. It is the larger of
/// the factors for errors and for latency, from 1 to 2.
pub(super) fn boost(outcomes: &Outcomes) -> f64 {
    let errors = outcomes.error_ratio().unwrap_or(0.0);
    let p99 = outcomes.p99_seconds().unwrap_or(0.0);
    boost_of(errors, Duration::from_secs_f64(p99))
}

fn boost_of(error_ratio: f64, p99: Duration) -> f64 {
    let errors = if error_ratio > 0.05 {
        (1.0 + 10.0 * error_ratio).min(2.0)
    } else {
        1.0
    };
    let p99 = p99.as_secs_f64();
    let latency = if p99 > 1.0 {
        (1.0 + (p99 - 1.0) / 10.0).min(1.5)
    } else {
        1.0
    };
    errors.max(latency)
}

/// Returns `part / whole`, or 1 if `whole` is not larger than `part`.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > part { part / whole } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factor is min(2, 1 + 10 x error rate) above 5 % errors, and min(1.5, 1 + (p99 - 1 s) /
    /// 10 s) above a p99 of 1 s.
    #[test]
    fn errors_and_slow_requests_raise_the_target() {
        for (errors, p99_millis, expected) in [
            (0.0, 0, 1.0),
            (0.05, 1_000, 1.0),
            (0.06, 0, 1.6),
            (0.1, 0, 2.0),
            (1.0, 0, 2.0),
            (0.0, 3_000, 1.2),
            (0.0, 6_000, 1.5),
            (0.0, 60_000, 1.5),
            (0.06, 3_000, 1.6),
        ] {
            let boost = boost_of(errors, Duration::from_millis(p99_millis));
            assert!(
                (boost - expected).abs() < 1e-9,
                "{errors} {p99_millis}: {boost}"
            );
        }
    }
}
