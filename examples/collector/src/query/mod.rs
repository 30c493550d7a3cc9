//! The query API: JSON over HTTP.
//!
//! Times in answers are microseconds since the epoch. Unknown parameters are refused by name, as a
//! misspelt one would otherwise widen the result unseen.

mod critical_path;
mod error;
mod json;
mod names;
mod params;
mod rfc3339;
mod service_map;
mod token;
mod traces;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;

use crate::ledger::Ledger;
use crate::origin::Denied;
use crate::store::Store;
use error::{ApiError, Cause};

/// Queries in progress, running or waiting for a connection to the store.
const MAX_QUERIES: usize = 64;

#[derive(Clone, Debug)]
struct Api {
    ledger: Arc<Ledger>,
    permits: Arc<Semaphore>,
    store: Store,
}

/// Returns the routes of the API.
pub(crate) fn router(store: Store, ledger: Arc<Ledger>) -> Router {
    let api = Api {
        ledger,
        permits: Arc::new(Semaphore::new(MAX_QUERIES)),
        store,
    };
    Router::new()
        .route("/api/traces", get(traces::search))
        .route("/api/traces/{id}", get(traces::one))
        .route("/api/services", get(names::services))
        .route("/api/services/{service}/operations", get(names::operations))
        .route("/api/tags", get(names::tags))
        .route("/api/tags/{key}/values", get(names::tag_values))
        .route("/api/stats", get(names::stats))
        .route("/api", any(no_such_resource))
        .route("/api/", any(no_such_resource))
        .route("/api/{*rest}", any(no_such_resource))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(middleware::from_fn_with_state(api.clone(), bound))
        .with_state(api)
}

async fn no_such_resource() -> ApiError {
    ApiError::not_found("no such resource")
}

/// Puts headers on an answer of `/api`. Spans hold users' data: browsers and proxies must not store
/// the answer, and browsers must read it as JSON only.
fn protect(response: &mut Response) {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
}

const HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];

/// The refusal of a request that a web page of another site has made.
pub(crate) fn deny(denied: Denied) -> Response {
    ApiError::denied(denied).into_response()
}

/// The answer to bytes that are not a request.
pub(crate) fn unreadable(status: StatusCode) -> Response {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => headers_too_large(),
        _ => ApiError::bad_parameter("the request is not HTTP").into_response(),
    }
}

/// The refusal of a request with too many or too large headers.
pub(crate) fn headers_too_large() -> Response {
    ApiError::headers_too_large().into_response()
}

/// Refuses what would only queue up, and logs why the store could not be read.
async fn bound(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Ok(_permit) = api.permits.try_acquire() else {
        return ApiError::overloaded().into_response();
    };
    let mut response = next.run(request).await;
    protect(&mut response);
    if let Some(Cause(cause)) = response.extensions().get() {
        eprintln!("cannot read {}: {cause}", api.store.path().display());
    }
    response
}
