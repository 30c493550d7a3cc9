//! Orders: prices an order, has it reserved, paid and announced.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{KeyValue, global};
use serde_json::json;

use super::{Callee, Order};

const MAX_QUANTITY: u32 = 100;

/// The services that an order takes.
#[derive(Clone)]
pub(super) struct Shop {
    pub(super) inventory: Callee,
    pub(super) payment: Callee,
    pub(super) notification: Callee,
}

pub(super) fn router(shop: Shop) -> Router {
    Router::new().route("/orders", post(order)).with_state(shop)
}

async fn order(State(shop): State<Shop>, Json(order): Json<Order>) -> Response {
    if order.quantity == 0 || order.quantity > MAX_QUANTITY {
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            Json(json!({"error": "quantity out of range"})),
        )
            .into_response();
    }
    let total_cents = price(&order);
    shop.see_through(&order, total_cents)
        .await
        .unwrap_or_else(|_| {
            let answer = Json(json!({"error": "a service of the shop does not answer"}));
            (StatusCode::BAD_GATEWAY, answer).into_response()
        })
}

impl Shop {
    async fn see_through(
        &self,
        order: &Order,
        total_cents: u64,
    ) -> Result<Response, reqwest::Error> {
        let stock = self.inventory.get("/stock/{sku}", &order.sku).await?;
        if !stock.status().is_success() {
            let (status, error) = if stock.status() == StatusCode::NOT_FOUND {
                (StatusCode::NOT_FOUND, "not in stock")
            } else {
                (StatusCode::BAD_GATEWAY, "inventory failed")
            };
            return Ok((status, Json(json!({"error": error}))).into_response());
        }
        let payment = json!({"card": order.card, "cents": total_cents});
        let is_paid = self
            .payment
            .post("/payments", &payment)
            .await?
            .status()
            .is_success();
        // The customer hears of the outcome, whatever it is.
        let event = if is_paid {
            "order confirmed"
        } else {
            "payment failed"
        };
        self.notification
            .post("/notifications", &json!({"event": event, "sku": order.sku}))
            .await?;
        if is_paid {
            tracing::info!(cents = total_cents, "order confirmed");
        } else {
            tracing::warn!("payment failed");
        }
        Ok(if is_paid {
            (
                StatusCode::CREATED,
                Json(json!({"sku": order.sku, "cents": total_cents})),
            )
                .into_response()
        } else {
            (
                StatusCode::BAD_GATEWAY,
                Json(json!({"error": "payment failed"})),
            )
                .into_response()
        })
    }
}

/// A span of the business, by the API of OpenTelemetry: a child of the request's span without any help.
fn price(order: &Order) -> u64 {
    global::tracer("shop").in_span("price order", |context| {
        let unit_cents = 100 * order.sku.len() as u64;
        let total_cents = unit_cents * u64::from(order.quantity);
        let span = context.span();
        span.set_attribute(KeyValue::new("shop.order.sku", order.sku.clone()));
        span.set_attribute(KeyValue::new(
            "shop.order.quantity",
            i64::from(order.quantity),
        ));
        if order.quantity >= 10 {
            span.add_event(
                "discount granted",
                vec![KeyValue::new("shop.discount.percent", 10)],
            );
            return total_cents - total_cents / 10;
        }
        total_cents
    })
}
