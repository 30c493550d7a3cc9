//! The service map of a trace: the calls between its services.

use std::collections::{BTreeSet, HashMap};

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
        let service = |one: &SpanJson<'a>| one.group.resource.service_name();
        // A client and the server it calls may share an id: the children are those of the server.
        let (mut callers, mut parents) = (HashMap::new(), HashMap::new());
        for one in spans {
            let id: SpanId = one.span.span_id;
            if one.span.kind.is_caller() {
                callers.insert(id, service(one));
                parents.entry(id).or_insert(service(one));
            } else {
                parents.insert(id, service(one));
            }
        }
        let calls = spans.iter().filter_map(|one| {
            let to_service = service(one);
            let caller = callers.get(&one.span.span_id);
            let caller = caller.filter(|caller| **caller != to_service);
            let parent = || parents.get(one.span.parent.as_ref()?);
            let from_service = *caller.or_else(parent)?;
            (from_service != to_service).then(|| Call {
                from_service,
                to_service,
                operation: &one.span.name,
                duration_ms: one.span.end_nanos.saturating_sub(one.span.start_nanos) as f64 / 1e6,
                success: one.span.status != Status::Error,
            })
        });
        let calls = calls.collect();
        let services: BTreeSet<&str> = spans.iter().map(service).collect();
        Self {
            services: services.into_iter().collect(),
            calls,
        }
    }
}
