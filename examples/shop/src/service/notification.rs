//! Notification: tells a customer what happens to an order.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{KeyValue, global};
use serde::Deserialize;

pub(super) fn router() -> Router {
    Router::new().route("/notifications", post(notify))
}

#[derive(Deserialize)]
struct Notification {
    event: String,
    sku: String,
}

async fn notify(Json(notification): Json<Notification>) -> StatusCode {
    render(&notification);
    StatusCode::ACCEPTED
}

fn render(notification: &Notification) -> String {
    global::tracer("shop").in_span("render message", |context| {
        let message = format!("{}: {}", notification.sku, notification.event);
        context.span().set_attribute(KeyValue::new(
            "shop.notification.event",
            notification.event.clone(),
        ));
        tracing::info!(event = notification.event, "customer told");
        message
    })
}
