//! A decoded request, split into the segments that the writer stores.
//!
//! Encoding, hashing and compressing are the expensive part of storing. They are done by the task
//! that decoded the request, on any core, so the one writer only inserts rows.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalog::{Catalog, NewNames};
use super::segment::{Segment, SegmentBuilder};
use crate::model::{Group, TraceId};

/// The segments and new names of one request, ready to be written.
#[derive(Debug)]
pub(super) struct WriteRequest {
    /// One segment for each trace.
    pub(super) segments: Vec<Segment>,
    pub(super) names: NewNames,
}

impl WriteRequest {
    /// Splits the spans of a request by trace, and encodes and compresses each part.
    pub(super) fn new(groups: Vec<Group>, catalog: &Catalog) -> Self {
        let traces = split_by_trace(groups);
        let names = catalog.observe(&traces);
        let mut builder = SegmentBuilder::default();
        let segments = traces.iter().filter_map(|groups| builder.build(groups));
        Self {
            segments: segments.collect(),
            names,
        }
    }

    /// Returns the approximate memory that the request takes while it waits for the writer.
    pub(super) fn cost_bytes(&self) -> usize {
        let segments = self.segments.iter().map(Segment::cost_bytes);
        segments.sum::<usize>() + self.names.cost_bytes()
    }
}

/// Returns the groups of each trace. Resources and scopes stay shared.
fn split_by_trace(groups: Vec<Group>) -> Vec<Vec<Group>> {
    let mut indexes: HashMap<TraceId, usize> = HashMap::new();
    let mut traces: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        for span in group.spans {
            let index = *indexes.entry(span.trace_id).or_insert(traces.len());
            if index == traces.len() {
                traces.push(Vec::new());
            }
            let Some(parts) = traces.get_mut(index) else {
                continue;
            };
            match parts.last_mut() {
                Some(part)
                    if Arc::ptr_eq(&part.resource, &group.resource)
                        && Arc::ptr_eq(&part.scope, &group.scope) =>
                {
                    part.spans.push(span);
                }
                _ => parts.push(Group {
                    resource: Arc::clone(&group.resource),
                    scope: Arc::clone(&group.scope),
                    spans: vec![span],
                }),
            }
        }
    }
    traces
}
