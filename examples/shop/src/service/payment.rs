//! Payment: charges a card. The network of one card cannot be reached.

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tracer_core::traced;

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

/// A span of the native API. An error is recorded where it happens: an exception event and the status of this span. The
/// card number is not.
#[traced(name = "charge card", skip_all, fields("shop.payment.cents" = payment.cents), err)]
fn charge(payment: &Payment) -> Result<(), NetworkUnreachable> {
    if payment.card == UNREACHABLE_CARD {
        tracing::warn!(error = %NetworkUnreachable, "card not charged");
        return Err(NetworkUnreachable);
    }
    tracing::info!(cents = payment.cents, "card charged");
    Ok(())
}
