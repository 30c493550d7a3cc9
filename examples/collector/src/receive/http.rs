//! OTLP/HTTP: `POST /v1/traces`, protobuf or JSON.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{self, Code};
use super::body;
use super::decompress::Encoding;
use super::intake::{Accepted, Format, Intake, Refusal};
use crate::origin;

/// The receiver as it listens on `address`.
pub(crate) fn router(intake: Intake, address: SocketAddr) -> Router {
    let router = Router::new()
        .route("/v1/traces", post(export))
        .with_state(intake.clone());
    origin::guard(router, address, move |denied, headers| {
        intake.turned_away(&Refusal::BadRequest(denied.message()));
        let format = format(headers).unwrap_or(Format::Json);
        let body = answer::status(Code::PermissionDenied, denied.message(), format);
        respond(denied.status(), format, body)
    })
}

async fn export(State(intake): State<Intake>, request: Request) -> Response {
    let headers = request.headers();
    let Some(format) = format(headers) else {
        intake.turned_away(&Refusal::BadRequest("content type"));
        let message = "content type must be application/x-protobuf or application/json";
        let body = answer::status(Code::InvalidArgument, message, Format::Json);
        return respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, Format::Json, body);
    };
    let Some(encoding) = header(headers, CONTENT_ENCODING.as_str()).and_then(Encoding::from_name)
    else {
        intake.turned_away(&Refusal::BadRequest("content encoding"));
        let message = "content encoding must be gzip, zstd or identity";
        let body = answer::status(Code::InvalidArgument, message, format);
        return respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, format, body);
    };
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match store(&intake, request.into_body(), declared, encoding, format).await {
        Ok(accepted) => respond(StatusCode::OK, format, answer::success(&accepted, format)),
        Err(refusal) => {
            intake.turned_away(&refusal);
            let body = answer::status(refusal.code(), &refusal.message(), format);
            let mut response = respond(status_of(&refusal), format, body);
            if let Refusal::Overloaded(_) = refusal {
                let seconds = HeaderValue::from(answer::RETRY_AFTER.as_secs());
                response.headers_mut().insert(RETRY_AFTER, seconds);
            }
            response
        }
    }
}

async fn store(
    intake: &Intake,
    body: Body,
    declared: Option<usize>,
    encoding: Encoding,
    format: Format,
) -> Result<Accepted, Refusal> {
    let mut lease = intake.admission.lease();
    let body = body::read(body, declared, &mut lease).await?;
    intake.take(body, encoding, format, lease).await
}

/// The request's format by its content type, parameters such as a charset aside.
fn format(headers: &HeaderMap) -> Option<Format> {
    let value = header(headers, CONTENT_TYPE.as_str())?;
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Format::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else {
        None
    }
}

/// A header's text, empty if it is absent, `None` if it is repeated or no text.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(""),
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

/// Statuses as the OTLP specification lists them: 4xx must not be sent again, 503 may.
fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::BadRequest(_) | Refusal::Malformed(_) | Refusal::MalformedCompression => {
            StatusCode::BAD_REQUEST
        }
        Refusal::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
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
