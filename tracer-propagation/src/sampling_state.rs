//! The sampling decision of a caller, which can say more than the sampled flag holds.

#[cfg(doc)]
use opentelemetry::Context;

/// What a context says about sampling: the four states of B3, which cover those of every format.
///
/// The sampled flag of a span context is one bit. Two states do not fit in it, and one can come
/// without any ids: the propagators keep those in the [`Context`] beside the span, so that the
/// bits of the flags stay what the W3C says they are.
///
/// The four are all there are (B3, *Sampling State*).
///
/// # When the caller left the decision to this service
///
/// Of a span with [`SamplingState::Defer`] the flag says "not sampled", and OpenTelemetry's
/// `ParentBased` sampler asks the flag: unless told otherwise, it drops what follows, as it does
/// with the B3 propagators of OpenTelemetry for Go, Java and JavaScript. Nothing that a propagator
/// could do would be right. With the flag set, a decision would be made that the caller did not
/// make, of all traces or none; without a parent, the ids would be lost.
///
/// To decide is a sampler's work, and it is shown the parent's context. `ParentBased` has a place
/// for one that is asked about callers which are not sampled. The same one at the root hears what
/// came without ids (`b3: 0`, X-Ray's `Root` without `Parent`), which other samplers do not ask for:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::trace::{Link, SpanKind, TraceId};
/// use opentelemetry::{Context, KeyValue};
/// use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
/// use tracer_propagation::{B3Propagator, Propagator as _, SamplingState};
/// use tracer_sampling::{AlwaysOff, AlwaysOn, ParentBased, Probability};
///
/// /// Decides where the caller did not.
/// #[derive(Clone, Debug)]
/// struct Undecided<S>(S);
///
/// impl<S: ShouldSample + Clone + 'static> ShouldSample for Undecided<S> {
///     fn should_sample(
///         &self,
///         parent: Option<&Context>,
///         trace_id: TraceId,
///         name: &str,
///         kind: &SpanKind,
///         attributes: &[KeyValue],
///         links: &[Link],
///     ) -> SamplingResult {
///         let sampler: &dyn ShouldSample = match parent.map(SamplingState::of) {
///             Some(SamplingState::Accept | SamplingState::Debug) => &AlwaysOn,
///             Some(SamplingState::Deny) => &AlwaysOff,
///             Some(SamplingState::Defer) | None => &self.0,
///         };
///         sampler.should_sample(parent, trace_id, name, kind, attributes, links)
///     }
/// }
///
/// // One trace in ten, of those that begin here and of those that nobody decided about.
/// let undecided = Undecided(Probability::new(0.1)?);
/// let sampler = ParentBased::new(undecided.clone()).remote_parent_not_sampled(undecided);
///
/// let decide = |trace_id: &str, b3: &str| {
///     let mut headers = http::HeaderMap::new();
///     headers.insert("b3", b3.parse().unwrap());
///     let parent = B3Propagator::single().extract_from(&Context::new(), &headers);
///     let id = TraceId::from_hex(trace_id).unwrap();
///     sampler.should_sample(Some(&parent), id, "GET", &SpanKind::Server, &[], &[]).decision
/// };
/// let (sampled, dropped) = (SamplingDecision::RecordAndSample, SamplingDecision::Drop);
/// // By its last 14 digits one id is of the tenth, and the other is not.
/// let (lucky, other) = ("00000000000000000fffffffffffffff", "00000000000000000f0fffffffffffff");
/// assert_eq!(decide(lucky, &format!("{lucky}-00f067aa0ba902b7")), sampled);
/// assert_eq!(decide(other, &format!("{other}-00f067aa0ba902b7")), dropped);
/// // What the caller decided stands, with ids and without.
/// assert_eq!(decide(lucky, &format!("{lucky}-00f067aa0ba902b7-0")), dropped);
/// assert_eq!(decide(other, &format!("{other}-00f067aa0ba902b7-1")), sampled);
/// assert_eq!(decide(lucky, "0"), dropped);
/// assert_eq!(decide(other, "d"), sampled);
/// # }
/// # Ok::<(), tracer_sampling::Error>(())
/// ```
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
    /// Returns the sampled flag that this state stands for.
    pub(crate) fn is_sampled(self) -> bool {
        matches!(self, Self::Accept | Self::Debug)
    }
}
