//! The outcomes of requests, for samplers that adapt to them.

mod outcomes;
mod processor;

use std::time::Duration;

pub(crate) use outcomes::Outcomes;
pub use processor::OutcomeProcessor;

/// The outcome of a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How long the request took.
    pub duration: Duration,
    /// Whether the request failed.
    pub is_error: bool,
    /// The probability with which the request was sampled. The outcome represents 1/probability
    /// requests.
    pub probability: f64,
}

impl Outcome {
    /// Creates the outcome of a request that was sampled with probability 1.
    pub const fn new(duration: Duration, is_error: bool) -> Self {
        Self {
            duration,
            is_error,
            probability: 1.0,
        }
    }

    /// Returns how many requests the outcome represents, from 1 to 10,000.
    pub(crate) fn weight(&self) -> f64 {
        let weight = 1.0 / self.probability;
        if weight.is_nan() {
            1.0
        } else {
            weight.clamp(1.0, 10_000.0)
        }
    }
}
