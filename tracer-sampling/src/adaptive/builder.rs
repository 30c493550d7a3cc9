//! The settings of the adaptive sampler.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::{Adaptive, Shared};
use crate::clock::Clock;
use crate::composable::Rule;
use crate::error::Error;
use crate::operations::{IDLE_SECONDS, Operations};
use crate::rate_limiting::Limit;
use crate::threshold::SMALLEST_RATIO;

/// The settings of an [`Adaptive`] sampler.
#[derive(Clone, Debug)]
pub struct AdaptiveBuilder {
    pub(super) service_target: f64,
    pub(super) operation_target: f64,
    pub(super) probabilities: RangeInclusive<f64>,
    pub(super) floor: Option<Duration>,
    pub(super) shed_above: f64,
    pub(super) forced: Vec<Rule>,
    pub(super) operations: usize,
    pub(super) clock: Clock,
}

impl AdaptiveBuilder {
    pub(super) fn new(traces_per_second: f64) -> Self {
        Self {
            service_target: traces_per_second,
            operation_target: traces_per_second,
            probabilities: 0.001..=1.0,
            floor: Some(Duration::from_secs(60)),
            shed_above: 100_000.0,
            forced: Vec::new(),
            operations: 1_000,
            clock: Clock::system(),
        }
    }

    /// Sets how many traces of one operation are sampled a second, from 10^-6 to 10^9. Default: the
    /// target of the service, so that only the service has a limit.
    pub fn per_operation(mut self, traces_per_second: f64) -> Self {
        self.operation_target = traces_per_second;
        self
    }

    /// Sets the smallest and the largest probability of an operation, from 2^-56 to 1. Default:
    /// 0.001 and 1. An operation at the smallest probability is sampled more often than its target
    /// asks for.
    pub fn probabilities(mut self, smallest: f64, largest: f64) -> Self {
        self.probabilities = smallest..=largest;
        self
    }

    /// Sets the period in which one trace of a rare operation is sampled in any case, from 1 ms to
    /// 10 days. An operation is rare if fewer than three of its traces are expected in that period.
    /// `None` turns this floor off. Default: one minute.
    pub fn floor(mut self, time: Option<Duration>) -> Self {
        self.floor = time;
        self
    }

    /// Sets the number of requests a second above which the service counts as overloaded, from
    /// 10^-6 to 10^9. Above it, the target shrinks as the load grows. Default: 100,000.
    pub fn shed_above(mut self, requests_per_second: f64) -> Self {
        self.shed_above = requests_per_second;
        self
    }

    /// Samples every span that the rule matches, for example a critical operation or a request with
    /// a debug flag. Can be called several times.
    pub fn force(mut self, rule: Rule) -> Self {
        self.forced.push(rule);
        self
    }

    /// Sets how many operations have a state of their own, from 1 to 2^20. Operations that come
    /// later share one state until another operation has been idle for ten minutes. Default: 1,000.
    /// Each takes 0.7 to
    /// 1.5 KiB.
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
    /// [`Error::RateOutOfRange`] for a target or load out of range, [`Error::RatioOutOfRange`] and
    /// [`Error::RatioTooSmall`] for a probability, [`Error::FloorOutOfRange`] for the floor.
    pub fn build(self) -> Result<Adaptive, Error> {
        for rate in [self.service_target, self.operation_target, self.shed_above] {
            if !(1e-6..=1e9).contains(&rate) {
                return Err(Error::RateOutOfRange { rate });
            }
        }
        let (smallest, largest) = (*self.probabilities.start(), *self.probabilities.end());
        for ratio in [largest, smallest] {
            if !(0.0..=largest.min(1.0)).contains(&ratio) {
                return Err(Error::RatioOutOfRange { ratio });
            }
            if ratio < SMALLEST_RATIO {
                return Err(Error::RatioTooSmall { ratio });
            }
        }
        let floor = match self.floor {
            None => None,
            Some(time) => {
                let seconds = time.as_secs_f64();
                if !(0.001..=864_000.0).contains(&seconds) {
                    return Err(Error::FloorOutOfRange { floor: time });
                }
                Some(Limit::new(1.0 / seconds, 1)?)
            }
        };
        Ok(Adaptive {
            shared: Arc::new(Shared {
                floor,
                service: Default::default(),
                operations: Operations::new(self.operations, IDLE_SECONDS, Default::default),
                settings: self,
            }),
        })
    }
}
