//! The older ratio sampler (OpenTelemetry, *TraceIdRatioBased*).

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::error::Error;
use crate::parent;

/// A sampler that samples a given fraction of all traces: the same traces as `TraceIdRatioBased` of
/// `opentelemetry_sdk`.
///
/// The specification never defined the algorithm, so SDKs of other languages sample other traces.
/// It asks SDKs to keep their algorithms until 2027. Use this sampler together with services that
/// use the ratio sampler of the stock SDK, and use [`Probability`](crate::Probability) elsewhere.
/// The parent's sampled flag is ignored.
///
/// A trace is sampled if bits 1 to 63 of its id, read as a number, are below ratio x 2^63. Bit 0 is
/// the lowest bit.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{SpanKind, TraceId};
/// use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
/// use tracer_sampling::TraceIdRatio;
///
/// let sampler = TraceIdRatio::new(0.5)?;
/// let decide = |id: u128| {
///     sampler.should_sample(None, TraceId::from(id), "", &SpanKind::Server, &[], &[]).decision
/// };
/// assert_eq!(decide(0x7fff_ffff_ffff_ffff), SamplingDecision::RecordAndSample);
/// assert_eq!(decide(0x8000_0000_0000_0000), SamplingDecision::Drop);
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TraceIdRatio {
    /// From 0 to 2^63. Ids whose 63-bit number is below the bound are sampled.
    bound: u64,
}

impl TraceIdRatio {
    /// Creates a sampler for the fraction `ratio` of all traces, from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`Error::RatioOutOfRange`] outside that range and for NaN.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_sampling::{Error, TraceIdRatio};
    ///
    /// assert_eq!(TraceIdRatio::new(-0.1).unwrap_err(), Error::RatioOutOfRange { ratio: -0.1 });
    /// ```
    pub fn new(ratio: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(Error::RatioOutOfRange { ratio });
        }
        Ok(Self {
            bound: (ratio * (1_u64 << 63) as f64) as u64,
        })
    }
}

impl ShouldSample for TraceIdRatio {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        _name: &str,
        _span_kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let low = u128::from_be_bytes(trace_id.to_bytes()) as u64;
        let decision = if low >> 1 < self.bound {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        };
        parent::keep_trace_state(decision, parent_context)
    }
}
