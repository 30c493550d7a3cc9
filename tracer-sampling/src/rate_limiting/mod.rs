//! At most so many traces a second.

mod token_bucket;

use std::sync::Arc;

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

use crate::clock::Clock;
use crate::composable::{ComposableSampler, SamplingIntent, SpanToSample, decide};
use crate::error::Error;
use crate::operations::Operations;
use crate::reason::Reason;
pub(crate) use token_bucket::{Limit, TokenBucket};

/// Samples at most a given number of spans a second, in all or for each operation.
///
/// It limits what it is asked about. To limit traces, make it the root of
/// [`ParentBased`](crate::ParentBased) or of
/// [`ParentThreshold`](crate::composable::ParentThreshold).
///
/// The limit is a token bucket: in any `t` seconds at most `burst + rate x t` spans are sampled,
/// exactly, by any number of threads; and spans that are refused do not delay the next token.
/// Which spans are sampled depends on the time and not on the trace id, so the trace state gets no
/// `th`, and services that limit on their own do not agree.
///
/// # Cost
///
/// One look at the clock and, for a sampled span, one atomic exchange. It does not lock or
/// allocate.
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

/// Settings of [`RateLimiting`].
#[derive(Clone, Debug)]
pub struct RateLimitingBuilder {
    per_second: f64,
    burst: Option<u32>,
    operations: Option<usize>,
    clock: Clock,
}

impl RateLimiting {
    /// Samples at most `per_second` spans a second, and as many at once after a pause, but at
    /// least one.
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

    /// Gives each operation, that is each span name, a limit of its own.
    ///
    /// At most this many operations are told apart, rounded up to a power of two from 8 to 2^20.
    /// Those that come later share one limit until others have not been seen for ten minutes.
    /// Default: one limit for all.
    pub fn per_operation(mut self, operations: usize) -> Self {
        self.operations = Some(operations);
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
    /// [`Error::RateOutOfRange`] for a rate below 10^-6, above 10^9 or NaN; [`Error::BurstZero`]
    /// for a burst of 0.
    pub fn build(self) -> Result<RateLimiting, Error> {
        let burst = self
            .burst
            .unwrap_or_else(|| self.per_second.ceil().max(1.0) as u32);
        Ok(RateLimiting {
            limit: Limit::new(self.per_second, burst)?,
            clock: self.clock,
            buckets: match self.operations {
                None => Buckets::One(Arc::new(TokenBucket::new())),
                Some(most) => Buckets::PerOperation(Operations::new(most, TokenBucket::new)),
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

impl ShouldSample for RateLimiting {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = SpanToSample {
            parent_context,
            name,
            kind,
            attributes,
            links,
        };
        decide(&self.sampling_intent(&span), parent_context, trace_id)
    }
}
