//! Inventory: counts what is in stock. One thing is kept far away, and counting it takes its time.

use std::time::Duration;

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use serde_json::{Value, json};

/// What is kept in the far warehouse.
pub const FAR_AWAY_SKU: &str = "grandfather-clock";

/// How long it takes to ask there.
const FAR_AWAY_DELAY: Duration = Duration::from_millis(600);

pub(super) fn router() -> Router {
    Router::new().route("/stock/{sku}", get(stock))
}

async fn stock(Path(sku): Path<String>) -> Json<Value> {
    let warehouse = if sku == FAR_AWAY_SKU { "far" } else { "near" };
    let span = global::tracer("shop").start("count stock");
    let context = Context::current_with_span(span);
    context
        .span()
        .set_attribute(KeyValue::new("shop.warehouse", warehouse));
    // The span is current while the future is polled, on whatever thread that is.
    let count = count(warehouse).with_context(context.clone()).await;
    context.span().end();
    Json(json!({"sku": sku, "count": count}))
}

async fn count(warehouse: &str) -> u32 {
    if warehouse == "far" {
        tokio::time::sleep(FAR_AWAY_DELAY).await;
        Context::current()
            .span()
            .add_event("warehouse answered", Vec::new());
    }
    tracing::info!(warehouse, "stock counted");
    12
}
