//! The query API: JSON over HTTP.
//!
//! Times in answers are microseconds since the epoch. An unknown parameter is an error that names
//! it, because a misspelt parameter would otherwise widen the result without notice.

mod critical_path;
mod error;
mod json;
mod names;
mod params;
mod rfc3339;
mod service_map;
mod token;
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::Semaphore;

use crate::ledger::Ledger;
use crate::serve::{self, ListenerRefusal};
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

/// Puts headers on an answer of `/api`. Spans hold users' data, so browsers and proxies must not
/// store the answer, and browsers must read it only as JSON.
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

/// Puts the guards of a listener at `address` in front of a router. Their errors are those of the
/// API.
pub(crate) fn guard(router: Router, address: SocketAddr) -> Router {
    let refuse = |refusal, _: &HeaderMap| ApiError::refused(refusal).into_response();
    let router = serve::refuse_cross_site(router, address, refuse);
    serve::limit_headers(router, refuse)
}

/// Returns the answer to bytes that are not a request.
pub(crate) fn refuse_unreadable(refusal: ListenerRefusal) -> Response {
    ApiError::refused(refusal).into_response()
}

/// Refuses queries beyond [`MAX_QUERIES`], and logs errors of the store.
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
