//! Refusals of a listener, which are the same for every protocol behind it.

use axum::response::Response;
use http::{HeaderMap, StatusCode};

/// The cause for which a request is refused before its router sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ListenerRefusal {
    /// The headers exceed their bound.
    HeadersTooLarge,
    /// `Host` is missing or names something other than this machine.
    Host,
    /// The bytes are not an HTTP request. The status is the one that hyper gives.
    NotHttp(StatusCode),
    /// A web page of another origin made the request.
    Origin,
}

impl ListenerRefusal {
    /// Returns the refusal of bytes to which hyper answers with this status.
    pub(super) fn of_unreadable(status: StatusCode) -> Self {
        match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            status => Self::NotHttp(status),
        }
    }

    /// Returns the HTTP status of the answer.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            // For a host that the server does not answer for, RFC 9110 section 15.5.20.
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::NotHttp(status) => status,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::HeadersTooLarge => "the headers exceed 16 KiB or 100 lines",
            Self::Host => "the host must be localhost or a loopback address",
            Self::NotHttp(_) => "the request is not HTTP",
            Self::Origin => "requests from other origins are refused",
        }
    }
}

/// A function that makes the answer to a refused request from the cause and the request's headers.
pub(crate) trait Refuse:
    Fn(ListenerRefusal, &HeaderMap) -> Response + Clone + Send + Sync + 'static
{
}

impl<F> Refuse for F where
    F: Fn(ListenerRefusal, &HeaderMap) -> Response + Clone + Send + Sync + 'static
{
}

/// A function that makes the answer to bytes that are not a request.
pub(crate) type RefuseUnreadable = fn(ListenerRefusal) -> Response;
