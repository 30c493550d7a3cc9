//! What the formats beside the W3C's say of a caller: two ids and a sampling state.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::baggage::Prefixed;
use crate::carrier::{Carrier, CarrierMut};
use crate::header;
use crate::sampling_state::SamplingState;
use crate::stats;

/// A caller, as it was read from a message or is to be written to one.
///
/// Also the value that stays in a [`Context`] for a state that the span context cannot hold.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Parent {
    // Invariant: both ids are zero (a state alone), or neither is.
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) state: SamplingState,
}

impl Parent {
    /// `None` if an id is zero: no format allows that.
    pub(crate) fn new(trace_id: u128, span_id: u64, state: SamplingState) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then(|| Self {
            trace_id: TraceId::from(trace_id),
            span_id: SpanId::from(span_id),
            state,
        })
    }

    /// A decision without a caller's span, such as `b3: 0`.
    pub(crate) const fn state_alone(state: SamplingState) -> Self {
        Self {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            state,
        }
    }

    /// A span as it is to be told to a receiver, its state the sampled flag; `None` if not valid.
    pub(crate) fn of(span: &SpanContext) -> Option<Self> {
        let state = if span.is_sampled() {
            SamplingState::Accept
        } else {
            SamplingState::Deny
        };
        span.is_valid().then(|| Self {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            state,
        })
    }

    /// What a message sent from this context is to say; `None` if that is nothing.
    pub(crate) fn current(cx: &Context) -> Option<Self> {
        let state = SamplingState::of(cx);
        match Self::of(cx.span().span_context()) {
            Some(parent) => Some(Self { state, ..parent }),
            None => (state != SamplingState::Defer).then(|| Self::state_alone(state)),
        }
    }

    pub(crate) fn has_ids(&self) -> bool {
        self.trace_id != TraceId::INVALID
    }

    /// The caller's span; `None` for a state alone.
    pub(crate) fn span_context(&self) -> Option<SpanContext> {
        self.has_ids().then(|| {
            SpanContext::new(
                self.trace_id,
                self.span_id,
                TraceFlags::default().with_sampled(self.state.is_sampled()),
                true,
                TraceState::NONE,
            )
        })
    }

    /// The context with the caller's span, or with the state alone.
    pub(crate) fn add_to(self, cx: &Context) -> Context {
        use SamplingState::{Accept, Debug, Defer, Deny};

        match (self.span_context(), self.state) {
            (Some(span), Accept | Deny) if !cx.get::<Self>().is_some_and(Self::has_ids) => {
                cx.with_remote_span_context(span)
            }
            // Also in place of what an earlier message said of its caller.
            (Some(span), _) => cx.with_value(self).with_remote_span_context(span),
            (None, Defer) => cx.clone(),
            // It would mean nothing, and replace what the caller of that span said.
            (None, Accept | Deny) if cx.span().span_context().is_valid() => cx.clone(),
            (None, Accept | Debug | Deny) => cx.with_value(self),
        }
    }

    /// The state that this, found in a context, means for the span beside it.
    pub(crate) fn state_for(&self, span: &SpanContext) -> Option<SamplingState> {
        let applies = match self.state {
            // Alone, it asks for whatever trace the message ends up in.
            SamplingState::Debug => !self.has_ids() || self.trace_id == span.trace_id(),
            // A flag that is set is a decision, of another message about the same span.
            SamplingState::Defer => {
                let ids = (span.trace_id(), span.span_id());
                self.has_ids() && (self.trace_id, self.span_id) == ids && !span.is_sampled()
            }
            SamplingState::Accept | SamplingState::Deny => !self.has_ids() && !span.is_valid(),
        };
        applies.then_some(self.state)
    }

    /// Whether one context has what it has of this from the other. Contexts share their values.
    pub(crate) fn is_same(one: &Context, other: &Context) -> bool {
        one.get::<Self>().map(std::ptr::from_ref) == other.get::<Self>().map(std::ptr::from_ref)
    }

    /// `next` with the state that `current` has: what a propagator that does not decide the trace
    /// found out about sampling must not change what the one that decided it said.
    pub(crate) fn settle(next: Context, current: &Context) -> Context {
        let kept = current.get::<Self>().copied();
        if next.get::<Self>().copied() == kept {
            next
        } else {
            next.with_value(kept.unwrap_or(Self::state_alone(SamplingState::Defer)))
        }
    }
}

/// For what a format says beside its parent.
impl AsRef<Self> for Parent {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// The first of two places in a message that names a span, or else one that has a state alone.
pub(crate) fn either<T: AsRef<Parent>>(
    first: Option<T>,
    second: impl FnOnce() -> Option<T>,
) -> Option<T> {
    let names_a_span = |found: &T| found.as_ref().has_ids();
    if first.as_ref().is_some_and(names_a_span) {
        return first;
    }
    let second = second();
    if second.as_ref().is_some_and(names_a_span) {
        return second;
    }
    first.or(second)
}

/// Reads a header that holds all there is and may come once.
///
/// No rule says which of two is right, and taking either mixes two traces.
pub(crate) fn read<T>(
    carrier: &dyn Carrier,
    name: &str,
    parse: fn(&[u8]) -> Option<T>,
) -> Option<T> {
    match header::only(carrier, name) {
        Ok(None) => None,
        Ok(Some(value)) => counted(parse(value)),
        Err(header::Repeated) => counted(None),
    }
}

/// Counts a message that has a header of the format but no valid one.
pub(crate) fn counted<T>(parsed: Option<T>) -> Option<T> {
    if parsed.is_none() {
        stats::add(&stats::TRACE_HEADERS_REFUSED, 1);
    }
    parsed
}

/// The context with what was read, if anything was.
pub(crate) fn add(parent: Option<Parent>, cx: &Context) -> Context {
    parent.map_or_else(|| cx.clone(), |parent| parent.add_to(cx))
}

/// The context with the baggage of a message too, if its format carries any.
pub(crate) fn add_baggage(form: Option<Prefixed>, carrier: &dyn Carrier, cx: Context) -> Context {
    match form.and_then(|form| form.read(carrier)) {
        Some(baggage) => cx.with_baggage(baggage),
        None => cx,
    }
}

/// Writes the baggage of a context, if the format carries any.
pub(crate) fn write_baggage(form: Option<Prefixed>, cx: &Context, carrier: &mut dyn CarrierMut) {
    if let Some(form) = form {
        form.write(cx.baggage(), carrier);
    }
}

/// Implements [`Propagator`](crate::Propagator) for a format that says what a [`Parent`] holds, by
/// its `read` and `write`, and by how it carries baggage, if it does.
macro_rules! parent_format {
    ($propagator:ty, $baggage:expr, |$this:ident| $fields:expr) => {
        impl $crate::propagator::Propagator for $propagator {
            fn extract_from(
                &self,
                cx: &::opentelemetry::Context,
                carrier: &dyn $crate::carrier::Carrier,
            ) -> ::opentelemetry::Context {
                let cx = $crate::parent::add(self.read(carrier), cx);
                $crate::parent::add_baggage($baggage, carrier, cx)
            }

            fn extract_span_context(
                &self,
                carrier: &dyn $crate::carrier::Carrier,
            ) -> Option<::opentelemetry::trace::SpanContext> {
                self.read(carrier)?.span_context()
            }

            fn inject_into(
                &self,
                cx: &::opentelemetry::Context,
                carrier: &mut dyn $crate::carrier::CarrierMut,
            ) {
                if let Some(parent) = $crate::parent::Parent::current(cx) {
                    self.write(&parent, carrier);
                }
                $crate::parent::write_baggage($baggage, cx, carrier);
            }

            fn inject_span_context(
                &self,
                span_context: &::opentelemetry::trace::SpanContext,
                carrier: &mut dyn $crate::carrier::CarrierMut,
            ) {
                if let Some(parent) = $crate::parent::Parent::of(span_context) {
                    self.write(&parent, carrier);
                }
            }
        }

        $crate::propagator::text_map!($propagator, |$this| $fields);
    };
}
pub(crate) use parent_format;
