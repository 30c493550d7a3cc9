//! Payment: charges a card. The network of one card cannot be reached.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry::trace::{Status, TraceContextExt, Tracer};
use opentelemetry::{KeyValue, global};
use serde::Deserialize;

/// The card whose network does not answer.
pub const UNREACHABLE_CARD: &str = "4000-0000-0000-0119";

pub(super) fn router() -> Router {
    Router::new().route("/payments", post(pay))
}

#[derive(Deserialize)]
struct Payment {
    card: String,
    cents: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("the card network cannot be reached")]
struct NetworkUnreachable;

async fn pay(Json(payment): Json<Payment>) -> StatusCode {
    match charge(&payment) {
        Ok(()) => StatusCode::CREATED,
        Err(NetworkUnreachable) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The failure is recorded where it happens: an exception event and the status of this span. The card number is not.
fn charge(payment: &Payment) -> Result<(), NetworkUnreachable> {
    global::tracer("shop").in_span("charge card", |context| {
        let span = context.span();
        span.set_attribute(KeyValue::new(
            "shop.payment.cents",
            i64::try_from(payment.cents).unwrap_or(i64::MAX),
        ));
        if payment.card != UNREACHABLE_CARD {
            tracing::info!(cents = payment.cents, "card charged");
            return Ok(());
        }
        tracing::warn!(error = %NetworkUnreachable, "card not charged");
        span.set_attribute(KeyValue::new("error.type", "card_network_unreachable"));
        span.record_error(&NetworkUnreachable);
        span.set_status(Status::error(NetworkUnreachable.to_string()));
        Err(NetworkUnreachable)
    })
}
