//! Which service of a trace called which.

use std::collections::HashMap;

use serde::Serialize;

use super::json::SpanJson;
use crate::model::{SpanId, Status};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceMap<'a> {
    services: Vec<&'a str>,
    calls: Vec<Call<'a>>,
}

/// A span whose parent belongs to another service.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Call<'a> {
    from_service: &'a str,
    to_service: &'a str,
    operation: &'a str,
    duration_ms: f64,
    success: bool,
}

impl<'a> ServiceMap<'a> {
    /// Calls are in the order of the spans.
    pub(super) fn new(spans: &[SpanJson<'a>]) -> Self {
        let service_of: HashMap<SpanId, &'a str> = spans
            .iter()
            .map(|one| (one.span.span_id, one.group.resource.service_name()))
            .collect();
        let calls = spans.iter().filter_map(|one| {
            let to_service = one.group.resource.service_name();
            let from_service = *service_of.get(&one.span.parent?)?;
            (from_service != to_service).then(|| Call {
                from_service,
                to_service,
                operation: &one.span.name,
                duration_ms: one.span.end_nanos.saturating_sub(one.span.start_nanos) as f64 / 1e6,
                success: one.span.status != Status::Error,
            })
        });
        let calls = calls.collect();
        let mut services: Vec<&str> = service_of.into_values().collect();
        services.sort_unstable();
        services.dedup();
        Self { services, calls }
    }
}
