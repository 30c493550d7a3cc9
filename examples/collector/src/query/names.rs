//! Lists of names for forms to complete, and the counters of the collector.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::Api;
use super::error::ApiError;
use super::params::{self, PathText, QueryString};

/// The most names in an answer that takes no limit.
const MAX_NAMES: usize = 10_000;

pub(super) async fn services(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    params::none(&pairs)?;
    let services = api.store.services(MAX_NAMES).await?;
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
    let operations = api.store.operations(&service, MAX_NAMES).await?;
    let operations: Vec<Operation> = operations
        .into_iter()
        .map(|(name, kind)| Operation {
            name,
            kind: kind.as_str(),
        })
        .collect();
    Ok(Json(json!({ "operations": operations })).into_response())
}

pub(super) async fn tags(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    let (service, limit) = params::names(pairs)?;
    let tags = api.store.tags(service.as_deref(), limit).await?;
    Ok(Json(json!({ "tags": tags })).into_response())
}

pub(super) async fn tag_values(
    State(api): State<Api>,
    PathText(key): PathText,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    let (service, limit) = params::names(pairs)?;
    let values = api
        .store
        .tag_values(&key, service.as_deref(), limit)
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
