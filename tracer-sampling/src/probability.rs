//! Consistent probability sampling (OpenTelemetry, *ProbabilitySampler*; OTEP 235).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::error::Error;
use crate::threshold::{DEFAULT_DIGITS, SMALLEST_RATIO, Threshold};
use crate::{otel_trace_state, parent};

/// A sampler that samples a given fraction of all traces, consistently with every service that
/// follows OTEP 235.
///
/// The randomness of a trace is `rv` in the `ot` member of its trace state. Without `rv`, it is the
/// last seven bytes of the trace id. A sampled span carries the threshold as `th` in that member,
/// so that a backend knows that the span represents 1/ratio spans. A dropped span carries no `th`.
/// Everything else in the trace state is passed on unchanged.
///
/// The parent's sampled flag is ignored. To sample complete traces, make this the root sampler of
/// [`ParentBased`](crate::ParentBased).
///
/// # Cost
///
/// A sampled span gets a trace state with an `ot` member. This takes a few allocations if the
/// parent does not have the same member already. A dropped root span allocates nothing.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::Probability;
///
/// let sampler = Probability::new(0.25)?;
/// let sample = |id: u128| {
///     sampler.should_sample(None, TraceId::from(id), "GET", &SpanKind::Server, &[], &[])
/// };
/// let sampled = sample(0x4bf92f3577b34da6_a3ce929d0e0e4736);
/// assert_eq!(sampled.decision, SamplingDecision::RecordAndSample);
/// assert_eq!(sampled.trace_state.header(), "ot=th:c");
/// let dropped = sample(0x4bf92f3577b34da6_a3bf929d0e0e4736);
/// assert_eq!(dropped.decision, SamplingDecision::Drop);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Probability {
    ratio: f64,
    /// `None` samples nothing: the specification defines no threshold for a ratio of 0.
    threshold: Option<(Threshold, String)>,
    /// Shared by all clones, so that each clone reports the counts of all.
    stats: Arc<Stats>,
}

impl Probability {
    /// Creates a sampler for the fraction `ratio` of all traces, from 2^-56 to 1, or 0 for none.
    ///
    /// The threshold has [`DEFAULT_PRECISION`](Self::DEFAULT_PRECISION) hex digits;
    /// [`ratio`](Self::ratio) returns the ratio after rounding.
    ///
    /// # Errors
    ///
    /// [`Error::RatioOutOfRange`] below 0, above 1 and for NaN; [`Error::RatioTooSmall`] between 0
    /// and 2^-56.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_sampling::{Error, Probability};
    ///
    /// assert!(Probability::new(0.0).is_ok());
    /// assert_eq!(Probability::new(1.5).unwrap_err(), Error::RatioOutOfRange { ratio: 1.5 });
    /// assert_eq!(Probability::new(1e-17).unwrap_err(), Error::RatioTooSmall { ratio: 1e-17 });
    /// ```
    pub fn new(ratio: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(Error::RatioOutOfRange { ratio });
        }
        if ratio > 0.0 && ratio < SMALLEST_RATIO {
            return Err(Error::RatioTooSmall { ratio });
        }
        Ok(Self {
            ratio,
            threshold: threshold(ratio, Self::DEFAULT_PRECISION),
            stats: Arc::default(),
        })
    }

    /// Sets the number of hex digits of the threshold, from 1 to 14, not counting leading `f`s.
    ///
    /// # Errors
    ///
    /// [`Error::Precision`] outside that range.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_sampling::Probability;
    ///
    /// assert_eq!(Probability::new(1.0 / 3.0)?.ratio(), 0.3333282470703125);
    /// assert_eq!(Probability::new(1.0 / 3.0)?.precision(3)?.ratio(), 0.333251953125);
    /// # Ok::<(), tracer_sampling::Error>(())
    /// ```
    pub fn precision(mut self, digits: u8) -> Result<Self, Error> {
        if !(1..=14).contains(&digits) {
            return Err(Error::Precision { digits });
        }
        self.threshold = threshold(self.ratio, digits);
        Ok(self)
    }

    /// The default number of hex digits of a threshold: 4, as the specification recommends.
    pub const DEFAULT_PRECISION: u8 = DEFAULT_DIGITS;

    /// Returns the fraction of all traces that is sampled, after rounding to the precision.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(tracer_sampling::Probability::new(0.1)?.ratio(), 0.100006103515625);
    /// # Ok::<(), tracer_sampling::Error>(())
    /// ```
    pub fn ratio(&self) -> f64 {
        self.threshold().map_or(0.0, Threshold::probability)
    }

    /// Returns the threshold; `None` for a ratio of 0.
    pub(crate) fn threshold(&self) -> Option<Threshold> {
        self.threshold.as_ref().map(|(threshold, _)| *threshold)
    }

    /// Returns whether a child's decision used a trace id that was not declared random.
    ///
    /// This is the case if the parent has neither `rv` nor the random flag of W3C Trace Context
    /// Level 2. Decisions agree between services only if the last seven bytes of the trace ids are
    /// random, and older SDKs do not declare that. The specification asks for one warning in this
    /// case.
    ///
    /// # Examples
    ///
    /// ```
    /// let sampler = tracer_sampling::Probability::new(0.5)?;
    /// assert!(!sampler.presumed_randomness());
    /// # Ok::<(), tracer_sampling::Error>(())
    /// ```
    pub fn presumed_randomness(&self) -> bool {
        // Relaxed: the flag orders no other memory access.
        self.stats.presumed_randomness.load(Ordering::Relaxed)
    }

    /// Returns how many sampled spans have no `th` because the `ot` member of their parent was full
    /// (256 characters).
    ///
    /// # Examples
    ///
    /// ```
    /// let sampler = tracer_sampling::Probability::new(0.5)?;
    /// assert_eq!(sampler.thresholds_left_out(), 0);
    /// # Ok::<(), tracer_sampling::Error>(())
    /// ```
    pub fn thresholds_left_out(&self) -> u64 {
        // Relaxed: a count that orders no other memory access.
        self.stats.thresholds_left_out.load(Ordering::Relaxed)
    }

    fn randomness(&self, parent: &SpanContext, trace_id: TraceId) -> u64 {
        let randomness = otel_trace_state::randomness(parent.trace_state(), trace_id);
        let declared = randomness.explicit || parent.trace_flags().to_u8() & RANDOM_FLAG != 0;
        if parent.is_valid() && !declared {
            self.stats.presumed_random();
        }
        randomness.value
    }

    /// Returns the trace state of a sampled span, or `None` if the span is dropped.
    fn sample(&self, parent: &SpanContext, trace_id: TraceId) -> Option<TraceState> {
        let (threshold, text) = self.threshold.as_ref()?;
        if !threshold.samples(self.randomness(parent, trace_id)) {
            return None;
        }
        let state = parent.trace_state();
        Some(
            otel_trace_state::with_threshold(state, text).unwrap_or_else(|| {
                self.stats.threshold_left_out();
                // The parent's threshold would be wrong. Without a threshold, the probability is
                // unknown.
                otel_trace_state::without_threshold(state)
            }),
        )
    }
}

impl ShouldSample for Probability {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        _name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        parent::with_parent(parent_context, |parent| {
            match self.sample(parent, trace_id) {
                Some(state) => parent::result(SamplingDecision::RecordAndSample, state),
                None => {
                    let state = otel_trace_state::without_threshold(parent.trace_state());
                    parent::result(SamplingDecision::Drop, state)
                }
            }
        })
    }
}

/// Returns the threshold of a ratio and its text, or `None` for a ratio of 0.
fn threshold(ratio: f64, digits: u8) -> Option<(Threshold, String)> {
    let threshold = (ratio > 0.0).then(|| Threshold::new(ratio, digits))?;
    Some((threshold, threshold.to_string()))
}

/// The trace flag that declares the last seven bytes of the trace id random.
const RANDOM_FLAG: u8 = 0x02;

#[derive(Debug, Default)]
struct Stats {
    presumed_randomness: AtomicBool,
    thresholds_left_out: AtomicU64,
}

impl Stats {
    fn presumed_random(&self) {
        // Read before writing: with an older caller every request comes here, and threads that only
        // read share the cache line. Relaxed: the flag publishes no other data.
        if !self.presumed_randomness.load(Ordering::Relaxed) {
            self.presumed_randomness.store(true, Ordering::Relaxed);
        }
    }

    #[cold]
    fn threshold_left_out(&self) {
        // Relaxed: a count that orders no other memory access.
        self.thresholds_left_out.fetch_add(1, Ordering::Relaxed);
    }
}
