//! The size of a request as it would be stored.
//!
//! A resource is stored with each trace that has spans of it, so a request may grow far beyond its
//! bytes. Its size is computed before its spans are counted and encoded.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Attribute, Attributes, Group, Resource, TraceId, Value};
use crate::store::{QUEUE_BYTES, SEGMENT_OVERHEAD_BYTES};

/// The largest size of one request as it would be stored, before compression. It is half of the
/// queue, so one request cannot fill the queue alone.
pub(super) const MAX_STORED_BYTES: usize = QUEUE_BYTES / 2;

/// The most bytes around a key and its value when they are encoded.
const FRAME_BYTES: usize = 24;

/// Returns the approximate size of a request as it would be stored: its body and, for each trace of
/// each group, a copy of the resource and the scope, and the overhead of a segment.
pub(super) fn stored_bytes(groups: &[Group], body_bytes: usize) -> usize {
    let mut total = body_bytes;
    let mut traces: HashSet<TraceId> = HashSet::new();
    // Many groups may share one large resource, which is measured once.
    let mut measured: Option<(&Arc<Resource>, usize)> = None;
    for group in groups {
        let resource_bytes = match measured {
            Some((resource, bytes)) if Arc::ptr_eq(resource, &group.resource) => bytes,
            _ => list_bytes(&group.resource.attributes) + group.resource.schema_url.len(),
        };
        measured = Some((&group.resource, resource_bytes));
        let scope = &group.scope;
        let scope_bytes = list_bytes(&scope.attributes)
            + scope.name.len()
            + scope.version.len()
            + scope.schema_url.len();
        traces.clear();
        traces.extend(group.spans.iter().map(|span| span.trace_id));
        let copy = resource_bytes + scope_bytes + SEGMENT_OVERHEAD_BYTES;
        total = total.saturating_add(copy.saturating_mul(traces.len()));
    }
    total
}

fn list_bytes(attributes: &Attributes) -> usize {
    attributes.items.iter().map(attribute_bytes).sum()
}

fn attribute_bytes(attribute: &Attribute) -> usize {
    FRAME_BYTES + attribute.key.len() + value_bytes(&attribute.value)
}

/// The decoders keep at most 64 levels, so this recursion has that bound.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => values
            .iter()
            .map(|one| FRAME_BYTES + value_bytes(one))
            .sum(),
        Value::Map(entries) => entries.iter().map(attribute_bytes).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn a_resource_costs_once_for_each_of_its_traces() {
        let text = |len| Attribute {
            key: "k".into(),
            value: Value::String("x".repeat(len)),
        };
        let resource = Arc::new(Resource {
            attributes: Attributes {
                items: vec![text(1000)],
                dropped: 0,
            },
            ..Resource::default()
        });
        let group = |ids: &[u8]| Group {
            resource: Arc::clone(&resource),
            scope: Arc::default(),
            spans: ids
                .iter()
                .map(|id| Span {
                    trace_id: [*id; 16],
                    ..Span::default()
                })
                .collect(),
        };
        let copy = 1000 + 1 + FRAME_BYTES + SEGMENT_OVERHEAD_BYTES;
        assert_eq!(stored_bytes(&[group(&[1, 1, 2])], 50), 50 + 2 * copy);
        assert_eq!(stored_bytes(&[group(&[1]), group(&[1])], 0), 2 * copy);
    }
}
