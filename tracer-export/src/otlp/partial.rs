//! The answer of a collector: an `ExportTraceServiceResponse`.

use crate::otlp::wire::{Field, Fields};

/// The most bytes of an answer that are kept; a longer answer is not read to its end. OTLP
/// specification, "Max Response Size".
pub(crate) const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// `partial_success.rejected_spans` of an `ExportTraceServiceResponse`.
///
/// A collector that answers with success has taken the request, so whatever in its answer is not
/// protobuf, or makes no sense, is worth 0.
pub(crate) fn rejected_spans(response: &[u8]) -> u64 {
    const PARTIAL_SUCCESS: u64 = 1;
    const REJECTED_SPANS: u64 = 1;
    let mut rejected = 0;
    for field in Fields(response) {
        if let (PARTIAL_SUCCESS, Field::Bytes(partial)) = field {
            for field in Fields(partial) {
                if let (REJECTED_SPANS, Field::Varint(spans)) = field {
                    // An int64: the negative ones are the upper half.
                    rejected = u64::try_from(spans as i64).unwrap_or(0);
                }
            }
        }
    }
    rejected
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    use super::*;

    #[track_caller]
    fn check(rejected: Option<i64>, message: &str, expected: u64) {
        let response = ExportTraceServiceResponse {
            partial_success: rejected.map(|rejected_spans| ExportTracePartialSuccess {
                rejected_spans,
                error_message: message.to_owned(),
            }),
        };
        assert_eq!(rejected_spans(&response.encode_to_vec()), expected);
    }

    #[test]
    fn rejected_spans_are_read_from_what_prost_writes() {
        check(None, "", 0);
        check(Some(0), "a warning", 0);
        check(Some(1), "", 1);
        check(Some(512), "no such tenant", 512);
        check(Some(i64::MAX), "", i64::MAX as u64);
        check(Some(-1), "", 0);
        check(Some(i64::MIN), "", 0);
    }

    #[test]
    fn garbage_is_worth_nothing() {
        assert_eq!(rejected_spans(b""), 0);
        assert_eq!(rejected_spans(b"<html>502</html>"), 0);
        assert_eq!(rejected_spans(&[0x0a, 0x7f, 0x08, 0x05]), 0, "cut");
        assert_eq!(rejected_spans(&[0x0a, 0x02, 0x0a, 0x00]), 0, "wrong type");
    }
}
