//! The content type of a response, which shows the protocol that the peer speaks.

use http::{HeaderMap, header};

/// The content type of a response, without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    /// gRPC over HTTP/2, "Responses": `application/grpc` and its subtypes.
    Grpc,
    /// OTLP/HTTP in JSON. The specification asks for the type of the request, but some receivers
    /// respond in JSON to every request.
    Json,
    /// Anything else, or no type at all.
    Other,
    /// OTLP/HTTP in protobuf: `application/x-protobuf`, as in the specification, or the registered
    /// `application/protobuf`.
    Protobuf,
}

impl ContentType {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default().to_ascii_lowercase();
        let media_type = value.split(';').next().unwrap_or_default().trim();
        match media_type {
            "application/json" => Self::Json,
            "application/protobuf" | "application/x-protobuf" => Self::Protobuf,
            "application/grpc" => Self::Grpc,
            other if other.starts_with("application/grpc+") => Self::Grpc,
            _ => Self::Other,
        }
    }

    /// Returns how many spans the receiver rejected, for a response over HTTP with this body.
    #[cfg(feature = "http")]
    pub(crate) fn rejected_spans(self, body: &[u8]) -> u64 {
        use crate::otlp::partial_success::{rejected_spans, rejected_spans_json};

        match self {
            Self::Json => rejected_spans_json(body),
            Self::Protobuf => rejected_spans(body),
            Self::Grpc | Self::Other => 0,
        }
    }
}

/// Returns whether headers or trailers contain the status of a gRPC call.
#[cfg(feature = "http")]
pub(crate) fn has_grpc_status(headers: &HeaderMap) -> bool {
    headers.contains_key("grpc-status")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// RFC 9110 §8.3.1: case does not matter, and parameters follow a semicolon.
    #[test]
    fn kind_depends_on_the_media_type_alone() {
        let cases = [
            ("application/x-protobuf", ContentType::Protobuf),
            (
                "Application/X-Protobuf; charset=utf-8",
                ContentType::Protobuf,
            ),
            ("application/protobuf", ContentType::Protobuf),
            ("application/json", ContentType::Json),
            ("application/json;charset=UTF-8", ContentType::Json),
            ("application/grpc", ContentType::Grpc),
            ("application/grpc+proto", ContentType::Grpc),
            ("application/grpc-web", ContentType::Other),
            ("application/jsonl", ContentType::Other),
            ("text/html", ContentType::Other),
            ("text/html; x=application/json", ContentType::Other),
            ("", ContentType::Other),
        ];
        for (value, expected) in cases {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
            assert_eq!(ContentType::of(&headers), expected, "{headers:?}");
        }
        assert_eq!(ContentType::of(&HeaderMap::new()), ContentType::Other);
    }
}
