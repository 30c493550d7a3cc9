//! Errors of the API, `{"error":{"code":400,"message":".."}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::protect;
use crate::error::in_one_line;
use crate::serve::ListenerRefusal;
use crate::store::ReadError;

/// An error of a query. Every error of the API is one.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    cause: Option<Cause>,
}

/// The cause of an internal error, which is logged and is not part of the answer.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub(super) String);

impl ApiError {
    /// Returns the error of a parameter that is unknown or wrong. The message names the parameter.
    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            cause: None,
        }
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.into(),
            cause: None,
        }
    }

    /// Returns the error of a request that the listener refuses.
    pub(crate) fn refused(refusal: ListenerRefusal) -> Self {
        Self {
            status: refusal.status(),
            message: refusal.message().into(),
            cause: None,
        }
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            message: "the method must be GET".into(),
            cause: None,
        }
    }

    pub(crate) fn overloaded() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "too many queries in progress".into(),
            cause: None,
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Busy => Self::overloaded(),
            ReadError::CorruptSegment | ReadError::Database(_) => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                message: "the store cannot be read".into(),
                cause: Some(Cause(in_one_line(&error))),
            },
        }
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
        // Errors that never reach the router of the API need these headers too.
        protect(&mut response);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        if retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
