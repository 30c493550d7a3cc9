//! Names for completion, and the collector's own numbers.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Api;
use super::error::ApiError;
use super::params::{self, PathText, QueryString};
use crate::model::Kind;

/// Names in an answer that takes no limit.
const MAX_NAMES: i64 = 10_000;

pub(super) async fn services(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    params::none(&pairs)?;
    let services: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT service FROM operation ORDER BY service LIMIT ?")
            .bind(MAX_NAMES)
            .fetch_all(&api.pool)
            .await?;
    Ok(Json(json!({ "services": services })).into_response())
}

pub(super) async fn operations(
    State(api): State<Api>,
    PathText(service): PathText,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    struct Operation {
        name: String,
        kind: &'static str,
    }
    params::none(&pairs)?;
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, kind FROM operation WHERE service = ? ORDER BY name, kind LIMIT ?",
    )
    .bind(service)
    .bind(MAX_NAMES)
    .fetch_all(&api.pool)
    .await?;
    let operations: Vec<Operation> = rows
        .into_iter()
        .map(|(name, kind)| Operation {
            name,
            kind: Kind::from_number(kind).as_str(),
        })
        .collect();
    Ok(Json(json!({ "operations": operations })).into_response())
}

pub(super) async fn tags(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    let (service, limit) = params::names(pairs)?;
    let tags: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT key FROM tag WHERE ?1 IS NULL OR service = ?1 ORDER BY key LIMIT ?2",
    )
    .bind(service)
    .bind(limit as i64)
    .fetch_all(&api.pool)
    .await?;
    Ok(Json(json!({ "tags": tags })).into_response())
}

pub(super) async fn tag_values(
    State(api): State<Api>,
    PathText(key): PathText,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    let (service, limit) = params::names(pairs)?;
    let values: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT value FROM tag WHERE key = ?1 AND (?2 IS NULL OR service = ?2) ORDER BY value LIMIT ?3",
    )
    .bind(key)
    .bind(service)
    .bind(limit as i64)
    .fetch_all(&api.pool)
    .await?;
    Ok(Json(json!({ "values": values })).into_response())
}

pub(super) async fn stats(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    params::none(&pairs)?;
    Ok(Json(api.ledger.stats()).into_response())
}
