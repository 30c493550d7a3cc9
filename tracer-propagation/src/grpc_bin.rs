//! The metadata of OpenCensus in gRPC: `grpc-trace-bin`.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::carrier::{Carrier, CarrierMut};
use crate::remote_parent::{self, RemoteParent, remote_parent_propagator};
use crate::sampling_state::SamplingState;

/// Carries the span context in `grpc-trace-bin` (OpenCensus, *Binary Encoding*, Trace Context),
/// for peers that trace gRPC with OpenCensus.
///
/// The encoding is a version byte, 0, and then fields: `0` and 16 bytes of trace id, `1` and 8
/// bytes of span id, `2` and one byte of options, of which bit 0 says sampled.
///
/// - **What the carrier sees is text.** gRPC sends metadata whose name ends in `-bin` as base64, so
///   that is what is written: 39 characters without padding, as in the headers of an HTTP/2
///   request. Base64 with its whole padding or with none is read; and so are the bytes themselves,
///   from a carrier that has decoded them.
/// - Fields may come in any order. What follows a field of an unknown number is ignored, and other
///   versions are refused. So is text that decodes to more than 128 bytes.
/// - Without options the caller leaves the decision to the receiver ([`SamplingState::Defer`]), and
///   a deferred decision is sent on in this way.
/// - Two headers, and two fields of one number, give no parent.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{GrpcTraceBinPropagator, Propagator as _};
///
/// let mut metadata = http::HeaderMap::new();
/// let value = "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3AgE";
/// metadata.insert("grpc-trace-bin", value.parse().unwrap());
///
/// let propagator = GrpcTraceBinPropagator::new();
/// let cx = propagator.extract_from(&Context::new(), &metadata);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "34f067aa0ba902b7");
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&cx, &mut outgoing);
/// assert_eq!(outgoing["grpc-trace-bin"], value);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GrpcTraceBinPropagator;

impl GrpcTraceBinPropagator {
    /// Makes the propagator; it has no settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator as _;
    ///
    /// let propagator = tracer_propagation::GrpcTraceBinPropagator::new();
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["grpc-trace-bin"]);
    /// ```
    pub const fn new() -> Self {
        Self
    }

    fn read(&self, carrier: &dyn Carrier) -> Option<RemoteParent> {
        remote_parent::read(carrier, GRPC_TRACE_BIN, parse)
    }

    fn write(&self, parent: &RemoteParent, carrier: &mut dyn CarrierMut) {
        if !parent.has_ids() {
            return;
        }
        let sampled = u8::from(parent.state.is_sampled());
        let all = [VERSION, TRACE_ID]
            .into_iter()
            .chain(parent.trace_id.to_bytes())
            .chain([SPAN_ID])
            .chain(parent.span_id.to_bytes())
            .chain([OPTIONS, sampled]);
        let mut bytes = [0; LEN];
        for (slot, byte) in bytes.iter_mut().zip(all) {
            *slot = byte;
        }
        let len = if parent.state == SamplingState::Defer {
            LEN - 2
        } else {
            LEN
        };
        let bytes = bytes.get(..len).unwrap_or_default();
        let mut text = [0; TEXT_LEN];
        let written = STANDARD_NO_PAD
            .encode_slice(bytes, &mut text)
            .unwrap_or_default();
        let text = text.get(..written).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        carrier.set(GRPC_TRACE_BIN, Cow::Borrowed(text));
    }
}

remote_parent_propagator!(GrpcTraceBinPropagator, None, |_this| FIELDS.as_slice());

fn parse(value: &[u8]) -> Option<RemoteParent> {
    // No base64 starts with the version byte.
    if value.first() == Some(&VERSION) {
        return fields(value);
    }
    let mut bytes = [0; MAX_LEN];
    // All of the padding may be missing, but not half of it.
    let base64 = if value.len().is_multiple_of(4) {
        &STANDARD
    } else {
        &STANDARD_NO_PAD
    };
    let len = base64.decode_slice(value, &mut bytes).ok()?;
    fields(bytes.get(..len)?)
}

fn fields(bytes: &[u8]) -> Option<RemoteParent> {
    let mut rest = bytes.strip_prefix(&[VERSION])?;
    let (mut trace_id, mut span_id, mut options) = (None, None, None);
    while let [number, field @ ..] = rest {
        let again = match *number {
            TRACE_ID => take(field, &mut rest, &mut trace_id)?,
            SPAN_ID => take(field, &mut rest, &mut span_id)?,
            OPTIONS => take(field, &mut rest, &mut options)?,
            _ => break,
        };
        if again {
            return None;
        }
    }
    let state = match options {
        None => SamplingState::Defer,
        Some([options]) if options & 1 == 1 => SamplingState::Accept,
        Some([_]) => SamplingState::Deny,
    };
    RemoteParent::new(
        u128::from_be_bytes(trace_id?),
        u64::from_be_bytes(span_id?),
        state,
    )
}

/// Takes a field off the front, and says whether it was there before.
fn take<'a, const N: usize>(
    field: &'a [u8],
    rest: &mut &'a [u8],
    value: &mut Option<[u8; N]>,
) -> Option<bool> {
    let (bytes, after) = field.split_first_chunk::<N>()?;
    *rest = after;
    Some(value.replace(*bytes).is_some())
}

const VERSION: u8 = 0;
const TRACE_ID: u8 = 0;
const SPAN_ID: u8 = 1;
const OPTIONS: u8 = 2;

/// Bytes of a value with all three fields, and characters of it in base64.
const LEN: usize = 29;
const TEXT_LEN: usize = 39;

/// Room on the stack for what text decodes to; no version of the format was as long.
const MAX_LEN: usize = 128;

const GRPC_TRACE_BIN: &str = "grpc-trace-bin";
static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [GRPC_TRACE_BIN.to_owned()]);

/// The example of the specification, and values of the tests of OpenTelemetry Go
/// (`propagators/opencensus`). The base64 was made by `base64` of GNU coreutils.
#[cfg(test)]
mod tests {
    use opentelemetry::Context;
    use opentelemetry::trace::TraceContextExt;

    use super::*;
    use crate::SamplingState::{Accept, Defer, Deny};
    use crate::propagator::Propagator;
    use crate::testing::{Expected, check_extract, check_inject, context, extract};

    const EXAMPLE: [u8; LEN] = [
        0, 0, 75, 249, 47, 53, 119, 179, 77, 166, 163, 206, 146, 157, 0, 14, 71, 54, 1, 52, 240,
        103, 170, 11, 169, 2, 183, 2, 1,
    ];
    const TEXT: &str = "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3AgE";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d000e4736";
    const SPAN: &str = "34f067aa0ba902b7";
    const IDS: (u128, u64) = (
        0x4bf9_2f35_77b3_4da6_a3ce_929d_000e_4736,
        0x34f0_67aa_0ba9_02b7,
    );

    #[track_caller]
    fn check_text(value: &str, expected: Option<Expected<'_>>) {
        check_extract(
            &GrpcTraceBinPropagator::new(),
            &[(GRPC_TRACE_BIN, value)],
            expected,
        );
    }

    #[track_caller]
    fn check_bytes(bytes: &[u8], expected: Option<Expected<'_>>) {
        let found = fields(bytes).map(|parent| {
            let (trace_id, span_id) = (parent.trace_id.to_string(), parent.span_id.to_string());
            (trace_id, span_id, parent.state)
        });
        let owned = |(trace, span, state): Expected<'_>| (trace.to_owned(), span.to_owned(), state);
        assert_eq!(found, expected.map(owned), "{bytes:?}");
    }

    #[test]
    fn the_example_is_read_as_text_and_as_bytes() {
        let expected = Some((TRACE, SPAN, Accept));
        check_text(TEXT, expected);
        check_text(&format!("{TEXT}="), expected);
        check_bytes(&EXAMPLE, expected);
        check_bytes(
            &[&EXAMPLE[..27], &[2, 0]].concat(),
            Some((TRACE, SPAN, Deny)),
        );
        check_bytes(
            &[&EXAMPLE[..27], &[2, 0xfe]].concat(),
            Some((TRACE, SPAN, Deny)),
        );
        check_bytes(
            &[&EXAMPLE[..27], &[2, 0xff]].concat(),
            Some((TRACE, SPAN, Accept)),
        );
        check_bytes(&EXAMPLE[..27], Some((TRACE, SPAN, Defer)));
        // Any order, and a tail of a later version.
        let turned = [&[0, 2, 1][..], &EXAMPLE[18..27], &EXAMPLE[1..18]].concat();
        check_bytes(&turned, expected);
        check_bytes(&[&EXAMPLE[..], &[3, 1, 2, 3]].concat(), expected);

        struct Bytes(Vec<u8>);
        impl Carrier for Bytes {
            fn each_value<'a>(
                &'a self,
                _: &str,
                visit: &mut dyn FnMut(&'a [u8]) -> std::ops::ControlFlow<()>,
            ) {
                let _ = visit(&self.0);
            }

            fn each_name<'a>(&'a self, _: &mut dyn FnMut(&'a str) -> std::ops::ControlFlow<()>) {}
        }
        let carrier = Bytes(EXAMPLE.to_vec());
        let cx = GrpcTraceBinPropagator::new().extract_from(&Context::new(), &carrier);
        assert_eq!(cx.span().span_context().trace_id().to_string(), TRACE);
    }

    #[test]
    fn malformed_values_give_no_parent() {
        for len in 0..27 {
            check_bytes(&EXAMPLE[..len], None);
        }
        check_bytes(&EXAMPLE[..28], None);
        check_bytes(&[&[1], &EXAMPLE[1..]].concat(), None);
        check_bytes(&[&EXAMPLE[..], &[2, 1]].concat(), None);
        check_bytes(&[&[0, 3], &EXAMPLE[1..]].concat(), None);
        check_bytes(&[&[0, 0], &[0; 16][..], &EXAMPLE[18..]].concat(), None);
        check_bytes(&[&EXAMPLE[..18], &[1], &[0; 8]].concat(), None);
        check_text("5435j345io34t5904w3jt894j3t854w89tp95jgt9", None);
        check_text("", None);
        // 28 bytes of which the last is a field of an unknown number; they take two characters of
        // padding.
        let unpadded = "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3Aw";
        check_text(unpadded, Some((TRACE, SPAN, Defer)));
        check_text(&format!("{unpadded}=="), Some((TRACE, SPAN, Defer)));
        check_text(&format!("{unpadded}="), None);
        check_text(&TEXT.replace('+', "-"), None);
        check_text(&format!("{TEXT}, {TEXT}"), None);
        let long = |tail| STANDARD_NO_PAD.encode([&EXAMPLE[..], &vec![3; tail]].concat());
        check_text(&long(97), Some((TRACE, SPAN, Accept)));
        check_text(&long(100), None);
    }

    #[test]
    fn what_is_sent_is_base64_without_padding() {
        let propagator = GrpcTraceBinPropagator::new();
        let sent = |cx: &Context, value| check_inject(&propagator, cx, &[(GRPC_TRACE_BIN, value)]);
        sent(&context(IDS.0, IDS.1, 0xff), TEXT);
        sent(
            &context(IDS.0, IDS.1, 0xfe),
            "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3AgA",
        );
        let deferred = "AABL+S81d7NNpqPOkp0ADkc2ATTwZ6oLqQK3";
        sent(
            &extract(&propagator, &Context::new(), &[(GRPC_TRACE_BIN, deferred)]),
            deferred,
        );
        check_inject(&propagator, &Context::new(), &[]);
    }
}
