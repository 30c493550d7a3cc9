//! OTLP/gRPC: the one unary method of `TraceService`, over HTTP/2.
//!
//! A generated server decompresses and decodes a message before this code is called. A handful of
//! small bombs could then take all memory, whatever the limit of one message. One unary method
//! needs little framing (a flag, a length, a message; a status in the trailers), so the framing is
//! done here, where every byte passes the same budget as over HTTP.
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use http_body_util::{BodyExt as _, Full};

use super::body;
use super::decompress::{Encoding, MAX_BODY_BYTES};
use super::http::error as http_error;
use super::intake::{Accepted, EncodedRequest, Intake};
use super::messages::{self, Code};
use super::refusal::Refusal;
use crate::decode::Format;
use crate::serve;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The content type of a call, before the encoding of its messages.
const GRPC: &[u8] = b"application/grpc";
/// A compression flag and the message's length, big endian.
const PREFIX_BYTES: usize = 5;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Returns the receiver. A request that is not gRPC gets an HTTP error on every path. gRPC always
/// answers with HTTP status 200, which a sender of OTLP/HTTP would take for a success.
pub(crate) fn router(intake: Intake) -> Router {
    let router = Router::new()
        .route(EXPORT, post(export))
        .fallback(unknown_method)
        .with_state(intake.clone())
        .layer(middleware::from_fn_with_state(intake.clone(), only_grpc));
    serve::limit_headers(router, move |refusal, headers| {
        http_error(&intake.refuse(Refusal::Listener(refusal)), headers)
    })
}

async fn only_grpc(State(intake): State<Intake>, request: Request, next: Next) -> Response {
    if is_grpc(&request) {
        return next.run(request).await;
    }
    // "gRPC over HTTP2" asks for status 415, which this refusal has over HTTP.
    let message = "this port takes OTLP over gRPC; OTLP over HTTP has a port of its own";
    http_error(
        &intake.refuse(Refusal::Unsupported(message)),
        request.headers(),
    )
}

/// Returns whether this is a call of gRPC: HTTP/2, POST, and a content type that begins with
/// `application/grpc`, but not with the name of another protocol such as `application/grpc-web`.
fn is_grpc<B>(request: &http::Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.map_or(&b""[..], HeaderValue::as_bytes);
    let is_grpc = content_type
        .split_at_checked(GRPC.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(GRPC) && matches!(rest, [] | [b'+' | b';', ..])
        });
    is_grpc && request.version() == Version::HTTP_2 && request.method() == Method::POST
}

async fn unknown_method(State(intake): State<Intake>) -> Response {
    error(&intake.refuse(Refusal::Unknown("unknown service or method")))
}

async fn export(State(intake): State<Intake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match intake.take(read(&intake, &parts.headers, body)).await {
        Ok(accepted) => success(&accepted),
        Err(refusal) => error(&refusal),
    }
}

async fn read(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<EncodedRequest, Refusal> {
    let encoding = match headers.get(GRPC_ENCODING) {
        Some(value) => value.to_str().ok().and_then(Encoding::from_name),
        None => Some(Encoding::Identity),
    };
    let encoding = encoding.ok_or(Refusal::Unsupported(
        "grpc-encoding must be gzip, zstd or identity",
    ))?;
    let mut lease = intake.lease();
    let framed = body::read(body, None, &mut lease).await?;
    let (encoding, body) = unframe(&framed, encoding)?;
    Ok(EncodedRequest {
        body,
        encoding,
        format: Format::Protobuf,
        lease,
    })
}

/// Returns the one message of a unary call and its compression. A flag of the message says whether
/// it is compressed, and `encoding`, which belongs to the call, says how.
fn unframe(body: &Bytes, encoding: Encoding) -> Result<(Encoding, Bytes), Refusal> {
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Refusal::Framing("the message is cut off"));
    };
    let [flag, length @ ..] = *prefix;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_BODY_BYTES {
        return Err(Refusal::TooLarge);
    }
    if length != rest.len() {
        return Err(Refusal::Framing("the body must be one whole message"));
    }
    let message = body.slice(PREFIX_BYTES..);
    match (flag, encoding) {
        (0, _) => Ok((Encoding::Identity, message)),
        (1, Encoding::Identity) => Err(Refusal::Framing(
            "the Compressed-Flag of the message is set, but the call has no grpc-encoding",
        )),
        (1, encoding) => Ok((encoding, message)),
        _ => Err(Refusal::Framing("the Compressed-Flag must be 0 or 1")),
    }
}

/// Returns the code of an error. gRPC has INTERNAL for errors in its own framing and compression:
/// see "Status codes and their use in gRPC" and the test cases of "gRPC Compression".
fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Failed | Refusal::Framing(_) | Refusal::MalformedCompression => Code::Internal,
        Refusal::Listener(_) | Refusal::Malformed(_) => Code::InvalidArgument,
        Refusal::MethodNotAllowed | Refusal::Unknown(_) | Refusal::Unsupported(_) => {
            Code::Unimplemented
        }
        Refusal::NotStored(_) | Refusal::Overloaded => Code::Unavailable,
        Refusal::TooLarge => Code::ResourceExhausted,
        Refusal::TooSlow => Code::DeadlineExceeded,
    }
}

fn success(accepted: &Accepted) -> Response {
    let message = messages::success(accepted, Format::Protobuf);
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(0));
    framed.extend_from_slice(&message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(framed.freeze()).with_trailers(async { Some(Ok(trailers)) });
    head(Body::new(body))
}

/// Returns an error. An answer without a message has its status in the headers ("Trailers-Only").
fn error(refusal: &Refusal) -> Response {
    let (code, message) = (code_of(refusal), refusal.message());
    let mut response = head(Body::empty());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(code as u16));
    // Our messages are plain ASCII without `%`, so they need no escapes.
    if let Ok(value) = HeaderValue::from_str(&message) {
        headers.insert(GRPC_MESSAGE, value);
    }
    let details = STANDARD_NO_PAD.encode(messages::status(code, &message, Format::Protobuf));
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
    fn check(body: &[u8], call: Encoding, expected: Result<(Encoding, &[u8]), Refusal>) {
        let result = unframe(&Bytes::copy_from_slice(body), call);
        assert_eq!(
            result,
            expected.map(|(encoding, message)| (encoding, Bytes::copy_from_slice(message)))
        );
    }

    #[test]
    fn a_body_is_one_whole_message() {
        let identity = Encoding::Identity;
        check(&[0, 0, 0, 0, 0], identity, Ok((identity, b"")));
        let cut_off = Refusal::Framing("the message is cut off");
        check(&[0, 0, 0], identity, Err(cut_off));
        let not_one = Refusal::Framing("the body must be one whole message");
        check(&[0, 0, 0, 0, 2, b'a'], identity, Err(not_one));
        check(&[0, 0, 0, 0, 0, 0], identity, Err(not_one));
        let too_large = Err(Refusal::TooLarge);
        check(&[0, 0xff, 0xff, 0xff, 0xff], identity, too_large);
    }

    #[test]
    fn the_flag_of_a_message_says_whether_the_encoding_of_the_call_applies() {
        let message = |flag| [flag, 0, 0, 0, 2, b'a', b'b'];
        for call in [Encoding::Gzip, Encoding::Zstd] {
            check(&message(0), call, Ok((Encoding::Identity, b"ab")));
            check(&message(1), call, Ok((call, b"ab")));
        }
        let no_encoding =
            "the Compressed-Flag of the message is set, but the call has no grpc-encoding";
        let no_encoding = Refusal::Framing(no_encoding);
        check(&message(1), Encoding::Identity, Err(no_encoding));
        let no_flag = Refusal::Framing("the Compressed-Flag must be 0 or 1");
        check(&message(2), Encoding::Gzip, Err(no_flag));
    }

    #[test]
    fn only_calls_of_grpc_are_taken_for_such() {
        let request = |content_type: &str| {
            let mut request = http::Request::post("/").version(Version::HTTP_2);
            if !content_type.is_empty() {
                request = request.header(CONTENT_TYPE, content_type);
            }
            request.body(()).unwrap()
        };
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("Application/gRPC", true),
            ("application/grpc-web", false),
            ("application/x-protobuf", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_grpc(&request(content_type)), expected, "{content_type}");
        }
        let mut get = request("application/grpc");
        *get.method_mut() = Method::GET;
        assert!(!is_grpc(&get));
        let mut http_1 = request("application/grpc");
        *http_1.version_mut() = Version::HTTP_11;
        assert!(!is_grpc(&http_1));
    }
}
