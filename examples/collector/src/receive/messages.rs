//! The messages of an answer, in the format of its request.
//!
//! Field numbers are those of opentelemetry/proto/collector/trace/v1/trace_service.proto,
//! google/rpc/status.proto and google/rpc/error_details.proto.

use std::time::Duration;

use prost::Message;
use serde::Serialize;

use super::intake::Accepted;
use crate::decode::Format;

/// The time that a refused sender is asked to wait. Commits take milliseconds, so a second lets a
/// whole budget of requests through.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Codes of google/rpc/code.proto.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Code {
    DeadlineExceeded = 4,
    Internal = 13,
    InvalidArgument = 3,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unavailable = 14,
    Unimplemented = 12,
}

#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<AnyMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyMessage {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<DurationMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct DurationMessage {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// Returns the message of a success, whole or partial.
pub(super) fn success(accepted: &Accepted, format: Format) -> Vec<u8> {
    // A message without rejected spans is a warning.
    let partial = accepted.rejected > 0 || !accepted.message.is_empty();
    match format {
        Format::Json => {
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Partial<'a> {
                // A 64-bit integer is a string in the JSON form of protobuf.
                rejected_spans: String,
                error_message: &'a str,
            }
            #[derive(Serialize)]
            #[serde(rename_all = "camelCase")]
            struct Response<'a> {
                #[serde(skip_serializing_if = "Option::is_none")]
                partial_success: Option<Partial<'a>>,
            }
            json(&Response {
                partial_success: partial.then(|| Partial {
                    rejected_spans: accepted.rejected.to_string(),
                    error_message: &accepted.message,
                }),
            })
        }
        Format::Protobuf => ExportTraceServiceResponse {
            partial_success: partial.then(|| PartialSuccess {
                rejected_spans: i64::try_from(accepted.rejected).unwrap_or(i64::MAX),
                error_message: accepted.message.clone(),
            }),
        }
        .encode_to_vec(),
    }
}

/// Returns the message of an error: a `google.rpc.Status`, with `RetryInfo` if the sender may try
/// again.
pub(super) fn status(code: Code, message: &str, format: Format) -> Vec<u8> {
    let seconds = RETRY_DELAY.as_secs();
    let retry = code == Code::Unavailable;
    let type_url = "type.googleapis.com/google.rpc.RetryInfo";
    match format {
        Format::Json => {
            #[derive(Serialize)]
            struct Detail {
                #[serde(rename = "@type")]
                type_url: &'static str,
                #[serde(rename = "retryDelay")]
                retry_delay: String,
            }
            #[derive(Serialize)]
            struct Status<'a> {
                code: i32,
                message: &'a str,
                #[serde(skip_serializing_if = "Option::is_none")]
                details: Option<[Detail; 1]>,
            }
            let detail = Detail {
                type_url,
                retry_delay: format!("{seconds}s"),
            };
            json(&Status {
                code: code as i32,
                message,
                details: retry.then_some([detail]),
            })
        }
        Format::Protobuf => {
            let delay = DurationMessage {
                seconds: i64::try_from(seconds).unwrap_or(1),
            };
            let info = RetryInfo {
                retry_delay: Some(delay),
            };
            let detail = AnyMessage {
                type_url: type_url.into(),
                value: info.encode_to_vec(),
            };
            let details = if retry { vec![detail] } else { Vec::new() };
            RpcStatus {
                code: code as i32,
                message: message.into(),
                details,
            }
            .encode_to_vec()
        }
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings and numbers always serialize.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1 as published;

    use super::*;

    #[test]
    fn a_partial_success_reads_as_the_published_message() {
        let accepted = Accepted {
            rejected: 3,
            message: "3 with invalid trace id".into(),
        };
        let body = success(&accepted, Format::Protobuf);
        let read = published::ExportTraceServiceResponse::decode(body.as_slice()).unwrap();
        let partial = read.partial_success.unwrap();
        assert_eq!(
            (partial.rejected_spans, partial.error_message.as_str()),
            (3, "3 with invalid trace id")
        );
        assert_eq!(
            success(&accepted, Format::Json),
            br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"3 with invalid trace id"}}"#
        );
    }

    // OTLP: a full success leaves partial_success unset.
    #[test]
    fn a_full_success_is_empty() {
        assert_eq!(success(&Accepted::default(), Format::Protobuf), b"");
        assert_eq!(success(&Accepted::default(), Format::Json), b"{}");
    }

    // Bytes by hand from the wire format: RetryInfo{1: Duration{1: 1}} is 0a 02 08 01.
    #[test]
    fn an_overload_says_when_to_retry() {
        let body = status(Code::Unavailable, "m", Format::Protobuf);
        assert_eq!(body[..5], [0x08, 14, 0x12, 1, b'm']);
        assert!(body.ends_with(&[0x12, 4, 0x0a, 2, 0x08, 1]));
        assert_eq!(
            status(Code::Unavailable, "m", Format::Json),
            br#"{"code":14,"message":"m","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}]}"#
        );
        assert_eq!(
            status(Code::InvalidArgument, "m", Format::Protobuf),
            [0x08, 3, 0x12, 1, b'm']
        );
    }
}
