//! Adaptive sampling: a target number of traces a second under any load.

mod builder;
mod controller;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Value;

pub use builder::AdaptiveBuilder;
use controller::{Operation, Service, boost};

use crate::composable::{ComposableSampler, SamplingIntent, SpanToSample, should_sample_by_intent};
use crate::error::Error;
use crate::operations::Operations;
use crate::outcome::{Outcome, OutcomeProcessor};
use crate::rate_limiting::Limit;
use crate::reason::Reason;
use crate::threshold::Threshold;

/// A sampler that meets a target number of traces a second, with probabilities that follow the
/// load.
///
/// An operation is a span name. Each operation has a probability that meets its own target at its
/// rate of requests. If all operations together exceed the target of the service, their
/// probabilities are scaled down by one factor. The estimated rates follow a sudden rise of the
/// load within milliseconds and a sudden fall within seconds.
///
/// | condition | effect | reason |
/// | --- | --- | --- |
/// | more than 5 % of the requests fail | target x min(2, 1 + 10 x error rate) | |
/// | their 99th percentile is above 1 s | target x min(1.5, 1 + (p99 - 1 s) / 10 s), if that is more | |
/// | more than 100,000 requests/s | target of the service x 100,000 / rate | |
/// | the span starts with `error.type`, or with `error` = true | sampled | `adaptive:error` |
/// | the span starts with `force_trace` = true | sampled | `adaptive:force_trace` |
/// | a rule of [`force`](AdaptiveBuilder::force) matches | sampled | `adaptive:NAME` of the rule |
/// | fewer than three traces of the operation are expected in one minute | one a minute is sampled | `adaptive:floor` |
/// | none of these | sampled by probability, from 0.001 to 1 | `adaptive:probability=...` |
///
/// A decision by probability is consistent between services and adds `th` to the trace state. A
/// span that is sampled for another reason gets no `th`, because it does not represent other spans.
/// Every sampled span counts towards the target.
///
/// The error rate and the durations are measured on sampled local roots, which
/// [`outcome_processor`](Self::outcome_processor) reports. Without the processor, all requests
/// count as fast and successful.
///
/// The sampler treats a child span like a root span, so make it the root sampler of
/// [`ParentBased`](crate::ParentBased) or of
/// [`ParentThreshold`](crate::composable::ParentThreshold).
///
/// The picture shows four minutes of simulated load with a target of 100 traces a second
/// (`examples/adaptive_simulation.rs`):
///
#[doc = include_str!("../../docs/adaptive.svg")]
///
/// # Cost
///
/// A decision reads the clock, hashes the name and makes four atomic additions. Once a second for
/// each operation, a decision also computes a new probability. Nothing is locked, and memory is
/// bounded for any number of names.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracer_sampling::composable::Rule;
/// use tracer_sampling::{Adaptive, ParentBased};
///
/// // 50 traces a second of the service, at most 5 of each operation, and every checkout.
/// let adaptive = Adaptive::builder(50.0)
///     .per_operation(5.0)
///     .force(Rule::new("checkout").route_prefix("/checkout"))
///     .build()?;
/// let provider = SdkTracerProvider::builder()
///     .with_span_processor(adaptive.outcome_processor())
///     .with_sampler(ParentBased::new(adaptive.clone()))
///     .build();
/// # drop(provider);
/// assert_eq!(adaptive.service().probability, 1.0);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone)]
pub struct Adaptive {
    shared: Arc<Shared>,
}

struct Shared {
    settings: AdaptiveBuilder,
    floor: Option<Limit>,
    service: Service,
    operations: Operations<Operation>,
}

/// The state of an adaptive sampler for one operation or for the whole service.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveState {
    /// The name of the operation, shortened to 128 bytes. Empty for the service and for the
    /// operations that share one state.
    pub operation: String,
    /// Requests a second.
    pub requests_per_second: f64,
    /// The probability with which the next request is sampled. For the service, it is the factor by
    /// which the probabilities of all operations are scaled.
    pub probability: f64,
    /// The factor by which errors and slow requests raise the target, from 1 to 2.
    pub boost: f64,
    /// The part of the requests that failed, from 0 to 1; `None` if too few outcomes are known.
    pub error_ratio: Option<f64>,
    /// The 99th percentile of the durations, within 19 %; `None` if too few outcomes are known.
    pub p99: Option<Duration>,
}

impl Adaptive {
    /// Creates a sampler for `traces_per_second` traces of this service, with default settings.
    ///
    /// # Errors
    ///
    /// [`Error::RateOutOfRange`] below 10^-6, above 10^9 and for NaN.
    pub fn new(traces_per_second: f64) -> Result<Self, Error> {
        Self::builder(traces_per_second).build()
    }

    /// Returns the settings of a sampler for `traces_per_second` traces of this service.
    pub fn builder(traces_per_second: f64) -> AdaptiveBuilder {
        AdaptiveBuilder::new(traces_per_second)
    }

    /// Creates the span processor that reports outcomes to this sampler. Register it with the
    /// provider that has the sampler.
    pub fn outcome_processor(&self) -> OutcomeProcessor {
        let sampler = self.clone();
        OutcomeProcessor::new(move |span, outcome| sampler.record(span.name, outcome))
    }

    /// Reports how a request of an operation ended.
    ///
    /// The outcome processor calls this method. Call it yourself instead if you know the outcomes
    /// without spans.
    pub fn record(&self, operation: &str, outcome: Outcome) {
        let now = self.shared.settings.clock.nanos();
        self.shared.service.outcomes.record(&outcome, now);
        self.shared.operations.with(operation, now, |operation| {
            operation.outcomes.record(&outcome, now);
        });
    }

    /// Returns the state of the whole service.
    pub fn service(&self) -> AdaptiveState {
        let service = &self.shared.service;
        AdaptiveState {
            operation: String::new(),
            requests_per_second: service.requests.per_second(),
            probability: service.scale(),
            boost: boost(&service.outcomes),
            error_ratio: service.outcomes.error_ratio(),
            p99: service.outcomes.p99_seconds().map(Duration::from_secs_f64),
        }
    }

    /// Returns the state of each operation. The last entry has an empty name and is the state of
    /// all operations for which there was no room.
    pub fn operations(&self) -> Vec<AdaptiveState> {
        let mut states = Vec::new();
        let scale = self.shared.service.scale();
        self.shared.operations.each(|name, operation| {
            states.push(AdaptiveState {
                operation: name.unwrap_or_default().to_owned(),
                requests_per_second: operation.requests.per_second(),
                probability: self.bounded(operation.wanted() * scale),
                boost: boost(&operation.outcomes),
                error_ratio: operation.outcomes.error_ratio(),
                p99: operation
                    .outcomes
                    .p99_seconds()
                    .map(Duration::from_secs_f64),
            });
        });
        states
    }

    fn floor_seconds(&self) -> f64 {
        self.shared.settings.floor.unwrap_or_default().as_secs_f64()
    }

    fn bounded(&self, probability: f64) -> f64 {
        let bounds = &self.shared.settings.probabilities;
        probability.max(*bounds.start()).min(*bounds.end())
    }

    /// Returns the reason to sample the span regardless of its probability, if there is one.
    fn forced<'a>(&'a self, span: &SpanToSample<'a>) -> Option<Reason<'a>> {
        let reason = Reason::new("adaptive");
        let is_true = |key| matches!(span.attribute(key), Some(Value::Bool(true)));
        if span.attribute("error.type").is_some() || is_true("error") {
            return Some(reason.with_name("error"));
        }
        if is_true("force_trace") {
            return Some(reason.with_name("force_trace"));
        }
        let rule = self
            .shared
            .settings
            .forced
            .iter()
            .find(|rule| rule.matches(span))?;
        Some(reason.with_name(rule.name()))
    }
}

impl ComposableSampler for Adaptive {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let shared = &*self.shared;
        let settings = &shared.settings;
        let now = settings.clock.nanos();
        let forced = self.forced(span);
        let (wanted, is_floor) = shared.operations.with(span.name, now, |operation| {
            let wanted = operation.request(settings.operation_target, now);
            let probability = self.bounded(wanted * shared.service.scale());
            // An operation of which three traces are expected in the time hardly ever has none.
            let expected = probability * operation.requests.per_second() * self.floor_seconds();
            let is_scarce = probability < 1.0 && expected < 3.0;
            let takes_floor = |floor| operation.floor.take(floor, now);
            let is_floor = forced.is_none() && is_scarce && shared.floor.is_some_and(takes_floor);
            (wanted.min(*settings.probabilities.end()), is_floor)
        });
        let forced = forced.or(is_floor.then(|| Reason::new("adaptive").with_name("floor")));
        let spent = forced.is_none().then_some(wanted);
        let (target, shed_above) = (settings.service_target, settings.shed_above);
        let scale = shared.service.request(spent, target, shed_above, now);
        if let Some(reason) = forced {
            return SamplingIntent::sample_uncounted(reason);
        }
        let probability = self.bounded(wanted * scale);
        let reason = Reason::new("adaptive").with_number("probability", probability);
        match Threshold::of_probability(probability) {
            Ok(threshold) => SamplingIntent::sample(threshold, reason),
            // Not reached: `build` has checked the bounds.
            Err(_) => SamplingIntent::drop_span(reason),
        }
    }
}

should_sample_by_intent!(Adaptive);

impl fmt::Debug for Adaptive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adaptive")
            .field("settings", &self.shared.settings)
            .field("operations", &self.shared.operations)
            .finish_non_exhaustive()
    }
}
