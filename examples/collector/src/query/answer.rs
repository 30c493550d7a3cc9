//! Errors of the API, `{"error":{"code":400,"message":".."}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::error::Error;
use crate::origin::Denied;
use crate::serve::headers;

/// Why a query has no answer.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    /// A parameter is unknown or wrong; the message names it.
    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
        }
    }

    pub(crate) fn denied(denied: Denied) -> Self {
        Self {
            status: denied.status(),
            message: denied.message().into(),
        }
    }

    pub(crate) fn headers_too_large() -> Self {
        Self {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            message: headers::TOO_LARGE.into(),
        }
    }

    pub(crate) fn overloaded() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "too many queries in progress".into(),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let busy = matches!(
            &error,
            Error::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        );
        if busy {
            return Self::overloaded();
        }
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: error.to_string(),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: Inner,
        }
        #[derive(Serialize)]
        struct Inner {
            code: u16,
            message: String,
        }
        let retry = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let error = Inner {
            code: self.status.as_u16(),
            message: self.message,
        };
        let mut response = (self.status, Json(Body { error })).into_response();
        if retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
