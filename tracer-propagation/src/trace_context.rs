//! The propagator of `traceparent` and `tracestate`.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceState};

use crate::carrier::{Carrier, CarrierMut};
use crate::error::Error;
use crate::limits::TRACESTATE_BYTES;
use crate::propagator::{Propagator, text_map};
use crate::stats;
use crate::traceparent::Traceparent;
use crate::tracestate::{self, Level2Members, MemberList};

/// Carries the span context in `traceparent` and `tracestate`, by W3C Trace Context Level 2.
///
/// - A `traceparent` that is not valid, or comes twice, gives no parent: a new trace starts.
/// - A `tracestate` that is not valid costs itself only ([`tracestate::parse`] has the rules).
/// - All eight flag bits of version 00 pass, both ways: OpenTelemetry has them propagated (*W3C Trace
///   Context Requirements*). Level 2 §3.2.2.5.3 would have the six that it does not define sent as
///   zeros, which would end a flag of a later level at every service that does not know it.
/// - An empty `tracestate` is not sent. One that an earlier message left in a reused carrier goes.
///
/// # Examples
///
/// Straight between headers and span contexts:
///
/// ```
/// # #[cfg(feature = "http")] {
/// use tracer_propagation::{Propagator as _, TraceContextPropagator};
///
/// let mut headers = http::HeaderMap::new();
/// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
/// headers.insert("traceparent", traceparent.parse().unwrap());
/// headers.append("tracestate", "rojo=1".parse().unwrap());
/// headers.append("tracestate", "congo=2".parse().unwrap());
///
/// let propagator = TraceContextPropagator::new();
/// let parent = propagator.extract_span_context(&headers).unwrap();
/// assert_eq!(parent.trace_flags().to_u8(), 0x03);
/// assert_eq!(parent.trace_state().get("congo"), Some("2"));
///
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_span_context(&parent, &mut outgoing);
/// assert_eq!(outgoing["traceparent"], traceparent);
/// assert_eq!(outgoing["tracestate"], "rojo=1,congo=2");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TraceContextPropagator;

impl TraceContextPropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator;
    /// use tracer_propagation::TraceContextPropagator;
    ///
    /// let propagator = TraceContextPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["traceparent", "tracestate"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }
}

impl Propagator for TraceContextPropagator {
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        extract(cx, carrier)
    }

    fn extract_span_context(&self, carrier: &dyn Carrier) -> Option<SpanContext> {
        read(carrier).map(|(span_context, _)| span_context)
    }

    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        inject(cx, carrier);
    }

    fn inject_span_context(&self, span_context: &SpanContext, carrier: &mut dyn CarrierMut) {
        write(span_context, None, carrier);
    }
}

text_map!(TraceContextPropagator, |_this| FIELDS.as_slice());

fn extract(cx: &Context, carrier: &dyn Carrier) -> Context {
    match read(carrier) {
        None => cx.clone(),
        Some((span_context, None)) if cx.get::<Level2Members>().is_none() => {
            cx.with_remote_span_context(span_context)
        }
        // Also in place of what another message of the trace left in the context.
        Some((span_context, level2)) => cx
            .with_value(level2.unwrap_or_else(Level2Members::empty))
            .with_remote_span_context(span_context),
    }
}

fn inject(cx: &Context, carrier: &mut dyn CarrierMut) {
    write(cx.span().span_context(), cx.get::<Level2Members>(), carrier);
}

fn read(carrier: &dyn Carrier) -> Option<(SpanContext, Option<Level2Members>)> {
    let traceparent = match read_traceparent(carrier)? {
        Ok(traceparent) => traceparent,
        Err(_) => {
            stats::add(&stats::TRACEPARENT_REFUSED, 1);
            return None;
        }
    };
    let (trace_state, level2) = read_tracestate(carrier, &traceparent);
    let span_context = SpanContext::new(
        traceparent.trace_id(),
        traceparent.span_id(),
        traceparent.flags(),
        true,
        trace_state,
    );
    Some((span_context, level2))
}

/// `None` if the carrier has no such header.
fn read_traceparent(carrier: &dyn Carrier) -> Option<Result<Traceparent, Error>> {
    let mut found: Option<Result<&[u8], Error>> = None;
    carrier.each_value(TRACEPARENT, &mut |value| {
        if found.is_some() {
            // No rule says which of two is right, and taking either mixes two traces.
            found = Some(Err(Error::TraceparentRepeated));
            return ControlFlow::Break(());
        }
        found = Some(Ok(value));
        ControlFlow::Continue(())
    });
    found.map(|value| value.and_then(Traceparent::parse))
}

fn read_tracestate(
    carrier: &dyn Carrier,
    traceparent: &Traceparent,
) -> (TraceState, Option<Level2Members>) {
    let mut list = MemberList::default();
    let mut refused = false;
    carrier.each_value(TRACESTATE, &mut |value| match list.extend(value) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => {
            refused = true;
            ControlFlow::Break(())
        }
    });
    if refused {
        stats::add(&stats::TRACESTATE_REFUSED, 1);
        return (TraceState::NONE, None);
    }
    if list.members().is_empty() {
        return (TraceState::NONE, None);
    }
    list.fit(TRACESTATE_BYTES);
    let (trace_state, complete) = tracestate::to_trace_state(&list);
    let level2 = (!complete).then(|| Level2Members::new(traceparent.trace_id(), &list));
    (trace_state, level2)
}

fn write(span_context: &SpanContext, level2: Option<&Level2Members>, carrier: &mut dyn CarrierMut) {
    let Ok(traceparent) = Traceparent::new(span_context) else {
        return;
    };
    let bytes = traceparent.to_bytes();
    let Ok(text) = std::str::from_utf8(&bytes) else {
        debug_assert!(false, "hex digits and dashes are UTF-8");
        return;
    };
    carrier.set(TRACEPARENT, Cow::Borrowed(text));

    let level2 = level2.filter(|level2| level2.trace_id == span_context.trace_id());
    let header = if level2.is_none() && *span_context.trace_state() == TraceState::NONE {
        None
    } else {
        tracestate::to_header(span_context.trace_state(), level2)
    };
    match header {
        Some(header) => carrier.set(TRACESTATE, Cow::Owned(header)),
        None => carrier.remove(TRACESTATE),
    }
}

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
static FIELDS: LazyLock<[String; 2]> =
    LazyLock::new(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]);

#[cfg(test)]
mod tests;
