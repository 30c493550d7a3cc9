//! The headers `x-trace-id`, `x-span-id` and `x-baggage-*`, which no standard defines.

use std::sync::LazyLock;

use crate::baggage::{PrefixedHeaders, Values};
use crate::carrier::{Carrier, CarrierMut};
use crate::header::{self, Repeated};
use crate::hex;
use crate::remote_parent::{RemoteParent, count_refused, remote_parent_propagator};
use crate::sampling_state::SamplingState;

/// Carries ids in `x-trace-id` and `x-span-id` and baggage in `x-baggage-*`, for systems that were
/// built before the standards.
///
/// No standard describes these headers, and other software uses the same names for other purposes.
/// So the specification has no name for this propagator: choose it in code, or with
/// `tracer_x_trace_id` in `OTEL_PROPAGATORS`. Put it last in a [`CompositePropagator`](crate::CompositePropagator).
///
/// - `x-trace-id` has 32 or 16 lowercase hex digits, `x-span-id` 16. With only one of the two,
///   or with one that is something else (a UUID, say), there is no parent.
/// - The headers say nothing about sampling. A caller that sends ids is assumed to sample its spans,
///   so the span context is sampled. A span that is not sampled is not sent, because the receiver
///   would treat it as a sampled parent.
/// - Baggage is sent as in [`OtTracePropagator`](crate::OtTracePropagator), under the same budget.
///   Values are not encoded where a header can hold them, because code that reads such headers by
///   hand does not decode them.
/// - `fields()` names no baggage header, because the names depend on the baggage.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{XTraceIdPropagator, Propagator as _};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap());
/// headers.insert("x-span-id", "00f067aa0ba902b7".parse().unwrap());
/// headers.insert("x-baggage-tenant", "7".parse().unwrap());
///
/// let propagator = XTraceIdPropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// assert!(cx.span().span_context().is_sampled());
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing, headers);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct XTraceIdPropagator;

impl XTraceIdPropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::XTraceIdPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["x-trace-id", "x-span-id"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        match (
            header::only(carrier, TRACE_ID),
            header::only(carrier, SPAN_ID),
        ) {
            // One of the names alone is often used for something else, so this is not counted.
            (Ok(None), _) | (_, Ok(None)) => None,
            (Ok(Some(trace_id)), Ok(Some(span_id))) => count_refused(parse(trace_id, span_id)),
            (Err(Repeated), _) | (_, Err(Repeated)) => count_refused(None),
        }
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        if parent.has_ids() && parent.state.is_sampled() {
            header::set_hex(carrier, TRACE_ID, &parent.trace_id.to_bytes());
            header::set_hex(carrier, SPAN_ID, &parent.span_id.to_bytes());
        }
    }
}

remote_parent_propagator!(XTraceIdPropagator, Some(BAGGAGE), |_this| FIELDS.as_slice());

fn parse(trace_id: &[u8], span_id: &[u8]) -> Option<RemoteParent> {
    let (trace_id, span_id) = (hex::trace_id(trace_id)?, hex::span_id(span_id)?);
    RemoteParent::new(trace_id, span_id, SamplingState::Accept)
}

const BAGGAGE: PrefixedHeaders = PrefixedHeaders {
    prefix: "x-baggage-",
    list: None,
    values: Values::Raw,
};
const SPAN_ID: &str = "x-span-id";
const TRACE_ID: &str = "x-trace-id";
static FIELDS: LazyLock<[String; 2]> = LazyLock::new(|| [TRACE_ID, SPAN_ID].map(str::to_owned));

#[cfg(test)]
mod tests {
    use opentelemetry::Context;
    use opentelemetry::baggage::BaggageExt;

    use super::*;
    use crate::B3Propagator;
    use crate::SamplingState::Accept;
    use crate::testing::{Expected, check_extract, check_inject, context, extract};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    const IDS: (u128, u64) = (
        0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        0x00f0_67aa_0ba9_02b7,
    );

    #[track_caller]
    fn check(trace_id: &str, span_id: &str, expected: Option<Expected<'_>>) {
        let headers = [(TRACE_ID, trace_id), (SPAN_ID, span_id)];
        check_extract(&XTraceIdPropagator::new(), &headers, expected);
    }

    #[test]
    fn only_two_ids_that_are_hex_are_a_parent() {
        check(TRACE, SPAN, Some((TRACE, SPAN, Accept)));
        let padded = "0000000000000000a3ce929d0e0e4736";
        check("a3ce929d0e0e4736", SPAN, Some((padded, SPAN, Accept)));
        check("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", SPAN, None);
        check(&TRACE.to_ascii_uppercase(), SPAN, None);
        check(TRACE, "1", None);
        check(TRACE, "0000000000000000", None);
        check(&"0".repeat(32), SPAN, None);
        check_extract(&XTraceIdPropagator::new(), &[(TRACE_ID, TRACE)], None);
        check_extract(&XTraceIdPropagator::new(), &[(SPAN_ID, SPAN)], None);
    }

    #[test]
    fn a_span_that_is_not_sampled_is_not_sent_and_baggage_is() {
        let propagator = XTraceIdPropagator::new();
        let sent = [(TRACE_ID, TRACE), (SPAN_ID, SPAN)];
        check_inject(&propagator, &context(IDS.0, IDS.1, 0xff), &sent);
        check_inject(&propagator, &context(IDS.0, 0, 0xff), &[]);
        let decision_alone = extract(&B3Propagator::single(), &Context::new(), &[("b3", "1")]);
        check_inject(&propagator, &decision_alone, &[]);
        let cx = context(IDS.0, IDS.1, 0xfe);
        let cx = cx.with_baggage([opentelemetry::KeyValue::new("a", "b c")]);
        check_inject(&propagator, &cx, &[("x-baggage-a", "b c")]);
        let cx = extract(&propagator, &Context::new(), &[("X-Baggage-A", "b%20c")]);
        assert_eq!(cx.baggage().get("a").unwrap().as_str(), "b c");
    }
}
