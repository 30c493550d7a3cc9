//! The response of a collector, an `ExportTraceServiceResponse`, which may report a partial success.

use crate::protobuf::{Field, Fields};

/// The longest response that is read, in bytes. OTLP specification, "Max Response Size".
pub(crate) const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;

/// Returns `partial_success.rejected_spans` of an `ExportTraceServiceResponse`.
///
/// A collector that responds with success has taken the request. So anything in its response that is
/// not protobuf, or is out of range, counts as no rejected spans.
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

/// Returns the same number for a response in JSON. A response that cannot be parsed counts as no
/// rejected spans.
///
/// Source: ProtoJSON. Names are in lower camel case, 64-bit integers are numbers or strings, `null`
/// means no value, and unknown names are ignored.
#[cfg(feature = "http")]
pub(crate) fn rejected_spans_json(response: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Response {
        partial_success: Option<Partial>,
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Partial {
        rejected_spans: Option<Int64>,
    }

    struct Int64(i64);

    impl<'de> serde::Deserialize<'de> for Int64 {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Int64Visitor)
        }
    }

    struct Int64Visitor;

    impl serde::de::Visitor<'_> for Int64Visitor {
        type Value = Int64;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an int64")
        }

        fn visit_i64<E>(self, number: i64) -> Result<Int64, E> {
            Ok(Int64(number))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Int64, E> {
            Ok(Int64(i64::try_from(number).unwrap_or(i64::MAX)))
        }

        fn visit_f64<E>(self, number: f64) -> Result<Int64, E> {
            // Saturates.
            Ok(Int64(number as i64))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Int64, E> {
            let number = text.parse::<f64>().map_err(E::custom)?;
            Ok(Int64(text.parse().unwrap_or(number as i64)))
        }
    }

    let response: Option<Response> = serde_json::from_slice(response).ok();
    let rejected = response
        .and_then(|response| response.partial_success?.rejected_spans)
        .map_or(0, |Int64(spans)| spans);
    u64::try_from(rejected).unwrap_or(0)
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

    /// ProtoJSON, "Representation of each type", int64: a string or a number, also with an exponent
    /// or a fraction of zero.
    #[cfg(feature = "http")]
    #[test]
    fn rejected_spans_are_read_from_json() {
        for (rejected, expected) in [
            ("3", 3),
            ("\"3\"", 3),
            ("3.0", 3),
            ("\"3e0\"", 3),
            ("9007199254740993", 9_007_199_254_740_993),
            ("\"9007199254740993\"", 9_007_199_254_740_993),
            ("18446744073709551615", i64::MAX as u64),
            ("1e300", i64::MAX as u64),
            ("-1", 0),
            ("\"-1\"", 0),
            ("null", 0),
            ("\"\"", 0),
            ("\"NaN\"", 0),
            ("[3]", 0),
            ("{\"a\":3}", 0),
            ("true", 0),
        ] {
            let response = format!(
                "{{\"x\":[{{}}],\"partialSuccess\":{{\"errorMessage\":\"no\",\"rejectedSpans\":{rejected}}}}}"
            );
            assert_eq!(
                rejected_spans_json(response.as_bytes()),
                expected,
                "{response}"
            );
        }
        for response in [
            "",
            "{}",
            "[]",
            "\"OK\"",
            "null",
            "{\"partialSuccess\":null}",
            "{",
            "\u{1}",
        ] {
            assert_eq!(rejected_spans_json(response.as_bytes()), 0, "{response}");
        }
        let nested = "[".repeat(1_000_000);
        assert_eq!(rejected_spans_json(nested.as_bytes()), 0);
    }

    #[test]
    fn garbage_is_worth_nothing() {
        assert_eq!(rejected_spans(b""), 0);
        assert_eq!(rejected_spans(b"<html>502</html>"), 0);
        assert_eq!(rejected_spans(&[0x0a, 0x7f, 0x08, 0x05]), 0, "cut");
        assert_eq!(rejected_spans(&[0x0a, 0x02, 0x0a, 0x00]), 0, "wrong type");
    }
}
