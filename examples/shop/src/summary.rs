//! The result for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::QueryClient;
use crate::check::Report;
use crate::load::{Answered, Kind};

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary<'r> {
    complete: bool,
    requests: usize,
    complete_traces: usize,
    /// Log lines that carry the ids of a span in these traces.
    log_lines: usize,
    missing: &'r [String],
    failing_trace_found_by_search: bool,
    slow_trace_found_by_search: bool,
    /// From the answer to the last order until its trace was complete.
    queryable_after_ms: Option<u128>,
    /// A trace of each kind.
    traces: BTreeMap<Kind, TraceLink>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceLink {
    trace_id: String,
    span_count: usize,
    duration_ms: f64,
    page: String,
}

impl<'r> Summary<'r> {
    pub(crate) fn new(answered: &[Answered], report: &'r Report, query: &QueryClient) -> Self {
        let link = |kind| {
            let trace = report.trace(kind)?;
            let link = TraceLink {
                trace_id: trace.trace_id.clone(),
                span_count: trace.spans.len(),
                duration_ms: trace.duration as f64 / 1000.0,
                page: query.page(&trace.trace_id),
            };
            Some((kind, link))
        };
        Self {
            complete: report.is_complete(),
            requests: answered.len(),
            complete_traces: report.complete.len(),
            log_lines: report.log_lines,
            missing: &report.missing,
            failing_trace_found_by_search: report.is_failing_found,
            slow_trace_found_by_search: report.is_slow_found,
            queryable_after_ms: report.queryable_after.map(|after| after.as_millis()),
            traces: [Kind::Ok, Kind::Failing, Kind::Slow]
                .into_iter()
                .filter_map(link)
                .collect(),
        }
    }
}
