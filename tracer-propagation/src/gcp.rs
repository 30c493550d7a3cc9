//! The header of Google Cloud from before the W3C's: `x-cloud-trace-context`.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::carrier::{Carrier, CarrierMut};
use crate::header::decimal;
use crate::hex;
use crate::remote_parent::{self, RemoteParent, remote_parent_propagator};
use crate::sampling_state::SamplingState;
use crate::stack_string::StackString;

/// Carries the span context in `x-cloud-trace-context` (Google Cloud, *Trace context*, legacy
/// header).
///
/// `{trace id}/{span id};o={options}`: the trace id has 32 hex digits, the span id is a decimal
/// number, and bit 0 of the options says whether the caller is sampled.
///
/// - Without a span id, or with 0, there is no parent; the options are kept in the context.
/// - Without options the caller leaves the decision to the receiver ([`SamplingState::Defer`]),
///   and a deferred decision is sent on in this way.
/// - Two headers give no parent.
///
/// Google recommends the headers of the W3C, which its services know too.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{GcpPropagator, Propagator as _};
///
/// let mut headers = http::HeaderMap::new();
/// let value = "105445aa7843bc8bf206b12000100000/1;o=1";
/// headers.insert("x-cloud-trace-context", value.parse().unwrap());
///
/// let propagator = GcpPropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &headers);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "0000000000000001");
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing["x-cloud-trace-context"], value);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GcpPropagator;

impl GcpPropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::GcpPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["x-cloud-trace-context"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        remote_parent::read(carrier, X_CLOUD_TRACE_CONTEXT, parse)
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        if !parent.has_ids() {
            return;
        }
        let mut header_value = StackString::new();
        header_value.hex(&parent.trace_id.to_bytes()).text("/");
        header_value.decimal(u64::from_be_bytes(parent.span_id.to_bytes()));
        header_value.text(match parent.state {
            SamplingState::Accept | SamplingState::Debug => ";o=1",
            SamplingState::Defer => "",
            SamplingState::Deny => ";o=0",
        });
        carrier.set(X_CLOUD_TRACE_CONTEXT, Cow::Borrowed(header_value.as_str()));
    }
}

remote_parent_propagator!(GcpPropagator, None, |_this| FIELDS.as_slice());

fn parse(value: &[u8]) -> Option<RemoteParent> {
    let (ids, options) = halves(value, b';');
    let (trace_id, span_id) = halves(ids, b'/');
    let state = match options {
        None | Some(b"o=") => SamplingState::Defer,
        Some(options) if decimal(options.strip_prefix(b"o=")?)? & 1 == 1 => SamplingState::Accept,
        Some(_) => SamplingState::Deny,
    };
    let span_id = match span_id {
        None | Some(b"") => 0,
        Some(span_id) => decimal(span_id)?,
    };
    let trace_id = hex::decode_wide(trace_id).filter(|&id| id != 0 && trace_id.len() == 32)?;
    if span_id == 0 {
        Some(RemoteParent::state_alone(state))
    } else {
        RemoteParent::new(trace_id, span_id, state)
    }
}

/// What stands before and after the first separator.
fn halves(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut halves = text.splitn(2, |&byte| byte == separator);
    (halves.next().unwrap_or_default(), halves.next())
}

const X_CLOUD_TRACE_CONTEXT: &str = "x-cloud-trace-context";
static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [X_CLOUD_TRACE_CONTEXT.to_owned()]);

/// Values from the documents of Google's `TraceContextHelper` and `TraceHeaderContext`.
#[cfg(test)]
mod tests {
    use opentelemetry::Context;

    use super::*;
    use crate::SamplingState::{Accept, Defer, Deny};
    use crate::testing::{Expected, check_extract, check_inject, context, extract};

    const TRACE: &str = "000000000000007b00000000000001c8";
    const IDS: (u128, u64) = ((0x7b << 64) | 0x1c8, 789);
    const SPAN: &str = "0000000000000315";

    #[track_caller]
    fn check(value: &str, expected: Option<Expected<'_>>) {
        check_extract(
            &GcpPropagator::new(),
            &[(X_CLOUD_TRACE_CONTEXT, value)],
            expected,
        );
    }

    #[test]
    fn every_documented_form_is_read() {
        for (tail, state) in [("/789;o=1", Accept), ("/789;o=0", Deny), ("/789;o=", Defer)] {
            check(&format!("{TRACE}{tail}"), Some((TRACE, SPAN, state)));
        }
        check(&format!("{TRACE}/789"), Some((TRACE, SPAN, Defer)));
        check(&format!("{TRACE}/789;o=3"), Some((TRACE, SPAN, Accept)));
        check(&format!("{TRACE}/789;o=2"), Some((TRACE, SPAN, Deny)));
        let largest = format!("{TRACE}/18446744073709551615;o=1");
        check(&largest, Some((TRACE, "ffffffffffffffff", Accept)));

        for tail in ["/;o=1", ";o=1", "/0;o=1", "/;o=", "/", ";o=", ""] {
            let value = format!("{TRACE}{tail}");
            check(&value, None);
            let headers = [(X_CLOUD_TRACE_CONTEXT, value.as_str())];
            let cx = extract(&GcpPropagator::new(), &Context::new(), &headers);
            let state = if tail.contains('1') { Accept } else { Defer };
            assert_eq!(SamplingState::of(&cx), state, "{tail}");
        }
    }

    #[test]
    fn malformed_values_give_no_parent() {
        for tail in [
            "/+789;o=1",
            "/-1;o=1",
            "/789a;o=1",
            "/18446744073709551616;o=1",
            "/18446744073709551617;o=1",
            "/99999999999999999999;o=1",
            "/000000000000000000789;o=1",
            "/789;o=x",
            "/789;o=+1",
            "/789;p=1",
            "/789;",
            "/789;o=1;o=1",
            "/789/1;o=1",
        ] {
            check(&format!("{TRACE}{tail}"), None);
        }
        check("/789;o=1", None);
        check("7b00000000000001c8/789;o=1", None);
        check(&format!("0{TRACE}/789;o=1"), None);
        check("00000000000000000000000000000000/789;o=1", None);
        let headers = [(
            X_CLOUD_TRACE_CONTEXT,
            "00000000000000000000000000000000;o=1",
        )];
        let cx = extract(&GcpPropagator::new(), &Context::new(), &headers);
        assert_eq!(
            SamplingState::of(&cx),
            Defer,
            "nothing of a malformed header counts"
        );
        check("000000000000007B00000000000001C8/789;o=1", None);
        check("", None);
    }

    #[test]
    fn the_span_id_is_sent_in_decimal() {
        let propagator = GcpPropagator::new();
        let value = |tail: &str| format!("{TRACE}/789{tail}");
        let sent = |cx: &Context, tail| {
            check_inject(&propagator, cx, &[(X_CLOUD_TRACE_CONTEXT, &value(tail))]);
        };
        sent(&context(IDS.0, IDS.1, 0xff), ";o=1");
        sent(&context(IDS.0, IDS.1, 0xfe), ";o=0");
        let headers = [(X_CLOUD_TRACE_CONTEXT, value(""))];
        let headers = headers
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        sent(&extract(&propagator, &Context::new(), &headers), "");
        check_inject(&propagator, &Context::new(), &[]);
    }
}
