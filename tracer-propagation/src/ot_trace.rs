//! The headers of the OpenTracing basic tracers: `ot-tracer-*` and `ot-baggage-*`.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::baggage::{PrefixedHeaders, Values};
use crate::carrier::{Carrier, CarrierMut};
use crate::header::{self, Repeated};
use crate::hex;
use crate::remote_parent::{RemoteParent, count_refused, remote_parent_propagator};
use crate::sampling_state::SamplingState;

/// Carries the span context in `ot-tracer-traceid`, `-spanid` and `-sampled`, and baggage in
/// `ot-baggage-*`: the format of the OpenTracing basic tracers, which OpenTelemetry calls OT Trace
/// and deprecated (`opentracing/basictracer-python`, `text_propagator.py`).
///
/// - A trace id of 64 bits may lack leading zeros; one of 128 bits has 32 digits. The lower 64 bits of
///   a trace id are sent, because receivers of this format read no more.
/// - Without `ot-tracer-sampled` the caller defers the decision ([`SamplingState::Defer`]).
/// - A header that comes twice gives no parent.
/// - Baggage values are sent as they are (README of `opentelemetry-propagator-ot-trace`, *OTTrace
///   Format*). The format has no rule for bytes that a header cannot hold. They are percent-encoded:
///   control bytes, bytes beyond ASCII, a space at either end, and a `%` before two hex digits. This
///   propagator decodes those escapes, so it reads any text that it wrote. Other receivers see them.
/// - Keys become lowercase and properties are not sent. One budget of 64 members and 8,192 bytes
///   covers all baggage of a message.
/// - A member is not sent if the name of its header would end in `-bin`, because gRPC expects base64
///   there and ends the call otherwise.
/// - `fields()` names no baggage header, because the names depend on the baggage.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use tracer_propagation::{OtTracePropagator, Propagator as _};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("ot-tracer-traceid", "a3ce929d0e0e4736".parse().unwrap());
/// headers.insert("ot-tracer-spanid", "00f067aa0ba902b7".parse().unwrap());
/// headers.insert("ot-tracer-sampled", "true".parse().unwrap());
/// headers.insert("ot-baggage-tenant", "7".parse().unwrap());
///
/// let propagator = OtTracePropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing, headers);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OtTracePropagator;

impl OtTracePropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::OtTracePropagator::new();
    /// assert_eq!(propagator.fields().count(), 3);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        let ids = (
            header::only(carrier, TRACE_ID),
            header::only(carrier, SPAN_ID),
        );
        match ids {
            (Ok(None), Ok(None)) => None,
            (trace_id, span_id) => {
                count_refused(parse(trace_id, span_id, header::only(carrier, SAMPLED)))
            }
        }
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        let [.., a, b, c, d, e, f, g, h] = parent.trace_id.to_bytes();
        let half = [a, b, c, d, e, f, g, h];
        if half == [0; 8] {
            return;
        }
        header::set_hex(carrier, TRACE_ID, &half);
        header::set_hex(carrier, SPAN_ID, &parent.span_id.to_bytes());
        match parent.state {
            SamplingState::Accept | SamplingState::Debug => {
                carrier.set(SAMPLED, Cow::Borrowed("true"));
            }
            SamplingState::Defer => carrier.remove(SAMPLED),
            SamplingState::Deny => carrier.set(SAMPLED, Cow::Borrowed("false")),
        }
    }
}

remote_parent_propagator!(OtTracePropagator, Some(BAGGAGE), |_this| FIELDS.as_slice());

type Value<'a> = Result<Option<&'a [u8]>, Repeated>;

fn parse(trace_id: Value<'_>, span_id: Value<'_>, sampled: Value<'_>) -> Option<RemoteParent> {
    let state = match sampled.ok()? {
        None => SamplingState::Defer,
        Some(text) if text == b"1" || text.eq_ignore_ascii_case(b"true") => SamplingState::Accept,
        Some(text) if text == b"0" || text.eq_ignore_ascii_case(b"false") => SamplingState::Deny,
        Some(_) => return None,
    };
    let (trace_id, span_id) = (trace_id.ok()??, span_id.ok()??);
    let trace_id = match trace_id.len() {
        1..=16 | 32 => hex::decode_wide(trace_id)?,
        _ => return None,
    };
    RemoteParent::new(trace_id, hex::decode(span_id)?, state)
}

const BAGGAGE: PrefixedHeaders = PrefixedHeaders {
    prefix: "ot-baggage-",
    list: None,
    values: Values::Raw,
};
const SAMPLED: &str = "ot-tracer-sampled";
const SPAN_ID: &str = "ot-tracer-spanid";
const TRACE_ID: &str = "ot-tracer-traceid";
static FIELDS: LazyLock<[String; 3]> =
    LazyLock::new(|| [TRACE_ID, SPAN_ID, SAMPLED].map(str::to_owned));

#[cfg(test)]
mod tests;
