//! OTLP/HTTP: `POST /v1/traces`, protobuf or JSON.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};

use super::body;
use super::decompress::Encoding;
use super::intake::{Accepted, Intake, Refusal};
use super::messages::{self, Code};
use crate::decode::Format;
use crate::ledger::OpenRequest;
use crate::origin;
use crate::serve::headers;

/// The receiver as it listens on `address`. Every error has a `Status` in its body.
pub(crate) fn router(intake: Intake, address: SocketAddr) -> Router {
    let router = Router::new()
        .route("/v1/traces", post(export))
        .fallback(unknown_path)
        .method_not_allowed_fallback(not_a_post)
        .with_state(intake.clone());
    let denying = intake.clone();
    let router = origin::guard(router, address, move |denied, headers| {
        Refusal::BadRequest(denied.message()).counted(denying.request());
        messages::error(
            denied.status(),
            Code::PermissionDenied,
            denied.message(),
            headers,
        )
    });
    headers::bound(router, move |headers| {
        Refusal::BadRequest(headers::TOO_LARGE).counted(intake.request());
        messages::headers_too_large(headers)
    })
}

/// The answer to bytes that are not a request. Their format is unknown, so it is in JSON.
pub(crate) fn unreadable(status: StatusCode) -> Response {
    let (code, message) = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (Code::ResourceExhausted, headers::TOO_LARGE)
        }
        _ => (Code::InvalidArgument, "the request is not HTTP"),
    };
    messages::error(status, code, message, &HeaderMap::new())
}

async fn unknown_path(State(intake): State<Intake>, headers: HeaderMap) -> Response {
    let message = "no such path: this port takes spans at /v1/traces and nothing else";
    Refusal::BadRequest(message).counted(intake.request());
    messages::error(StatusCode::NOT_FOUND, Code::NotFound, message, &headers)
}

async fn not_a_post(State(intake): State<Intake>, headers: HeaderMap) -> Response {
    let (status, message) = (StatusCode::METHOD_NOT_ALLOWED, "the method must be POST");
    Refusal::BadRequest(message).counted(intake.request());
    messages::error(status, Code::Unimplemented, message, &headers)
}

async fn export(State(intake): State<Intake>, request: Request) -> Response {
    let entry = intake.request();
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let unsupported = |entry, message| {
        Refusal::BadRequest(message).counted(entry);
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        messages::error(status, Code::InvalidArgument, message, headers)
    };
    let Some(format) = messages::format_of(headers) else {
        let message = "the content type must be application/x-protobuf or application/json";
        return unsupported(entry, message);
    };
    let Some(encoding) = content_encoding(headers) else {
        return unsupported(entry, "the content encoding must be gzip, zstd or identity");
    };
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match store(&intake, entry, body, declared, encoding, format).await {
        Ok(accepted) => {
            messages::respond(StatusCode::OK, format, messages::success(&accepted, format))
        }
        Err(refusal) => {
            let (status, code) = (status_of(&refusal), refusal.code());
            messages::error(status, code, &refusal.message(), headers)
        }
    }
}

async fn store(
    intake: &Intake,
    entry: OpenRequest,
    body: Body,
    declared: Option<usize>,
    encoding: Encoding,
    format: Format,
) -> Result<Accepted, Refusal> {
    let mut lease = intake.admission.lease();
    match body::read(body, declared, &mut lease).await {
        Ok(body) => intake.take(entry, body, encoding, format, lease).await,
        Err(error) => Err(Refusal::from(error).counted(entry)),
    }
}

/// How the body is compressed. `x-gzip` is gzip, RFC 9110 section 8.4.1.3.
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

/// Statuses as the OTLP specification lists them: of these only 503 may be sent again.
fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::BadRequest(_) | Refusal::Malformed(_) | Refusal::MalformedCompression => {
            StatusCode::BAD_REQUEST
        }
        Refusal::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        Refusal::NotStored(_) | Refusal::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
    }
}
