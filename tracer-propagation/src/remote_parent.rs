//! The caller's span as the formats other than W3C Trace Context describe it: two ids and a sampling
//! state.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::baggage::PrefixedHeaders;
use crate::carrier::{Carrier, CarrierMut};
use crate::header;
use crate::sampling_state::SamplingState;
use crate::stats;

/// A remote parent: the caller's ids and sampling state, read from a message or about to be written
/// to one.
///
/// A [`Context`] also stores it when a span context cannot hold the sampling state.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct RemoteParent {
    // Invariant: both ids are zero (a state alone), or neither is.
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) state: SamplingState,
}

impl RemoteParent {
    /// Returns `None` if an id is zero, because no format allows that.
    pub(crate) fn new(trace_id: u128, span_id: u64, state: SamplingState) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then(|| Self {
            trace_id: TraceId::from(trace_id),
            span_id: SpanId::from(span_id),
            state,
        })
    }

    /// Returns a sampling decision without ids, such as `b3: 0`.
    pub(crate) const fn state_alone(state: SamplingState) -> Self {
        Self {
            trace_id: TraceId::INVALID,
            span_id: SpanId::INVALID,
            state,
        }
    }

    /// Returns the remote parent that a receiver sees of this span, with the sampled flag as its state.
    /// Returns `None` if the span context is not valid.
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

    /// Returns the remote parent to write to a message that is sent from this context, or `None` if
    /// there is nothing to write.
    pub(crate) fn current(cx: &Context) -> Option<Self> {
        let state = SamplingState::of(cx);
        match Self::of(cx.span().span_context()) {
            Some(parent) => Some(Self { state, ..parent }),
            None => (state != SamplingState::Defer).then(|| Self::state_alone(state)),
        }
    }

    /// Returns whether this names a span, and not only a sampling state.
    pub(crate) fn has_ids(&self) -> bool {
        self.trace_id != TraceId::INVALID
    }

    /// Returns the caller's span context, or `None` for a state without ids.
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

    /// Returns the context with the caller's span, or with the state alone.
    pub(crate) fn add_to(self, cx: &Context) -> Context {
        use SamplingState::{Accept, Debug, Defer, Deny};

        match (self.span_context(), self.state) {
            (Some(span), Accept | Deny) if !cx.get::<Self>().is_some_and(Self::has_ids) => {
                cx.with_remote_span_context(span)
            }
            // This also replaces the remote parent of an earlier message.
            (Some(span), _) => cx.with_value(self).with_remote_span_context(span),
            (None, Defer) => cx.clone(),
            // The state would mean nothing here, and would replace that of the span's own caller.
            (None, Accept | Deny) if cx.span().span_context().is_valid() => cx.clone(),
            (None, Accept | Debug | Deny) => cx.with_value(self),
        }
    }

    /// Returns the sampling state that a stored remote parent gives to `span`, the active span of the
    /// same context.
    pub(crate) fn state_for(&self, span: &SpanContext) -> Option<SamplingState> {
        let applies = match self.state {
            // Without ids, the debug flag applies to whatever trace the message joins.
            SamplingState::Debug => !self.has_ids() || self.trace_id == span.trace_id(),
            // A sampled flag is a decision, which came with another message about the same span.
            SamplingState::Defer => {
                let ids = (span.trace_id(), span.span_id());
                self.has_ids() && (self.trace_id, self.span_id) == ids && !span.is_sampled()
            }
            SamplingState::Accept | SamplingState::Deny => !self.has_ids() && !span.is_valid(),
        };
        applies.then_some(self.state)
    }

    /// Returns whether two contexts share the same stored remote parent.
    pub(crate) fn is_same(one: &Context, other: &Context) -> bool {
        one.get::<Self>().map(std::ptr::from_ref) == other.get::<Self>().map(std::ptr::from_ref)
    }

    /// Returns `next` with the sampling state of `current`. The propagator that found the trace decides
    /// the state, and a later one must not change it.
    pub(crate) fn restore_state(next: Context, current: &Context) -> Context {
        let stored = current.get::<Self>().copied();
        if next.get::<Self>().copied() == stored {
            next
        } else {
            next.with_value(stored.unwrap_or(Self::state_alone(SamplingState::Defer)))
        }
    }
}

impl SamplingState {
    /// Returns the sampling state of a context.
    ///
    /// If the context has no span, this is the state that a message carried without ids (`b3: 0`), or
    /// else [`SamplingState::Defer`].
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
        let stored = cx.get::<RemoteParent>();
        stored
            .and_then(|parent| parent.state_for(span))
            .or_else(|| RemoteParent::of(span).map(|parent| parent.state))
            .unwrap_or(Self::Defer)
    }
}

/// Lets [`either`] also take a format's own type that contains a remote parent.
impl AsRef<Self> for RemoteParent {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Returns the first of two parts of a message that names a span, or else the first that has a state.
pub(crate) fn either<T: AsRef<RemoteParent>>(
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

/// Reads a format that has one header, which may come only once.
///
/// No rule says which of two headers is right, and picking one could mix two traces.
pub(crate) fn read<T>(
    carrier: &dyn Carrier,
    name: &str,
    parse: fn(&[u8]) -> Option<T>,
) -> Option<T> {
    match header::only(carrier, name) {
        Ok(None) => None,
        Ok(Some(value)) => count_refused(parse(value)),
        Err(header::Repeated) => count_refused(None),
    }
}

/// Counts a message whose header of the format is not valid.
pub(crate) fn count_refused<T>(parsed: Option<T>) -> Option<T> {
    if parsed.is_none() {
        stats::add(&stats::TRACE_HEADERS_REFUSED, 1);
    }
    parsed
}

/// Returns the context with the remote parent, if there is one.
pub(crate) fn add(parent: Option<RemoteParent>, cx: &Context) -> Context {
    parent.map_or_else(|| cx.clone(), |parent| parent.add_to(cx))
}

/// Returns the context with the baggage of a message, if its format carries any.
pub(crate) fn add_baggage(
    form: Option<PrefixedHeaders>,
    carrier: &dyn Carrier,
    cx: Context,
) -> Context {
    match form.and_then(|form| form.read(carrier)) {
        Some(baggage) => cx.with_baggage(baggage),
        None => cx,
    }
}

/// Writes the baggage of a context, if the format carries any.
pub(crate) fn write_baggage(
    form: Option<PrefixedHeaders>,
    cx: &Context,
    carrier: &mut dyn CarrierMut,
) {
    if let Some(form) = form {
        form.write(cx.baggage(), carrier);
    }
}

/// Implements [`Propagator`](crate::Propagator) for a type whose `read` and `write` convert between a
/// carrier and a [`RemoteParent`]. The second argument says how the format carries baggage, if it does.
macro_rules! remote_parent_propagator {
    ($propagator:ty, $baggage:expr, |$this:ident| $fields:expr) => {
        impl $crate::propagator::Propagator for $propagator {
            fn extract_from(
                &self,
                cx: &::opentelemetry::Context,
                carrier: &dyn $crate::carrier::Carrier,
            ) -> ::opentelemetry::Context {
                let cx = $crate::remote_parent::add(self.read(carrier), cx);
                $crate::remote_parent::add_baggage($baggage, carrier, cx)
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
                if let Some(parent) = $crate::remote_parent::RemoteParent::current(cx) {
                    self.write(&parent, carrier);
                }
                $crate::remote_parent::write_baggage($baggage, cx, carrier);
            }

            fn inject_span_context(
                &self,
                span_context: &::opentelemetry::trace::SpanContext,
                carrier: &mut dyn $crate::carrier::CarrierMut,
            ) {
                if let Some(parent) = $crate::remote_parent::RemoteParent::of(span_context) {
                    self.write(&parent, carrier);
                }
            }
        }

        $crate::propagator::text_map!($propagator, |$this| $fields);
    };
}
pub(crate) use remote_parent_propagator;
