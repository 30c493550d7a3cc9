//! OTLP/gRPC: the one unary method of `TraceService`, over HTTP/2.
//!
//! A generated server decompresses and decodes a message before any code of ours sees it, so a
//! handful of small bombs could take all memory whatever the limit of one. One unary method needs
//! little framing (a flag, a length, a message; a status in the trailers), so it is done here,
//! where every byte passes the same budget as over HTTP.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::answer::{self, Code};
use super::body;
use super::decompress::{Encoding, MAX_BODY_BYTES};
use super::intake::{Accepted, Format, Intake, Refusal};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// A compression flag and the message's length, big endian.
const PREFIX_BYTES: usize = 5;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

pub(crate) fn router(intake: Intake) -> Router {
    Router::new()
        .route(EXPORT, post(export))
        .fallback(unknown_method)
        .with_state(intake)
}

async fn unknown_method() -> Response {
    failure(Code::Unimplemented, "unknown service or method")
}

async fn export(State(intake): State<Intake>, request: Request) -> Response {
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let is_grpc = matches!(
        content_type.strip_prefix(b"application/grpc"),
        Some([] | [b'+' | b';', ..])
    );
    if !is_grpc {
        // The protocol asks for this status where the peer does not speak it.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let encoding = request
        .headers()
        .get(GRPC_ENCODING)
        .map_or(Some(Encoding::Identity), |value| {
            value.to_str().ok().and_then(Encoding::from_name)
        });
    let Some(encoding) = encoding else {
        intake.turned_away(&Refusal::BadRequest("grpc-encoding"));
        return failure(
            Code::Unimplemented,
            "grpc-encoding must be gzip, zstd or identity",
        );
    };
    match store(&intake, request.into_body(), encoding).await {
        Ok(accepted) => success(&accepted),
        Err(refusal) => {
            intake.turned_away(&refusal);
            failure(refusal.code(), &refusal.message())
        }
    }
}

async fn store(intake: &Intake, body: Body, encoding: Encoding) -> Result<Accepted, Refusal> {
    let mut lease = intake.admission.lease();
    let body = body::read(body, None, &mut lease).await?;
    let (compressed, message) = unframe(&body)?;
    let encoding = if compressed {
        encoding
    } else {
        Encoding::Identity
    };
    intake
        .take(message, encoding, Format::Protobuf, lease)
        .await
}

/// The one message of a unary call, and whether it is compressed.
fn unframe(body: &Bytes) -> Result<(bool, Bytes), Refusal> {
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Refusal::BadRequest("message is cut off"));
    };
    let [flag, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_BODY_BYTES {
        return Err(Refusal::TooLarge);
    }
    if flag > 1 || length != rest.len() {
        return Err(Refusal::BadRequest("body must be one whole message"));
    }
    Ok((flag == 1, body.slice(PREFIX_BYTES..)))
}

fn success(accepted: &Accepted) -> Response {
    let message = answer::success(accepted, Format::Protobuf);
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(0));
    framed.extend_from_slice(&message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(framed.freeze()).with_trailers(async { Some(Ok(trailers)) });
    head(Body::new(body))
}

/// An answer without a message has its status in the headers ("Trailers-Only").
fn failure(code: Code, message: &str) -> Response {
    let mut response = head(Body::empty());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u16));
    // Our messages are plain ASCII without `%`, so they need no escapes.
    if let Ok(value) = HeaderValue::from_str(message) {
        headers.insert(GRPC_MESSAGE, value);
    }
    let details = STANDARD_NO_PAD.encode(answer::status(code, message, Format::Protobuf));
    if let Ok(value) = HeaderValue::from_str(&details) {
        headers.insert(GRPC_DETAILS, value);
    }
    response
}

fn head(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(
        GRPC_ACCEPT_ENCODING,
        HeaderValue::from_static("identity,gzip,zstd"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: Result<(bool, &[u8]), Refusal>) {
        let result = unframe(&Bytes::copy_from_slice(body));
        assert_eq!(
            result,
            expected.map(|(flag, message)| (flag, Bytes::copy_from_slice(message)))
        );
    }

    #[test]
    fn a_body_is_one_whole_message() {
        check(&[0, 0, 0, 0, 0], Ok((false, b"")));
        check(&[1, 0, 0, 0, 2, b'a', b'b'], Ok((true, b"ab")));
        check(&[0, 0, 0], Err(Refusal::BadRequest("message is cut off")));
        let not_one = Refusal::BadRequest("body must be one whole message");
        check(&[0, 0, 0, 0, 2, b'a'], Err(not_one));
        check(&[0, 0, 0, 0, 0, 0], Err(not_one));
        check(&[2, 0, 0, 0, 0], Err(not_one));
        check(&[0, 0xff, 0xff, 0xff, 0xff], Err(Refusal::TooLarge));
    }
}
