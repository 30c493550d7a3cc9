//! The health check, `GET /` on its own listener.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;

use crate::store::Store;

pub(crate) fn router(store: Store) -> Router {
    Router::new().route("/", get(health)).with_state(store)
}

/// Returns 200 while the store can be written, else 503. The answer is the result of the last
/// write, so a check takes no time.
async fn health(State(store): State<Store>) -> Response {
    if store.is_healthy() {
        (StatusCode::OK, Json(json!({ "status": "ok" }))).into_response()
    } else {
        let body = json!({ "status": "unavailable", "reason": "the store cannot be written" });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}
