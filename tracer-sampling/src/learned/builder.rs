//! The settings of the learned sampler.

use std::sync::Arc;
use std::time::Duration;

use super::{DEFAULT_SLOW_AFTER, Learned, Model, Shared};
use crate::atomic_f64::AtomicF64;
use crate::clock::Clock;
use crate::composable::Rule;
use crate::error::Error;
use crate::operations::{IDLE_SECONDS, Operations};

/// The settings of a [`Learned`] sampler.
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

    /// Sets the duration above which a request counts as slow, and therefore as interesting. At
    /// least 1 ms. Default: one second.
    pub fn slow_after(mut self, duration: Duration) -> Self {
        self.slow_after = duration.max(Duration::from_millis(1));
        self
    }

    /// Adds keys of attributes whose values are features of a request. Only attributes that are
    /// known when the span starts count. Choose keys with few distinct values, because all values
    /// share 4,096 weights.
    pub fn features<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.features.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Sets the criticality of the requests that match a rule, from 0 to 1. If several rules match,
    /// the largest criticality counts. Criticality is only a hint, because the model learns its
    /// weight. To sample a request in any case, put a [`RuleBased`](crate::composable::RuleBased)
    /// sampler in front of this one.
    pub fn critical(mut self, rule: Rule, criticality: f64) -> Self {
        self.critical.push((rule, criticality));
        self
    }

    /// Sets how many operations have a weight of their own, from 1 to 2^20. Operations that come
    /// later share one weight until another operation has been idle for ten minutes. Default:
    /// 1,000. Each takes 150 to 300 bytes.
    pub fn operations(mut self, most: usize) -> Self {
        self.operations = most;
        self
    }

    /// Sets the clock. Default: the clock of the system.
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
                operations: Operations::new(self.operations, IDLE_SECONDS, Default::default),
                service: Default::default(),
                requests: Default::default(),
                factor: AtomicF64::new(1.0),
                settings: self,
            }),
        })
    }
}
