//! `GET /` on the health listener.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;

use crate::store::writer::Queue;

pub(crate) fn router(queue: Queue) -> Router {
    Router::new().route("/", get(health)).with_state(queue)
}

/// 200 while the store takes writes, 503 while it does not. Looks at what the writer last found
/// (it tries every few seconds when idle), so that asking costs nothing.
async fn health(State(queue): State<Queue>) -> Response {
    if queue.is_healthy() {
        (StatusCode::OK, Json(json!({ "status": "ok" }))).into_response()
    } else {
        let body = json!({ "status": "unavailable", "reason": "the store cannot be written" });
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}
