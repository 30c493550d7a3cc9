//! The headers of Jaeger's own clients: `uber-trace-id` and `uberctx-*`.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::baggage::{PrefixedHeaders, Values};
use crate::carrier::{Carrier, CarrierMut};
use crate::hex;
use crate::remote_parent::{self, RemoteParent, remote_parent_propagator};
use crate::sampling_state::SamplingState;
use crate::stack_string::StackString;

/// Carries the span context in `uber-trace-id` and baggage in `uberctx-*` (Jaeger, *Propagation
/// Format*). OpenTelemetry calls the format deprecated, in favour of the W3C's.
///
/// - `{trace id}:{span id}:{parent span id}:{flags}`, of which the parent's parent is ignored.
///   Ids may lack leading zeros, and the colons may be percent-encoded. They are sent in full.
/// - A debug trace (flags 3) is sent on as debug. The debug flag without the sampled one means
///   nothing.
/// - Two `uber-trace-id` headers give no parent.
/// - `jaeger-baggage: k1=v1, k2=v2`, which is there for requests made by hand, is read as well.
///   All baggage of a message comes under one budget of 64 members and 8,192 bytes.
/// - Values are percent-encoded, and a `+` in one stands for a space, as Jaeger's Go and Java
///   clients write it. Keys become lowercase and properties are not sent: the format has neither
///   case nor properties.
/// - Baggage is not sent where its header would end in `-bin`: gRPC takes that for base64 and ends
///   the call if it is none.
/// - `fields()` names `uber-trace-id` only; which baggage headers are sent depends on the baggage.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::baggage::BaggageExt as _;
/// use tracer_propagation::{JaegerPropagator, Propagator as _};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("uber-trace-id", "3ce929d0e0e4736:f067aa0ba902b7:0:1".parse().unwrap());
/// headers.insert("uberctx-user", "Am%C3%A9lie".parse().unwrap());
///
/// let propagator = JaegerPropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// assert_eq!(cx.baggage().get("user").unwrap().as_str(), "Amélie");
///
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// let full = "000000000000000003ce929d0e0e4736:00f067aa0ba902b7:0:1";
/// assert_eq!(outgoing["uber-trace-id"], full);
/// assert_eq!(outgoing["uberctx-user"], "Am%C3%A9lie");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JaegerPropagator;

impl JaegerPropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::JaegerPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["uber-trace-id"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        remote_parent::read(carrier, UBER_TRACE_ID, parse)
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        if !parent.has_ids() {
            return;
        }
        let mut header_value = StackString::new();
        header_value.hex(&parent.trace_id.to_bytes()).text(":");
        header_value.hex(&parent.span_id.to_bytes()).text(":0:");
        header_value.text(match parent.state {
            SamplingState::Accept => "1",
            SamplingState::Debug => "3",
            SamplingState::Defer | SamplingState::Deny => "0",
        });
        carrier.set(UBER_TRACE_ID, Cow::Borrowed(header_value.as_str()));
    }
}

remote_parent_propagator!(JaegerPropagator, Some(BAGGAGE), |_this| FIELDS.as_slice());

fn parse(value: &[u8]) -> Option<RemoteParent> {
    let (trace_id, rest) = split(value)?;
    let (span_id, rest) = split(rest)?;
    let (_parents_parent, flags) = split(rest)?;
    // One byte, but some write more zeros in front than that takes.
    let flags = hex::decode(flags).filter(|_| !flags.is_empty())?;
    let flags = u8::try_from(flags).ok()?;
    let state = match flags & 0b11 {
        0b01 => SamplingState::Accept,
        0b11 => SamplingState::Debug,
        _ => SamplingState::Deny,
    };
    RemoteParent::new(hex::decode_wide(trace_id)?, hex::decode(span_id)?, state)
}

/// Splits at the first colon, which is the one byte of the format that percent-encoding changes.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| matches!(byte, b':' | b'%'))?;
    let (before, separator) = value.split_at_checked(at)?;
    match separator {
        [b':', after @ ..] | [b'%', b'3', b'A' | b'a', after @ ..] => Some((before, after)),
        _ => None,
    }
}

const BAGGAGE: PrefixedHeaders = PrefixedHeaders {
    prefix: "uberctx-",
    list: Some("jaeger-baggage"),
    values: Values::UrlEncoded,
};
const UBER_TRACE_ID: &str = "uber-trace-id";
static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [UBER_TRACE_ID.to_owned()]);

#[cfg(test)]
mod tests;
