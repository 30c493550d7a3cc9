//! The delay that a collector asks for: the header `Retry-After`, or gRPC's `RetryInfo`.

use std::time::Duration;

/// The longest details that are parsed, in bytes. `RetryInfo` takes about 60 bytes.
#[cfg(feature = "grpc")]
const MAX_DETAILS_BYTES: usize = 8 * 1024;

/// Returns the delay in a `Retry-After` header (RFC 9110 §10.2.3): seconds, or a date compared with
/// `now`. A date in the past is a delay of zero. Any other value is `None`.
#[cfg(feature = "http")]
pub(crate) fn retry_after(value: &[u8], now: std::time::SystemTime) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim_ascii();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Returns the `retry_delay` of the first `google.rpc.RetryInfo` in a `google.rpc.Status`, which gRPC
/// carries as `grpc-status-details-bin`. A negative or malformed delay is `None`.
#[cfg(feature = "grpc")]
pub(crate) fn retry_info(details: &[u8]) -> Option<Duration> {
    use crate::protobuf::{Field, Fields};

    fn bytes_of(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
        Fields(message).filter_map(move |field| match field {
            (found, Field::Bytes(bytes)) if found == number => Some(bytes),
            _ => None,
        })
    }

    fn varint_of(message: &[u8], number: u64) -> u64 {
        let value = Fields(message).filter_map(|field| match field {
            (found, Field::Varint(value)) if found == number => Some(value),
            _ => None,
        });
        value.last().unwrap_or(0)
    }

    if details.len() > MAX_DETAILS_BYTES {
        return None;
    }
    let any = bytes_of(details, 3).find(|any| {
        bytes_of(any, 1).any(|type_url| type_url.ends_with(b"/google.rpc.RetryInfo"))
    })?;
    let delay = bytes_of(any, 2).next()?;
    let delay = bytes_of(delay, 1).next()?;
    let secs = i64::try_from(varint_of(delay, 1)).ok()?;
    let nanos = u32::try_from(varint_of(delay, 2)).ok()?;
    if nanos >= 1_000_000_000 {
        return None;
    }
    Some(Duration::new(u64::try_from(secs).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "http")]
    use super::*;

    #[cfg(feature = "http")]
    #[test]
    fn retry_after_takes_seconds_and_dates() {
        use std::time::UNIX_EPOCH;

        // RFC 9110 §5.6.7: this date is 784 111 777 s after the epoch, in all three forms.
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 7);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let cases: [(&str, Option<Duration>); 15] = [
            ("0", seconds(0)),
            ("120", seconds(120)),
            (" 3 ", seconds(3)),
            ("1000000000000", seconds(1_000_000_000_000)),
            ("99999999999999999999999", seconds(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(7)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", seconds(7)),
            ("Sun Nov  6 08:49:37 1994", seconds(7)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", seconds(0)),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ];
        for (value, expected) in cases {
            assert_eq!(retry_after(value.as_bytes(), now), expected, "{value:?}");
        }
        assert_eq!(retry_after(&[0xff, 0xfe], now), None);
    }

    #[cfg(feature = "grpc")]
    mod retry_info {
        use prost::Message;

        use super::super::*;

        /// The messages as `google/rpc/status.proto` and its imports have them, for prost.
        #[derive(Clone, PartialEq, Message)]
        struct RpcStatus {
            #[prost(int32, tag = "1")]
            code: i32,
            #[prost(string, tag = "2")]
            message: String,
            #[prost(message, repeated, tag = "3")]
            details: Vec<Any>,
        }

        #[derive(Clone, PartialEq, Message)]
        struct Any {
            #[prost(string, tag = "1")]
            type_url: String,
            #[prost(bytes = "vec", tag = "2")]
            value: Vec<u8>,
        }

        #[derive(Clone, PartialEq, Message)]
        struct RetryInfo {
            #[prost(message, optional, tag = "1")]
            retry_delay: Option<Delay>,
        }

        #[derive(Clone, PartialEq, Message)]
        struct Delay {
            #[prost(int64, tag = "1")]
            seconds: i64,
            #[prost(int32, tag = "2")]
            nanos: i32,
        }

        fn details(delay: Option<(i64, i32)>) -> Vec<u8> {
            let other = Any {
                type_url: "type.googleapis.com/google.rpc.DebugInfo".to_owned(),
                value: vec![0x0a, 1, b'x'],
            };
            let info = RetryInfo {
                retry_delay: delay.map(|(seconds, nanos)| Delay { seconds, nanos }),
            };
            let info = Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: info.encode_to_vec(),
            };
            RpcStatus {
                code: 8,
                message: "slow down".to_owned(),
                details: vec![other, info],
            }
            .encode_to_vec()
        }

        #[track_caller]
        fn check(delay: Option<(i64, i32)>, expected: Option<Duration>) {
            assert_eq!(retry_info(&details(delay)), expected);
        }

        #[test]
        fn delay_is_read_from_what_prost_writes() {
            check(Some((3, 0)), Some(Duration::from_secs(3)));
            check(Some((0, 250_000_000)), Some(Duration::from_millis(250)));
            check(Some((0, 0)), Some(Duration::ZERO));
            check(Some((-1, 0)), None);
            check(Some((0, -1)), None);
            check(Some((0, 1_000_000_000)), None);
            check(None, None);
        }

        #[test]
        fn foreign_or_long_details_ask_for_nothing() {
            assert_eq!(retry_info(b""), None);
            assert_eq!(retry_info(b"garbage"), None);
            let mut long = details(Some((3, 0)));
            long.resize(MAX_DETAILS_BYTES + 1, 0);
            assert_eq!(retry_info(&long), None);
        }
    }
}
