//! What a request costs, known before it is paid.
//!
//! Two things of a request grow far beyond its bytes. An empty attribute is two bytes to send and
//! dozens to keep, so items are counted before they are decoded. A resource is stored with each
//! trace it has spans of, so its copies are added up before they are encoded.

use std::collections::HashSet;
use std::sync::Arc;

use super::segment::Segment;
use super::writer::QUEUE_BYTES;
use crate::decode::validate::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENTS, MAX_LINKS};
use crate::decode::wire::{Field, Slice};
use crate::model::{Attribute, Attributes, Group, Resource, TraceId, Value};

/// Attributes, events, links and parts of values in one request; each takes about 60 bytes. The
/// largest body, 20 MiB, holds about half as many where its attributes have names and values.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// Bytes of one request as it would be stored, before compression: a share of the queue, so that
/// one sender does not fill it alone.
pub(crate) const MAX_STORED_BYTES: usize = QUEUE_BYTES / 2;

/// Bytes around a key and its value when encoded, at most.
const FRAME_BYTES: usize = 24;

/// The items of an OTLP/protobuf body that its decoder would keep. Ends where the body makes no
/// sense, as the decoder does, and soon after [`MAX_ITEMS`].
pub(crate) fn protobuf_items(body: &[u8]) -> usize {
    let mut items = 0;
    for resource_spans in parts(Slice::new(body), 1) {
        for resource in parts(resource_spans, 1) {
            attributes(resource, 1, &mut items);
        }
        for scope_spans in parts(resource_spans, 2) {
            for scope in parts(scope_spans, 1) {
                attributes(scope, 3, &mut items);
            }
            for span in parts(scope_spans, 2) {
                attributes(span, 9, &mut items);
                for event in parts(span, 11).take(MAX_EVENTS) {
                    items += 1;
                    attributes(event, 3, &mut items);
                }
                for link in parts(span, 13).take(MAX_LINKS) {
                    items += 1;
                    attributes(link, 4, &mut items);
                }
                if items > MAX_ITEMS {
                    return items;
                }
            }
        }
    }
    items
}

/// No fewer than the items of an OTLP/JSON body: each is an object, or a null in its place.
pub(crate) fn json_items(body: &[u8]) -> usize {
    let (mut items, mut in_text, mut escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            // Outside text an n begins a null.
            b'{' | b'n' if !in_text => items += 1,
            _ => {}
        }
    }
    items
}

/// The nested messages of one field.
fn parts(message: Slice<'_>, field: u32) -> impl Iterator<Item = Slice<'_>> {
    message
        .fields()
        .map_while(Result::ok)
        .filter_map(move |one| match one {
            (number, Field::Bytes(part)) if number == field => Some(part),
            _ => None,
        })
}

fn attributes(message: Slice<'_>, field: u32, items: &mut usize) {
    for attribute in parts(message, field).take(MAX_ATTRIBUTES) {
        *items += 1;
        for any in parts(attribute, 2) {
            values(any, 0, items);
        }
    }
}

/// Counts the parts of a value, to the depth that is kept.
fn values(any: Slice<'_>, depth: usize, items: &mut usize) {
    if depth >= MAX_DEPTH || *items > MAX_ITEMS {
        return;
    }
    for element in parts(any, 5).flat_map(|list| parts(list, 1)) {
        *items += 1;
        values(element, depth + 1, items);
    }
    for entry in parts(any, 6).flat_map(|map| parts(map, 1)) {
        *items += 1;
        for value in parts(entry, 2) {
            values(value, depth + 1, items);
        }
    }
}

/// Nearly the bytes of a request as it would be stored: its body, and for each trace of each
/// group the resource, the scope and the segment's own.
pub(crate) fn stored_bytes(groups: &[Group], body_bytes: usize) -> usize {
    let mut total = body_bytes;
    let mut traces: HashSet<TraceId> = HashSet::new();
    // Many groups may share one large resource: it is measured once.
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
        let copy = resource_bytes + scope_bytes + size_of::<Segment>();
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
    use opentelemetry_proto::tonic::common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value as Any,
    };
    use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
    use opentelemetry_proto::tonic::trace::v1::{
        ResourceSpans, ScopeSpans, Span, TracesData,
        span::{Event, Link},
    };
    use prost::Message as _;

    use super::*;

    fn any(value: Any) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn attribute(value: Any) -> KeyValue {
        KeyValue {
            key: "k".into(),
            value: Some(any(value)),
            ..KeyValue::default()
        }
    }

    // The encoder is prost with the published messages; the sums are counted by hand.
    #[test]
    fn every_item_of_a_protobuf_body_counts_once() {
        let list = ArrayValue {
            values: vec![any(Any::IntValue(1)), any(Any::IntValue(2))],
        };
        let map = KeyValueList {
            values: vec![attribute(Any::ArrayValue(list))],
        };
        let nested = attribute(Any::KvlistValue(map)); // 1 + 1 + 2
        let plain = || vec![attribute(Any::BoolValue(true))];
        let span = Span {
            attributes: vec![nested],
            events: vec![Event {
                attributes: plain(),
                ..Event::default()
            }],
            links: vec![Link {
                attributes: plain(),
                ..Link::default()
            }],
            ..Span::default()
        };
        let scope_spans = ScopeSpans {
            scope: Some(InstrumentationScope {
                attributes: plain(),
                ..InstrumentationScope::default()
            }),
            spans: vec![span],
            ..ScopeSpans::default()
        };
        let resource_spans = vec![ResourceSpans {
            resource: Some(WireResource {
                attributes: plain(),
                ..WireResource::default()
            }),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        }];
        let body = TracesData { resource_spans }.encode_to_vec();
        assert_eq!(protobuf_items(&body), 4 + 2 + 2 + 1 + 1);
        for len in 0..body.len() {
            assert!(protobuf_items(&body[..len]) <= 10);
        }
    }

    #[test]
    fn json_items_are_counted_outside_text() {
        assert_eq!(json_items(br#"{"a":[{},{},null,"{n\"{"]}"#), 4);
        assert_eq!(json_items(br#"{"\\":{}}"#), 2);
    }

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
                .map(|id| crate::model::Span {
                    trace_id: [*id; 16],
                    ..crate::model::Span::default()
                })
                .collect(),
        };
        let copy = 1000 + 1 + FRAME_BYTES + size_of::<Segment>();
        assert_eq!(stored_bytes(&[group(&[1, 1, 2])], 50), 50 + 2 * copy);
        assert_eq!(stored_bytes(&[group(&[1]), group(&[1])], 0), 2 * copy);
    }
}
