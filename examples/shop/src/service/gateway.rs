//! The gateway: passes a customer's order on and tells the customer the id of its trace.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use super::{Callee, Order};

/// The response header with the trace id, for the customer's support request.
pub const TRACE_ID_HEADER: &str = "x-trace-id";

pub(super) fn router(orders: Callee) -> Router {
    let api = Router::new()
        .route("/orders", post(order))
        .with_state(orders);
    Router::new().nest("/api", api)
}

async fn order(State(orders): State<Callee>, Json(order): Json<Order>) -> Response {
    let mut response = forward(&orders, &order)
        .await
        .unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response());
    // What a customer sends can hold anything, and is only one field of one line.
    tracing::info!(
        sku = order.sku,
        status = response.status().as_u16(),
        "order answered"
    );
    let trace_id = Context::current()
        .span()
        .span_context()
        .trace_id()
        .to_string();
    if let Ok(trace_id) = HeaderValue::try_from(trace_id) {
        response.headers_mut().insert(TRACE_ID_HEADER, trace_id);
    }
    response
}

async fn forward(orders: &Callee, order: &Order) -> Result<Response, reqwest::Error> {
    let answer = orders.post("/orders", order).await?;
    let status = answer.status();
    Ok((
        status,
        [(header::CONTENT_TYPE, "application/json")],
        answer.bytes().await?,
    )
        .into_response())
}
