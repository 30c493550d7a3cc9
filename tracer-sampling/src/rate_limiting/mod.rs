//! Rate limiting: at most a given number of spans a second.

mod token_bucket;

use std::sync::Arc;

use crate::clock::Clock;
use crate::composable::{ComposableSampler, SamplingIntent, SpanToSample, should_sample_by_intent};
use crate::error::Error;
use crate::operations::{IDLE_SECONDS, Operations};
use crate::reason::Reason;
pub(crate) use token_bucket::{Limit, TokenBucket};

/// A sampler that samples at most a given number of spans a second, in total or for each operation.
///
/// The sampler counts child spans and root spans alike. To limit traces instead, make it the root
/// sampler of [`ParentBased`](crate::ParentBased) or of
/// [`ParentThreshold`](crate::composable::ParentThreshold).
///
/// The limit is a token bucket: any number of threads together sample at most `burst + rate x t`
/// spans in any `t` seconds. Dropped spans do not delay the next token. The decision depends on the
/// time and not on the trace id, so the trace state gets no `th`, and the decisions of different
/// services do not agree.
///
/// # Cost
///
/// A decision reads the clock and, for a sampled span, makes one atomic exchange. The sampler does
/// not lock, and allocates only for the name of a new operation.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::{Clock, RateLimiting};
///
/// let (clock, hand) = Clock::manual();
/// let sampler = RateLimiting::builder(2.0).burst(1).clock(clock).build()?;
/// let is_sampled = || {
///     let result = sampler.should_sample(None, TraceId::from(1), "", &SpanKind::Server, &[], &[]);
///     result.decision == SamplingDecision::RecordAndSample
/// };
/// assert_eq!((is_sampled(), is_sampled()), (true, false));
/// hand.advance(Duration::from_millis(500));
/// assert_eq!((is_sampled(), is_sampled()), (true, false));
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiting {
    limit: Limit,
    clock: Clock,
    buckets: Buckets,
}

#[derive(Clone, Debug)]
enum Buckets {
    One(Arc<TokenBucket>),
    PerOperation(Operations<TokenBucket>),
}

/// The settings of a [`RateLimiting`] sampler.
#[derive(Clone, Debug)]
pub struct RateLimitingBuilder {
    per_second: f64,
    burst: Option<u32>,
    operations: Option<usize>,
    clock: Clock,
}

impl RateLimiting {
    /// Creates a sampler for at most `per_second` spans a second. After a pause, it samples the
    /// spans of one second at once, but at least one.
    ///
    /// # Errors
    ///
    /// [`Error::RateOutOfRange`] below 10^-6, above 10^9 and for NaN.
    pub fn new(per_second: f64) -> Result<Self, Error> {
        Self::builder(per_second).build()
    }

    /// Returns the settings of a sampler for at most `per_second` spans a second.
    pub fn builder(per_second: f64) -> RateLimitingBuilder {
        RateLimitingBuilder {
            per_second,
            burst: None,
            operations: None,
            clock: Clock::system(),
        }
    }
}

impl RateLimitingBuilder {
    /// Sets how many spans may be sampled at once after a pause: at least 1. Default: the rate,
    /// rounded up.
    pub fn burst(mut self, spans: u32) -> Self {
        self.burst = Some(spans);
        self
    }

    /// Gives each operation, which is a span name, a limit of its own.
    ///
    /// At most this many operations, from 1 to 2^20, have their own limit. Operations that come
    /// later share one limit until another operation has been idle for ten minutes. Default: one
    /// limit for all operations.
    pub fn per_operation(mut self, operations: usize) -> Self {
        self.operations = Some(operations);
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
    /// [`Error::RateOutOfRange`] for a rate below 10^-6, above 10^9 or NaN; [`Error::BurstZero`]
    /// for a burst of 0.
    pub fn build(self) -> Result<RateLimiting, Error> {
        let burst = self
            .burst
            .unwrap_or_else(|| self.per_second.ceil().max(1.0) as u32);
        let limit = Limit::new(self.per_second, burst)?;
        Ok(RateLimiting {
            limit,
            clock: self.clock,
            buckets: match self.operations {
                None => Buckets::One(Arc::new(TokenBucket::new())),
                Some(most) => {
                    // An operation that loses its slot earlier would come back to a full bucket.
                    let idle = limit.seconds_to_fill().max(IDLE_SECONDS);
                    Buckets::PerOperation(Operations::new(most, idle, TokenBucket::new))
                }
            },
        })
    }
}

impl ComposableSampler for RateLimiting {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let now = self.clock.nanos();
        let is_allowed = match &self.buckets {
            Buckets::One(bucket) => bucket.take(self.limit, now),
            Buckets::PerOperation(operations) => {
                operations.with(span.name, now, |bucket| bucket.take(self.limit, now))
            }
        };
        let reason = Reason::new("rate_limiting");
        if is_allowed {
            SamplingIntent::sample_uncounted(reason)
        } else {
            SamplingIntent::drop_span(reason)
        }
    }
}

should_sample_by_intent!(RateLimiting);

#[cfg(all(test, not(tracer_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A token takes 1,000 s to come back, so an operation keeps its slot for as long: with a new
    /// bucket it would be sampled twice in that time.
    #[test]
    fn a_slow_limit_outlasts_ten_idle_minutes() {
        let (clock, hand) = Clock::manual();
        let builder = RateLimiting::builder(0.001).burst(1).per_operation(1);
        let sampler = builder.clock(clock).build().unwrap();
        let is_sampled = |name| {
            let span = SpanToSample::new(name);
            sampler.sampling_intent(&span).threshold.is_some()
        };
        assert!(is_sampled("first"));
        hand.advance(Duration::from_secs(700));
        // The second operation finds no slot, and takes the token of those that share one.
        assert!(is_sampled("second"));
        assert!(!is_sampled("first"));
        hand.advance(Duration::from_secs(301));
        assert!(is_sampled("first"));
    }
}
