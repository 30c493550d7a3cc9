//! OTLP/HTTP: `POST /v1/traces`, protobuf or JSON.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::body;
use super::decompress::Encoding;
use super::intake::{EncodedRequest, Intake};
use super::messages::{self, Code, RETRY_DELAY};
use super::refusal::Refusal;
use crate::decode::Format;
use crate::serve::{self, ListenerRefusal};

/// Returns the receiver that listens on `address`.
pub(crate) fn router(intake: Intake, address: SocketAddr) -> Router {
    let router = Router::new()
        .route("/v1/traces", post(export))
        .fallback(unknown_path)
        .method_not_allowed_fallback(not_a_post)
        .with_state(intake.clone());
    let refuse = move |refusal, headers: &HeaderMap| {
        error(&intake.refuse(Refusal::Listener(refusal)), headers)
    };
    let router = serve::refuse_cross_site(router, address, refuse.clone());
    serve::limit_headers(router, refuse)
}

/// Returns the answer to bytes that are not a request. Their format is unknown, so the answer is in
/// JSON.
pub(crate) fn refuse_unreadable(refusal: ListenerRefusal) -> Response {
    error(&Refusal::Listener(refusal), &HeaderMap::new())
}

async fn unknown_path(State(intake): State<Intake>, headers: HeaderMap) -> Response {
    let message = "no such path: this port takes spans at /v1/traces and nothing else";
    error(&intake.refuse(Refusal::Unknown(message)), &headers)
}

async fn not_a_post(State(intake): State<Intake>, headers: HeaderMap) -> Response {
    error(&intake.refuse(Refusal::MethodNotAllowed), &headers)
}

async fn export(State(intake): State<Intake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    match intake.take(read(&intake, headers, body)).await {
        Ok(accepted) => {
            let format = format_of(headers).unwrap_or(Format::Json);
            respond(StatusCode::OK, format, messages::success(&accepted, format))
        }
        Err(refusal) => error(&refusal, headers),
    }
}

async fn read(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<EncodedRequest, Refusal> {
    let format = format_of(headers).ok_or(Refusal::Unsupported(
        "the content type must be application/x-protobuf or application/json",
    ))?;
    let encoding = content_encoding(headers).ok_or(Refusal::Unsupported(
        "the content encoding must be gzip, zstd or identity",
    ))?;
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let mut lease = intake.lease();
    let body = body::read(body, declared, &mut lease).await?;
    Ok(EncodedRequest {
        body,
        encoding,
        format,
        lease,
    })
}

/// Returns the format of a request by its content type, ignoring parameters such as a charset.
fn format_of(headers: &HeaderMap) -> Option<Format> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let media_type = value.to_str().ok()?.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Format::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else {
        None
    }
}

/// Returns the compression of a body. `x-gzip` is gzip, RFC 9110 section 8.4.1.3.
fn content_encoding(headers: &HeaderMap) -> Option<Encoding> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(Encoding::Identity),
        (Some(one), None) => match one.to_str().ok()?.trim() {
            name if name.eq_ignore_ascii_case("x-gzip") => Some(Encoding::Gzip),
            name => Encoding::from_name(name),
        },
        _ => None,
    }
}

/// Returns an error over HTTP. OTLP asks for a `Status` in its body, in the format of the request.
/// A request without a known format is answered in JSON.
pub(super) fn error(refusal: &Refusal, headers: &HeaderMap) -> Response {
    let (status, code) = status_and_code(refusal);
    let format = format_of(headers).unwrap_or(Format::Json);
    let body = messages::status(code, &refusal.message(), format);
    let mut response = respond(status, format, body);
    if code == Code::Unavailable {
        let seconds = HeaderValue::from(RETRY_DELAY.as_secs());
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// Returns the status of an error and the code in its body. The OTLP specification lists the
/// statuses. Of these, only 503 lets a sender try again.
fn status_and_code(refusal: &Refusal) -> (StatusCode, Code) {
    match refusal {
        Refusal::Failed => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        Refusal::Framing(_) | Refusal::Malformed(_) | Refusal::MalformedCompression => {
            (StatusCode::BAD_REQUEST, Code::InvalidArgument)
        }
        Refusal::Listener(refusal) => {
            let code = match refusal {
                ListenerRefusal::HeadersTooLarge => Code::ResourceExhausted,
                ListenerRefusal::Host | ListenerRefusal::Origin => Code::PermissionDenied,
                ListenerRefusal::NotHttp(_) => Code::InvalidArgument,
            };
            (refusal.status(), code)
        }
        Refusal::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
        Refusal::NotStored(_) | Refusal::Overloaded => {
            (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable)
        }
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
        Refusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
        Refusal::Unknown(_) => (StatusCode::NOT_FOUND, Code::NotFound),
        Refusal::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument),
    }
}

fn respond(status: StatusCode, format: Format, body: Vec<u8>) -> Response {
    let content_type = HeaderValue::from_static(match format {
        Format::Json => "application/json",
        Format::Protobuf => "application/x-protobuf",
    });
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
