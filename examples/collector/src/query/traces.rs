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

/// The most spans in an answer. The answer of a larger trace has the spans that arrived first and
/// is marked as truncated.
const MAX_SPANS: usize = 20_000;
/// The most decoded bytes of spans in an answer. As JSON, they may be about twice as many.
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
    let (filter, page) = params::search(pairs)?;
    let found = api.store.search(&filter, page).await?;
    Ok(Json(Answer {
        traces: found.traces.iter().map(SummaryJson::new).collect(),
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
    let Some(stored) = api.store.trace(id, MAX_SPANS, MAX_BYTES).await? else {
        return Err(ApiError::not_found("no such trace"));
    };
    let mut spans: Vec<SpanJson<'_>> = stored
        .groups
        .iter()
        .flat_map(|group| group.spans.iter().map(move |span| SpanJson { group, span }))
        .collect();
    spans.sort_by_key(|one| (one.span.start_nanos, one.span.span_id));
    let bare: Vec<_> = spans.iter().map(|one| one.span).collect();
    Ok(Json(Answer {
        critical_path: critical_path(&bare).iter().map(|id| hex(id)).collect(),
        service_map: ServiceMap::new(&spans),
        trace: Trace {
            summary: SummaryJson::new(&stored.summary),
            truncated: stored.truncated,
            spans: &spans,
        },
    })
    .into_response())
}
