//! Sampling by strategies from a server (OpenTelemetry, *JaegerRemoteSampler*; Jaeger, *Remote
//! Sampling*).
//!
//! This module contains the sampler and parses the responses of the server. It does not fetch them.
//! `tracer-export` fetches them, and any other program can pass strategies to
//! [`JaegerRemote::update`].

mod strategies;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

pub use strategies::{Strategies, Strategy};

use crate::clock::Clock;
use crate::composable::{SamplingIntent, decide};
use crate::error::Error;
use crate::operations::{IDLE_SECONDS, Operations};
use crate::rate_limiting::{Limit, TokenBucket};
use crate::reason::Reason;
use crate::threshold::{SMALLEST_RATIO, Threshold};

/// A sampler that follows the strategies of the last update.
///
/// | strategy | samples |
/// | --- | --- |
/// | probabilistic | a part of all traces, consistently: sampled spans carry `th` |
/// | rate limiting | at most the given number of spans a second |
/// | per operation | by the probability of the span name, or by the default probability |
///
/// A rate limit has a burst of one second's spans, at least 1. With strategies per operation, an
/// operation that is sampled less often than the lower bound a second is sampled up to that bound.
///
/// New strategies apply from the next decision on. An update without changes does not refill the
/// limits, so polling does not raise them. Up to 2,000 operations have a lower bound of their own;
/// later operations share one.
///
/// The sampler treats a child span like a root span, so make it the root sampler of
/// [`ParentBased`](crate::ParentBased).
///
/// # Cost
///
/// A decision looks up the span name if there are strategies for operations. The sampler does not
/// lock.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::jaeger_remote::{JaegerRemote, Strategies, Strategy};
///
/// // This strategy applies until the first update.
/// let sampler = JaegerRemote::new(Strategy::Probabilistic(0.0))?;
/// let decide = |name| {
///     let id = TraceId::from(1);
///     sampler.should_sample(None, id, name, &SpanKind::Server, &[], &[]).decision
/// };
/// assert_eq!(decide("GET /cart"), SamplingDecision::Drop);
/// sampler.update(&Strategies::from_json(
///     br#"{"operationSampling": {
///         "defaultSamplingProbability": 0,
///         "perOperationStrategies": [
///             {"operation": "GET /cart", "probabilisticSampling": {"samplingRate": 1}}
///         ]
///     }}"#,
/// )?)?;
/// assert_eq!(decide("GET /cart"), SamplingDecision::RecordAndSample);
/// assert_eq!(decide("GET /health"), SamplingDecision::Drop);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone)]
pub struct JaegerRemote {
    shared: Arc<Shared>,
}

struct Shared {
    current: ArcSwap<Current>,
    lower_bounds: Operations<TokenBucket>,
    clock: Clock,
}

/// The strategies, prepared for decisions.
struct Current {
    strategies: Strategies,
    service: Decider,
    operations: HashMap<String, Decider>,
    lower_bound: Option<Limit>,
}

enum Decider {
    Limit(Limit, TokenBucket),
    Never,
    Threshold(Threshold),
}

impl JaegerRemote {
    /// Creates a sampler that follows `initial` until the first update.
    ///
    /// # Errors
    ///
    /// [`Error::RatioOutOfRange`], [`Error::RatioTooSmall`] and [`Error::RateOutOfRange`] for a
    /// number out of range.
    pub fn new(initial: Strategy) -> Result<Self, Error> {
        Self::with_clock(initial, Clock::system())
    }

    /// Creates a sampler as [`new`](Self::new) does, with the given clock.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock(initial: Strategy, clock: Clock) -> Result<Self, Error> {
        let initial = Strategies::of_service(initial);
        Ok(Self {
            shared: Arc::new(Shared {
                current: ArcSwap::from_pointee(Current::new(&initial)?),
                lower_bounds: Operations::new(
                    Strategies::MAX_OPERATIONS,
                    IDLE_SECONDS,
                    TokenBucket::new,
                ),
                clock,
            }),
        })
    }

    /// Replaces the strategies of this sampler and all its clones. Returns whether the new
    /// strategies differ from the previous ones.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`new`](Self::new). After an error, the previous strategies still
    /// apply.
    pub fn update(&self, strategies: &Strategies) -> Result<bool, Error> {
        if self.shared.current.load().strategies == *strategies {
            return Ok(false);
        }
        let current = Current::new(strategies)?;
        self.shared.current.store(Arc::new(current));
        Ok(true)
    }

    /// Returns the strategies that apply now.
    pub fn strategies(&self) -> Strategies {
        self.shared.current.load().strategies.clone()
    }
}

impl ShouldSample for JaegerRemote {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let current = self.shared.current.load();
        let reason = Reason::new("jaeger_remote");
        let decider = current.operations.get(name).unwrap_or(&current.service);
        let intent = match decider {
            Decider::Never => SamplingIntent::drop_span(reason),
            Decider::Threshold(threshold) => SamplingIntent::sample(*threshold, reason),
            Decider::Limit(limit, bucket) => {
                if bucket.take(*limit, self.shared.clock.nanos()) {
                    SamplingIntent::sample_uncounted(reason)
                } else {
                    SamplingIntent::drop_span(reason)
                }
            }
        };
        let result = decide(&intent, parent_context, trace_id);
        let Some(limit) = current.lower_bound else {
            return result;
        };
        // A span that is sampled by probability also counts towards the lower bound.
        let now = self.shared.clock.nanos();
        let is_owed = self
            .shared
            .lower_bounds
            .with(name, now, |bucket| bucket.take(limit, now));
        if result.decision == SamplingDecision::Drop && is_owed {
            return decide(
                &SamplingIntent::sample_uncounted(reason),
                parent_context,
                trace_id,
            );
        }
        result
    }
}

impl fmt::Debug for JaegerRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategies = &self.shared.current.load().strategies;
        f.debug_struct("JaegerRemote")
            .field("service", &strategies.service)
            .field("operations", &strategies.operations.len())
            .field("lower_bound", &strategies.lower_bound)
            .finish_non_exhaustive()
    }
}

impl Current {
    fn new(strategies: &Strategies) -> Result<Self, Error> {
        let operations = strategies
            .operations
            .iter()
            .take(Strategies::MAX_OPERATIONS);
        let operations = operations.map(|(name, ratio)| {
            Ok((name.clone(), Decider::new(Strategy::Probabilistic(*ratio))?))
        });
        let bound = strategies.lower_bound;
        Ok(Self {
            service: Decider::new(strategies.service)?,
            operations: operations.collect::<Result<_, Error>>()?,
            lower_bound: (bound != 0.0).then(|| limit(bound)).transpose()?,
            strategies: strategies.clone(),
        })
    }
}

impl Decider {
    fn new(strategy: Strategy) -> Result<Self, Error> {
        Ok(match strategy {
            Strategy::RateLimiting(0.0) => Self::Never,
            // No threshold is as small: less than one trace in 10^16.
            Strategy::Probabilistic(ratio) if (0.0..SMALLEST_RATIO).contains(&ratio) => Self::Never,
            Strategy::Probabilistic(ratio) => Self::Threshold(Threshold::of_probability(ratio)?),
            Strategy::RateLimiting(rate) => Self::Limit(limit(rate)?, TokenBucket::new()),
        })
    }
}

/// Returns the limit with a burst of one second's spans, at least 1.
fn limit(rate: f64) -> Result<Limit, Error> {
    Limit::new(rate, rate.ceil().max(1.0) as u32)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sampled(sampler: &JaegerRemote, name: &str, id: u128) -> (bool, String) {
        let id = TraceId::from(id);
        let result = sampler.should_sample(None, id, name, &SpanKind::Server, &[], &[]);
        let is_sampled = result.decision == SamplingDecision::RecordAndSample;
        (is_sampled, result.trace_state.header())
    }

    fn count(sampler: &JaegerRemote, name: &str, calls: u32) -> usize {
        (0..calls).filter(|_| sampled(sampler, name, 1).0).count()
    }

    #[test]
    fn a_probability_is_consistent() {
        let sampler = JaegerRemote::new(Strategy::Probabilistic(0.5)).unwrap();
        assert_eq!(
            sampled(&sampler, "", u128::MAX),
            (true, "ot=th:8".to_owned())
        );
        assert_eq!(sampled(&sampler, "", 1), (false, String::new()));
    }

    #[test]
    fn a_limit_survives_an_update_that_changes_nothing() {
        let (clock, hand) = Clock::manual();
        let sampler = JaegerRemote::with_clock(Strategy::RateLimiting(3.0), clock).unwrap();
        assert_eq!(count(&sampler, "", 10), 3);
        let same = Strategies::of_service(Strategy::RateLimiting(3.0));
        assert_eq!(sampler.update(&same), Ok(false));
        assert_eq!(count(&sampler, "", 10), 0);
        // An interval is rounded up to a sixteenth of a nanosecond.
        hand.advance(Duration::from_nanos(1_000_000_001));
        assert_eq!(count(&sampler, "", 10), 3);
        let none = Strategies::of_service(Strategy::RateLimiting(0.0));
        assert_eq!(sampler.update(&none), Ok(true));
        assert_eq!(count(&sampler, "", 10), 0);
        assert_eq!(sampler.strategies(), none);
    }

    #[test]
    fn each_operation_gets_its_lower_bound() {
        let (clock, hand) = Clock::manual();
        let sampler = JaegerRemote::with_clock(Strategy::Probabilistic(0.0), clock).unwrap();
        let mut strategies = Strategies::of_service(Strategy::Probabilistic(0.0));
        strategies.operations = vec![("all".to_owned(), 1.0)];
        strategies.lower_bound = 2.0;
        sampler.update(&strategies).unwrap();
        for name in ["a", "b"] {
            assert_eq!(count(&sampler, name, 10), 2);
        }
        assert_eq!(count(&sampler, "all", 10), 10);
        // There is one token for each half second. A span that the bound samples gets no `th`.
        hand.advance(Duration::from_millis(500));
        assert_eq!(sampled(&sampler, "a", 1), (true, String::new()));
        assert_eq!(count(&sampler, "a", 10), 0);
    }

    #[test]
    fn a_strategy_that_is_refused_leaves_the_one_before() {
        let sampler = JaegerRemote::new(Strategy::Probabilistic(1.0)).unwrap();
        let bad = Strategies::of_service(Strategy::Probabilistic(7.0));
        assert_eq!(
            sampler.update(&bad),
            Err(Error::RatioOutOfRange { ratio: 7.0 })
        );
        assert_eq!(count(&sampler, "", 5), 5);
    }

    #[test]
    fn a_probability_below_the_smallest_threshold_samples_nothing() {
        let sampler = JaegerRemote::new(Strategy::Probabilistic(1e-300)).unwrap();
        assert_eq!(sampled(&sampler, "", u128::MAX), (false, String::new()));
    }
}
