//! `GET /api/traces` and `GET /api/traces/{id}`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Api;
use super::critical_path::critical_path;
use super::error::ApiError;
use super::json::{SpanJson, SummaryJson};
use super::params::{self, PathText, QueryString};
use super::service_map::ServiceMap;
use super::token::{self, hex};
use crate::store::{read, search};

/// Spans in an answer. A larger trace is answered with its first segments and says so.
const MAX_SPANS: usize = 20_000;
/// Decoded bytes of spans in an answer; as JSON they may be about twice as many.
const MAX_BYTES: usize = 32 * 1024 * 1024;

pub(super) async fn search(
    State(api): State<Api>,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        traces: Vec<SummaryJson<'a>>,
        total_count: u64,
        total_is_exact: bool,
        has_more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_page_token: Option<String>,
    }
    let (filter, window) = params::search(pairs)?;
    let found = search::search(&api.pool, &filter, window).await?;
    Ok(Json(Answer {
        traces: found
            .rows
            .iter()
            .map(|row| SummaryJson::new(&row.summary))
            .collect(),
        total_count: found.total,
        total_is_exact: found.total_is_exact,
        has_more: found.next.is_some(),
        next_page_token: found.next.map(token::write),
    })
    .into_response())
}

pub(super) async fn one(
    State(api): State<Api>,
    PathText(id): PathText,
    QueryString(pairs): QueryString,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        trace: Trace<'a>,
        service_map: ServiceMap<'a>,
        critical_path: Vec<String>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Trace<'a> {
        #[serde(flatten)]
        summary: SummaryJson<'a>,
        /// Whether `spans` holds fewer than `spanCount`.
        truncated: bool,
        spans: &'a [SpanJson<'a>],
    }
    params::none(&pairs)?;
    let id = token::trace_id(&id)
        .ok_or_else(|| ApiError::bad_parameter("trace id must be 16 or 32 hex digits"))?;
    let mut connection = api.pool.acquire().await?;
    // One snapshot, so that summary and spans agree.
    let mut snapshot = sqlx::Connection::begin(&mut *connection).await?;
    let Some(row) = read::row(&mut snapshot, id).await? else {
        return Err(ApiError::not_found("no such trace"));
    };
    let (groups, truncated) = read::spans(&mut snapshot, row.no, MAX_SPANS, MAX_BYTES).await?;
    drop(snapshot);
    drop(connection);

    let mut spans: Vec<SpanJson<'_>> = groups
        .iter()
        .flat_map(|group| group.spans.iter().map(move |span| SpanJson { group, span }))
        .collect();
    spans.sort_by_key(|one| (one.span.start_nanos, one.span.span_id));
    let bare: Vec<_> = spans.iter().map(|one| one.span).collect();
    Ok(Json(Answer {
        critical_path: critical_path(&bare).iter().map(|id| hex(id)).collect(),
        service_map: ServiceMap::new(&spans),
        trace: Trace {
            summary: SummaryJson::new(&row.summary),
            truncated,
            spans: &spans,
        },
    })
    .into_response())
}
