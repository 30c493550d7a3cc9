//! Learned sampling: a target number of traces a second, chosen by a model that predicts
//! interesting requests.

mod builder;
mod model;
mod saved;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::LearnedBuilder;
use model::{FIXED, Features, Model, Weight};
pub use saved::Weights;

use crate::atomic_f64::AtomicF64;
use crate::composable::{ComposableSampler, SamplingIntent, SpanToSample, should_sample_by_intent};
use crate::error::Error;
use crate::operations::{Operations, State};
use crate::outcome::{Outcome, OutcomeProcessor};
use crate::rate_estimate::RateEstimate;
use crate::reason::Reason;
use crate::threshold::Threshold;

/// A sampler that meets a target number of traces a second, and prefers requests that are likely to
/// fail or to be slow.
///
/// A logistic regression gives each request a score from 0 to 1. It uses:
///
/// - the operation, which is the span name;
/// - how long the requests of the operation take, and what part of them was interesting;
/// - the criticality of the request, from 0 to 1, by the rules of
///   [`critical`](LearnedBuilder::critical);
/// - the attributes at start whose keys are [`features`](LearnedBuilder::features).
///
/// A tenth of the target is spent on all requests alike, so that the model keeps learning about
/// requests with a low score. The rest is spent in proportion to the square of the score.
///
/// The weights are learned from the outcomes of sampled local roots, which
/// [`outcome_processor`](Self::outcome_processor) reports. A request is interesting if it failed or
/// took longer than [`slow_after`](LearnedBuilder::slow_after). The weights can be displayed, saved
/// and loaded.
///
/// A decision is consistent between services, adds `th` to the trace state, and has the reason
/// `learned:score=...`.
///
/// The sampler treats a child span like a root span, so make it the root sampler of
/// [`ParentBased`](crate::ParentBased) or of
/// [`ParentThreshold`](crate::composable::ParentThreshold).
///
/// # Cost
///
/// A decision reads the clock, hashes the name and each attribute that is a feature, and takes a
/// dozen multiplications and four atomic additions. Nothing is locked, and memory is bounded for
/// any number of names.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracer_sampling::composable::Rule;
/// use tracer_sampling::{Learned, ParentBased};
///
/// let learned = Learned::builder(50.0)
///     .features(["user.tier", "http.request.method"])
///     .critical(Rule::new("payments").route_prefix("/pay"), 1.0)
///     .build()?;
/// let provider = SdkTracerProvider::builder()
///     .with_span_processor(learned.outcome_processor())
///     .with_sampler(ParentBased::new(learned.clone()))
///     .build();
/// # drop(provider);
/// let weights = learned.weights().to_string();
/// assert!(weights.contains("error_probability 1"));
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone)]
pub struct Learned {
    shared: Arc<Shared>,
}

struct Shared {
    settings: LearnedBuilder,
    model: Model,
    operations: Operations<Operation>,
    service: Operation,
    /// All requests, each weighted with its probability.
    requests: RateEstimate,
    /// The factor on squared scores that makes the sampled traces meet the target.
    factor: AtomicF64,
}

/// The outcomes of one operation, or of all operations together.
#[derive(Debug, Default)]
struct Operation {
    weight: Weight,
    /// The number of outcomes, up to [`MOST_OUTCOMES`].
    outcomes: AtomicF64,
    /// The sum of their weights, of which older ones fade.
    total: AtomicF64,
    mean_seconds: AtomicF64,
    /// The part of the outcomes that was interesting.
    interesting: AtomicF64,
}

impl Operation {
    /// Updates the means with an outcome that counts as `weight` outcomes. Up to [`MOST_OUTCOMES`]
    /// they are exact; after that, older outcomes fade.
    fn record(&self, outcome: &Outcome, is_interesting: bool, weight: f64) {
        let (outcomes, mut total) = (self.outcomes.get(), self.total.get());
        if outcomes < MOST_OUTCOMES {
            self.outcomes.set(outcomes + 1.0);
        } else {
            total *= 1.0 - 1.0 / MOST_OUTCOMES;
        }
        let weight = weight.clamp(1.0, MOST_WEIGHT);
        total += weight;
        self.total.set(total);
        let seconds = outcome.duration.as_secs_f64();
        let interesting = f64::from(u8::from(is_interesting));
        for (mean, value) in [
            (&self.mean_seconds, seconds),
            (&self.interesting, interesting),
        ] {
            mean.set(mean.get() + (value - mean.get()) * weight / total);
        }
    }

    /// Returns the probability of an interesting outcome, as if `more` further outcomes with the
    /// probability `prior` had been recorded.
    fn interesting(&self, prior: f64, more: f64) -> f64 {
        let outcomes = self.outcomes.get();
        (self.interesting.get() * outcomes + prior * more) / (outcomes + more)
    }
}

impl State for Operation {
    fn reset(&self) {
        self.weight.reset();
        for value in [
            &self.outcomes,
            &self.total,
            &self.mean_seconds,
            &self.interesting,
        ] {
            value.set(0.0);
        }
    }
}

fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1e-6, 1.0 - 1e-6);
    (probability / (1.0 - probability)).ln()
}

impl Learned {
    /// Creates a sampler for `traces_per_second` traces of this service, with default settings.
    ///
    /// # Errors
    ///
    /// [`Error::RateOutOfRange`] below 10^-6, above 10^9 and for NaN.
    pub fn new(traces_per_second: f64) -> Result<Self, Error> {
        Self::builder(traces_per_second).build()
    }

    /// Returns the settings of a sampler for `traces_per_second` traces of this service.
    pub fn builder(traces_per_second: f64) -> LearnedBuilder {
        LearnedBuilder::new(traces_per_second)
    }

    /// Creates the span processor that reports outcomes to this sampler. Register it with the
    /// provider that has the sampler.
    pub fn outcome_processor(&self) -> OutcomeProcessor {
        let sampler = self.clone();
        OutcomeProcessor::new(move |span, outcome| sampler.record(span, outcome))
    }

    /// Reports how a request ended. `span` is what was known of it when it started.
    ///
    /// The outcome processor calls this method, with the attributes that the span has at its end and
    /// without its parent. Call it yourself instead if you know the outcomes without spans.
    pub fn record(&self, span: &SpanToSample<'_>, outcome: Outcome) {
        let shared = &*self.shared;
        let now = shared.settings.clock.nanos();
        let is_slow = outcome.duration > shared.settings.slow_after;
        let is_interesting = outcome.is_error || is_slow;
        let criticality = self.criticality(span);
        shared.operations.with(span.name, now, |operation| {
            let features = self.features(operation, criticality, span);
            shared.model.learn(&features, is_interesting);
            operation.record(&outcome, is_interesting, 1.0);
        });
        // Sampled requests are more often interesting than others, except by their weights.
        shared
            .service
            .record(&outcome, is_interesting, outcome.weight());
    }

    /// Returns the weights that the model has learned so far.
    pub fn weights(&self) -> Weights {
        let mut operations = Vec::new();
        self.shared.operations.each(|name, operation| {
            let name = name.filter(|name| !name.is_empty());
            operations.extend(name.map(|name| (name.to_owned(), operation.weight.get())));
        });
        let fixed = FIXED.into_iter().zip(self.shared.model.fixed());
        Weights {
            fixed: fixed
                .map(|(name, weight)| (name.to_owned(), weight))
                .collect(),
            operations,
            attributes: self.shared.model.attribute_weights().collect(),
        }
    }

    /// Replaces the weights of the model by the given ones. Weights that the model does not have
    /// are ignored.
    pub fn load(&self, weights: &Weights) {
        let shared = &*self.shared;
        let now = shared.settings.clock.nanos();
        for (name, weight) in &weights.fixed {
            shared.model.set_fixed(name, *weight);
        }
        for (name, weight) in &weights.operations {
            shared
                .operations
                .with_own(name, now, |operation| operation.weight.set(*weight));
        }
        for (place, weight) in &weights.attributes {
            shared.model.set_attribute_weight(*place, *weight);
        }
    }

    fn criticality(&self, span: &SpanToSample<'_>) -> f64 {
        let rules = self.shared.settings.critical.iter();
        let matching = rules.filter(|(rule, _)| rule.matches(span));
        matching
            .map(|(_, criticality)| *criticality)
            .fold(0.0, f64::max)
    }

    fn features<'a>(
        &'a self,
        operation: &'a Operation,
        criticality: f64,
        span: &SpanToSample<'a>,
    ) -> Features<'a> {
        let settings = &self.shared.settings;
        let of_service = self.shared.service.interesting(INITIAL, 10.0);
        let of_operation = operation.interesting(of_service, 10.0);
        let base = log_odds(of_service);
        // The decimal logarithm of the mean duration relative to a slow request.
        let relative = operation.mean_seconds.get() / settings.slow_after.as_secs_f64();
        let duration = relative.log10().clamp(-3.0, 1.0);
        Features {
            base,
            fixed: [1.0, duration, log_odds(of_operation) - base, criticality],
            operation: &operation.weight,
            attributes: span.attributes,
            keys: &settings.features,
        }
    }
}

impl ComposableSampler for Learned {
    fn sampling_intent<'a>(&'a self, span: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let shared = &*self.shared;
        let now = shared.settings.clock.nanos();
        let criticality = self.criticality(span);
        let score = shared.operations.with(span.name, now, |operation| {
            shared
                .model
                .score(&self.features(operation, criticality, span))
        });
        let target = shared.settings.target;
        let alike = EXPLORED * target / shared.requests.per_second().max(target);
        let probability = (alike + shared.factor.get() * score * score).clamp(0.0, 1.0);
        if shared.requests.count(Some(probability), now) {
            let sampled = shared.requests.last_weight_per_second();
            let step = target / sampled.max(1e-9);
            // Where nearly all requests are sampled, a larger factor would only be too large later.
            let is_all = sampled >= 0.95 * shared.requests.last_per_second();
            let step = match step {
                // Far above the target. Halving the factor at most halves what is sampled.
                step if step < 0.5 => step,
                step if step > 1.0 && is_all => 1.0,
                // Half of the way on a logarithmic scale: one window is noisy.
                step => step.sqrt(),
            };
            let factor = shared.factor.get() * step;
            shared.factor.set(factor.clamp(1e-9, MOST_FACTOR));
        }
        let reason = Reason::new("learned").with_number("score", score);
        match Threshold::of_probability(probability) {
            Ok(threshold) => SamplingIntent::sample(threshold, reason),
            // The probability is too small for a threshold, or NaN.
            Err(_) => SamplingIntent::drop_span(reason),
        }
    }
}

should_sample_by_intent!(Learned);

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learned")
            .field("settings", &self.shared.settings)
            .field("operations", &self.shared.operations)
            .finish_non_exhaustive()
    }
}

/// The fraction of the target that is spent on all requests alike.
const EXPLORED: f64 = 0.1;
/// The probability that a request is interesting, before anything is known.
const INITIAL: f64 = 0.1;
/// The number of outcomes within which the means follow a change, approximately.
const MOST_OUTCOMES: f64 = 1_000.0;
/// The most outcomes that one outcome counts as.
const MOST_WEIGHT: f64 = 100.0;
/// The largest factor, which is enough for a score of 10^-6.
const MOST_FACTOR: f64 = 1e12;
const DEFAULT_SLOW_AFTER: Duration = Duration::from_secs(1);
