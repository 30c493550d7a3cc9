//! The settings of the learned sampler.

use std::sync::Arc;
use std::time::Duration;

use super::{DEFAULT_SLOW_AFTER, Learned, Model, Shared};
use crate::clock::Clock;
use crate::composable::Rule;
use crate::error::Error;
use crate::float::AtomicF64;
use crate::operations::Operations;

/// Settings of [`Learned`].
#[derive(Clone, Debug)]
pub struct LearnedBuilder {
    pub(super) target: f64,
    pub(super) slow_after: Duration,
    pub(super) features: Vec<String>,
    pub(super) critical: Vec<(Rule, f64)>,
    pub(super) operations: usize,
    pub(super) clock: Clock,
}

impl LearnedBuilder {
    pub(super) fn new(traces_per_second: f64) -> Self {
        Self {
            target: traces_per_second,
            slow_after: DEFAULT_SLOW_AFTER,
            features: Vec::new(),
            critical: Vec::new(),
            operations: 1_000,
            clock: Clock::system(),
        }
    }

    /// Sets from which duration on a request is slow, and so interesting: at least 1 ms. Default
    /// one second.
    pub fn slow_after(mut self, duration: Duration) -> Self {
        self.slow_after = duration.max(Duration::from_millis(1));
        self
    }

    /// Adds keys of attributes, whose values are features of a request. Only attributes that are
    /// known when the span starts count. Choose keys with few values: values share 4,096 weights.
    pub fn features<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.features.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Sets how critical requests are that match a rule, from 0 to 1; the largest of several counts.
    /// The model learns what that is worth, so it is a hint and no promise: to be sure, put a
    /// [`RuleBased`](crate::composable::RuleBased) in front.
    pub fn critical(mut self, rule: Rule, criticality: f64) -> Self {
        self.critical.push((rule, criticality));
        self
    }

    /// Sets how many operations have a weight of their own, from 1 to 2^20; those that come later
    /// share one until another one has not been seen for ten minutes. Default 1,000. Each takes
    /// about 0.3 KiB.
    pub fn operations(mut self, most: usize) -> Self {
        self.operations = most;
        self
    }

    /// Sets the clock. Default: that of the system.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the sampler.
    ///
    /// # Errors
    ///
    /// [`Error::RateOutOfRange`] for a target below 10^-6, above 10^9 or NaN;
    /// [`Error::RatioOutOfRange`] for a criticality outside 0 to 1.
    pub fn build(self) -> Result<Learned, Error> {
        if !(1e-6..=1e9).contains(&self.target) {
            return Err(Error::RateOutOfRange { rate: self.target });
        }
        for (_, ratio) in &self.critical {
            if !(0.0..=1.0).contains(ratio) {
                return Err(Error::RatioOutOfRange { ratio: *ratio });
            }
        }
        Ok(Learned {
            shared: Arc::new(Shared {
                model: Model::new(),
                operations: Operations::new(self.operations, Default::default),
                service: Default::default(),
                requests: Default::default(),
                factor: AtomicF64::new(1.0),
                settings: self,
            }),
        })
    }
}
