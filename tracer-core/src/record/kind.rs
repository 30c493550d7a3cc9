//! Span kinds as the numbers of trace.proto's `SpanKind`.

use opentelemetry::trace::SpanKind;

/// Returns the number of a kind. A span without a kind is internal.
pub(crate) fn otlp_kind(kind: Option<&SpanKind>) -> u8 {
    match kind {
        None | Some(SpanKind::Internal) => 1,
        Some(SpanKind::Server) => 2,
        Some(SpanKind::Client) => 3,
        Some(SpanKind::Producer) => 4,
        Some(SpanKind::Consumer) => 5,
    }
}

/// Returns the kind with this number, the inverse of [`otlp_kind`].
pub(crate) fn span_kind(number: u8) -> SpanKind {
    match number {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_survives_the_record() {
        for kind in [
            SpanKind::Client,
            SpanKind::Consumer,
            SpanKind::Internal,
            SpanKind::Producer,
            SpanKind::Server,
        ] {
            assert_eq!(span_kind(otlp_kind(Some(&kind))), kind);
        }
        assert_eq!(otlp_kind(None), 1, "trace.proto SPAN_KIND_INTERNAL");
    }
}
