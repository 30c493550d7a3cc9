//! Inventory: counts what is in stock. One thing is kept far away, and counting it takes its time.

use std::time::Duration;

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tracing::{info, instrument};

/// What is kept in the far warehouse.
pub const FAR_AWAY_SKU: &str = "grandfather-clock";

/// How long it takes to ask there.
const FAR_AWAY_DELAY: Duration = Duration::from_millis(600);

pub(super) fn router() -> Router {
    Router::new().route("/stock/{sku}", get(stock))
}

async fn stock(Path(sku): Path<String>) -> Json<Value> {
    let warehouse = if sku == FAR_AWAY_SKU { "far" } else { "near" };
    Json(json!({"sku": sku, "count": count(warehouse).await}))
}

/// A span of `tracing`, as much code has them. Its events are events of the span, and log lines.
#[instrument(name = "count stock", skip_all, fields(shop.warehouse = warehouse))]
async fn count(warehouse: &str) -> u32 {
    if warehouse == "far" {
        tokio::time::sleep(FAR_AWAY_DELAY).await;
        info!("warehouse answered");
    }
    let count = 12;
    info!(count, "stock counted");
    count
}
