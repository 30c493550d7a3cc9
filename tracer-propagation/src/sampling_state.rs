//! What a caller said about sampling, beyond what the sampled flag can hold.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use crate::parent::Parent;

/// What a context says about sampling: the four states of B3, which cover those of every format.
///
/// The sampled flag of a span context is one bit. Two states do not fit in it, and one can come
/// without any ids: the propagators keep those in the [`Context`] beside the span, so that the
/// bits of the flags stay what the W3C says they are.
///
/// A custom sampler sees the parent's context and can ask for the state: of a span whose caller
/// deferred the decision the flag only says "not sampled".
///
/// The four are all there are (B3, *Sampling State*).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{B3Propagator, Propagator as _, SamplingState};
///
/// let mut headers = http::HeaderMap::new();
/// let deferred = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
/// headers.insert("b3", deferred.parse().unwrap());
/// let cx = B3Propagator::single().extract_from(&Context::new(), &headers);
/// assert!(!cx.span().span_context().is_sampled());
/// assert_eq!(SamplingState::of(&cx), SamplingState::Defer);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SamplingState {
    /// The trace is sampled.
    Accept,
    /// The trace is sampled and somebody watches it: it is to be kept at every later stage too.
    ///
    /// Stays with the trace, whatever a sampler decides, and is sent on by the formats that have
    /// it (B3, Jaeger); the others send it as sampled.
    Debug,
    /// The caller left the decision to the receiver.
    ///
    /// Stays with the caller's span only: what goes out under a span of this process carries the
    /// decision that its sampler took.
    Defer,
    /// The trace is not sampled.
    Deny,
}

impl SamplingState {
    /// The state of a context.
    ///
    /// Without a span that is what came alone (`b3: 0`), or [`SamplingState::Defer`].
    ///
    /// # Cost
    ///
    /// One look-up in the context; no allocation.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use opentelemetry::Context;
    /// use opentelemetry::propagation::TextMapPropagator as _;
    /// use tracer_propagation::{B3Propagator, SamplingState};
    ///
    /// assert_eq!(SamplingState::of(&Context::new()), SamplingState::Defer);
    /// let health_check = HashMap::from([("b3".to_owned(), "0".to_owned())]);
    /// let cx = B3Propagator::single().extract_with_context(&Context::new(), &health_check);
    /// assert_eq!(SamplingState::of(&cx), SamplingState::Deny);
    /// ```
    pub fn of(cx: &Context) -> Self {
        let span = cx.span();
        let span = span.span_context();
        let kept = cx.get::<Parent>();
        kept.and_then(|parent| parent.state_for(span))
            .or_else(|| Parent::of(span).map(|parent| parent.state))
            .unwrap_or(Self::Defer)
    }

    /// What of it the sampled flag holds.
    pub(crate) fn is_sampled(self) -> bool {
        matches!(self, Self::Accept | Self::Debug)
    }
}
