//! The `traceparent` header: W3C Trace Context Level 2 §3.2.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId};

use crate::error::Error;
use crate::hex;
use crate::ows::trim;

/// A valid `traceparent`: ids that are not zero, and all eight flag bits.
///
/// # Examples
///
/// ```
/// use tracer_propagation::Traceparent;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
/// let traceparent = Traceparent::parse(text.as_bytes())?;
/// assert_eq!(traceparent.flags().to_u8(), 0x03);
/// assert_eq!(traceparent.to_bytes(), text.as_bytes());
/// # Ok::<(), tracer_propagation::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Traceparent {
    // Invariant: neither id is zero.
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

impl Traceparent {
    /// Length of the header value in version 00, in bytes.
    pub const LEN: usize = 55;

    /// Takes the identity out of a span context.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroTraceId`] and [`Error::ZeroSpanId`] for a context that is not valid.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::trace::SpanContext;
    /// use tracer_propagation::{Error, Traceparent};
    ///
    /// assert_eq!(Traceparent::new(&SpanContext::NONE), Err(Error::ZeroTraceId));
    /// ```
    pub fn new(span_context: &SpanContext) -> Result<Self, Error> {
        Self::checked(
            span_context.trace_id(),
            span_context.span_id(),
            span_context.trace_flags(),
        )
    }

    /// Reads a header value. Spaces and tabs around it are ignored.
    ///
    /// Version 00 must have exactly 55 bytes and keeps all eight flags. A later version is read
    /// by the rule for unknown versions (§3.2.4): at least 55 bytes, and after them nothing or a
    /// dash. Of its flags only the two that have a meaning today, sampled and random, are taken.
    /// Version `ff` is refused.
    ///
    /// # Errors
    ///
    /// Says what is wrong and where, and repeats none of the bytes.
    ///
    /// # Cost
    ///
    /// Allocates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_propagation::{Error, Traceparent};
    ///
    /// let refused = |text: &str| Traceparent::parse(text.as_bytes()).unwrap_err();
    /// assert_eq!(refused("0-1-1-1"), Error::TraceparentLength { len: 7 });
    /// assert_eq!(
    ///     refused("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
    ///     Error::ZeroSpanId,
    /// );
    /// ```
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        let value = trim(value);
        let usual = value.try_into().ok().and_then(Self::parse_usual);
        usual.map_or_else(|| Self::parse_any(value), Ok)
    }

    /// Reads nearly all that are valid, at a third of the cost: version 00, every field at its place.
    #[inline(always)]
    fn parse_usual(value: &[u8; Self::LEN]) -> Option<Self> {
        let (b"00-", rest) = value.split_first_chunk()? else {
            return None;
        };
        let (high, rest) = rest.split_first_chunk()?;
        let (low, rest) = rest.split_first_chunk()?;
        let (b"-", rest) = rest.split_first_chunk()? else {
            return None;
        };
        let (span_id, rest) = rest.split_first_chunk()?;
        let &[b'-', high_flags, low_flags] = rest else {
            return None;
        };
        let (high, low) = (hex::decode_id(high)?, hex::decode_id(low)?);
        let (span_id, flags) = (
            hex::decode_id(span_id)?,
            hex::decode_byte([high_flags, low_flags])?,
        );
        let trace_id = (u128::from(high) << 64) | u128::from(low);
        let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
        Self::checked(trace_id, span_id, TraceFlags::new(flags)).ok()
    }

    /// Reads any, and says what is wrong.
    #[cold]
    fn parse_any(value: &[u8]) -> Result<Self, Error> {
        if value.len() < Self::LEN {
            return Err(Error::TraceparentLength { len: value.len() });
        }
        let mut cursor = Cursor {
            rest: value,
            offset: 0,
        };
        let version = cursor.hex::<2>()?;
        cursor.dash()?;
        let trace_id = (u128::from(cursor.hex::<16>()?) << 64) | u128::from(cursor.hex::<16>()?);
        cursor.dash()?;
        let span_id = cursor.hex::<16>()?;
        cursor.dash()?;
        let flags = cursor.hex::<2>()? as u8;

        let flags = match version {
            0 if cursor.rest.is_empty() => flags,
            0 => return Err(Error::TraceparentLength { len: value.len() }),
            0xff => return Err(Error::TraceparentVersion),
            _ if cursor.rest.is_empty() => flags & KNOWN_FLAGS,
            _ => {
                cursor.dash()?;
                flags & KNOWN_FLAGS
            }
        };
        Self::checked(
            TraceId::from(trace_id),
            SpanId::from(span_id),
            TraceFlags::new(flags),
        )
    }

    /// Writes the header value, version 00.
    ///
    /// # Cost
    ///
    /// Allocates nothing.
    ///
    /// # Examples
    ///
    /// A later version goes on as version 00, without what only that version knows:
    ///
    /// ```
    /// use tracer_propagation::Traceparent;
    ///
    /// let later = b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more";
    /// assert_eq!(
    ///     &Traceparent::parse(later)?.to_bytes(),
    ///     b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
    /// );
    /// # Ok::<(), tracer_propagation::Error>(())
    /// ```
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let trace_id = u128::from_be_bytes(self.trace_id.to_bytes());
        let span_id = u64::from_be_bytes(self.span_id.to_bytes());
        let fields = [
            (3..19, (trace_id >> 64) as u64),
            (19..35, trace_id as u64),
            (36..52, span_id),
        ];
        for (place, value) in fields {
            if let Some(field) = out.get_mut(place) {
                field.copy_from_slice(&hex::encode_id(value));
            }
        }
        if let Some(field) = out.get_mut(53..55) {
            hex::encode(&[self.flags.to_u8()], field);
        }
        out
    }

    /// The trace id, never zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tracer_propagation::Traceparent;
    /// let text = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
    /// assert_eq!(Traceparent::parse(text)?.trace_id().to_bytes()[0], 0x4b);
    /// # Ok::<(), tracer_propagation::Error>(())
    /// ```
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The id of the caller's span (`parent-id` in the specification), never zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tracer_propagation::Traceparent;
    /// let text = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
    /// assert_eq!(Traceparent::parse(text)?.span_id().to_string(), "00f067aa0ba902b7");
    /// # Ok::<(), tracer_propagation::Error>(())
    /// ```
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// All eight flag bits: 0x01 sampled, 0x02 the last seven bytes of the trace id are random.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tracer_propagation::Traceparent;
    /// let text = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
    /// assert!(Traceparent::parse(text)?.flags().is_sampled());
    /// # Ok::<(), tracer_propagation::Error>(())
    /// ```
    pub fn flags(&self) -> TraceFlags {
        self.flags
    }

    fn checked(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Result<Self, Error> {
        if trace_id == TraceId::INVALID {
            Err(Error::ZeroTraceId)
        } else if span_id == SpanId::INVALID {
            Err(Error::ZeroSpanId)
        } else {
            Ok(Self {
                trace_id,
                span_id,
                flags,
            })
        }
    }
}

/// The flags that the current version gives a meaning: sampled and random.
const KNOWN_FLAGS: u8 = 0x03;

struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn hex<const N: usize>(&mut self) -> Result<u64, Error> {
        let refused = Error::TraceparentHex {
            offset: self.offset,
        };
        let Some((digits, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(refused);
        };
        self.rest = rest;
        self.offset += N;
        hex::decode(digits).ok_or(refused)
    }

    fn dash(&mut self) -> Result<(), Error> {
        let [b'-', rest @ ..] = self.rest else {
            return Err(Error::TraceparentDash {
                offset: self.offset,
            });
        };
        self.rest = rest;
        self.offset += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
