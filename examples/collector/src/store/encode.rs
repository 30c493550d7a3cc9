//! Writes spans as OTLP `TracesData`, the form in which segments are stored.
//!
//! A segment is thus readable by anything that speaks OTLP, and read back by the same decoder that
//! reads requests. Field numbers are those of opentelemetry/proto/trace/v1/trace.proto.

use super::fnv;
use crate::model::{Attribute, Attributes, Event, Link, Resource, Scope, Span, Value};

/// Appends one `ResourceSpans` that holds `spans` under one resource and scope. Returns the hash of
/// each span, with its resource and scope, as it is written.
pub(super) fn resource_spans(
    out: &mut Vec<u8>,
    resource: &Resource,
    scope: &Scope,
    spans: &[Span],
) -> Vec<u64> {
    let mut hashes = Vec::with_capacity(spans.len());
    // The same for all spans, so both are hashed once.
    let mut shared = fnv::EMPTY;
    for url in [&resource.schema_url, &scope.schema_url] {
        shared = fnv::add(fnv::add(shared, url.as_bytes()), &[0]);
    }
    message(out, 1, |out| {
        shared = message(out, 1, |out| {
            let start = out.len();
            attributes(out, 1, 2, &resource.attributes);
            hash_from(out, start, shared)
        });
        message(out, 2, |out| {
            shared = message(out, 1, |out| {
                let start = out.len();
                text(out, 1, &scope.name);
                text(out, 2, &scope.version);
                attributes(out, 3, 4, &scope.attributes);
                hash_from(out, start, shared)
            });
            hashes.extend(spans.iter().map(|one| {
                message(out, 2, |out| {
                    let start = out.len();
                    span(out, one);
                    hash_from(out, start, shared)
                })
            }));
            text(out, 3, &scope.schema_url);
        });
        text(out, 3, &resource.schema_url);
    });
    hashes
}

fn hash_from(out: &[u8], start: usize, hash: u64) -> u64 {
    fnv::add(hash, out.get(start..).unwrap_or_default())
}

fn span(out: &mut Vec<u8>, span: &Span) {
    bytes(out, 1, &span.trace_id);
    bytes(out, 2, &span.span_id);
    text(out, 3, &span.trace_state);
    if let Some(parent) = &span.parent {
        bytes(out, 4, parent);
    }
    text(out, 5, &span.name);
    number(out, 6, u64::from(span.kind.number()));
    fixed64(out, 7, span.start_nanos);
    fixed64(out, 8, span.end_nanos);
    attributes(out, 9, 10, &span.attributes);
    for one in &span.events {
        message(out, 11, |out| event(out, one));
    }
    number(out, 12, u64::from(span.dropped_events));
    for one in &span.links {
        message(out, 13, |out| link(out, one));
    }
    number(out, 14, u64::from(span.dropped_links));
    message(out, 15, |out| {
        text(out, 2, &span.status_message);
        number(out, 3, span.status as u64);
    });
    fixed32(out, 16, span.flags);
}

fn event(out: &mut Vec<u8>, event: &Event) {
    fixed64(out, 1, event.time_nanos);
    text(out, 2, &event.name);
    attributes(out, 3, 4, &event.attributes);
}

fn link(out: &mut Vec<u8>, link: &Link) {
    bytes(out, 1, &link.trace_id);
    bytes(out, 2, &link.span_id);
    text(out, 3, &link.trace_state);
    attributes(out, 4, 5, &link.attributes);
    fixed32(out, 6, link.flags);
}

fn attributes(out: &mut Vec<u8>, field: u32, dropped_field: u32, attributes: &Attributes) {
    for attribute in &attributes.items {
        message(out, field, |out| key_value(out, attribute));
    }
    number(out, dropped_field, u64::from(attributes.dropped));
}

fn key_value(out: &mut Vec<u8>, attribute: &Attribute) {
    text(out, 1, &attribute.key);
    message(out, 2, |out| any_value(out, &attribute.value));
}

/// The decoders keep at most 64 levels, so this recursion has that bound.
fn any_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => {}
        // Written even where they are empty or zero: the field tells the type.
        Value::String(text) => bytes(out, 1, text.as_bytes()),
        Value::Bool(value) => tagged_varint(out, 2, u64::from(*value)),
        Value::Int(value) => tagged_varint(out, 3, value.cast_unsigned()),
        Value::Double(value) => {
            key(out, 4, 1);
            out.extend(value.to_bits().to_le_bytes());
        }
        Value::Array(values) => message(out, 5, |out| {
            for value in values {
                message(out, 1, |out| any_value(out, value));
            }
        }),
        Value::Map(entries) => message(out, 6, |out| {
            for entry in entries {
                message(out, 1, |out| key_value(out, entry));
            }
        }),
        Value::Bytes(value) => bytes(out, 7, value),
    }
}

fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f | 0x80) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tagged_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, 0);
    varint(out, value);
}

fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        tagged_varint(out, field, value);
    }
}

fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        key(out, field, 1);
        out.extend(value.to_le_bytes());
    }
}

fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        key(out, field, 5);
        out.extend(value.to_le_bytes());
    }
}

fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    key(out, field, 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn text(out: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

/// Writes a nested message. Its length stands before it and is known only after, so the content
/// is written behind one byte of room and moved up in the case of a longer length.
fn message<T>(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    key(out, field, 2);
    let start = out.len();
    out.push(0);
    let result = content(out);
    let len = out.len() - start - 1;
    if len < 0x80 {
        if let Some(room) = out.get_mut(start) {
            *room = len as u8;
        }
        return result;
    }
    let mut encoded = Vec::with_capacity(5);
    varint(&mut encoded, len as u64);
    out.splice(start..=start, encoded);
    result
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::trace::v1::TracesData;
    use prost::Message as _;

    use super::*;
    use crate::decode::{Format, decode};
    use crate::model::{Kind, Status};

    fn sample() -> (Resource, Scope, Span) {
        let list = |key: &str, value| Attributes {
            items: vec![Attribute {
                key: key.into(),
                value,
            }],
            dropped: 3,
        };
        let resource = Resource {
            attributes: list("service.name", Value::String("s".into())),
            schema_url: "r".into(),
        };
        let scope = Scope {
            name: "scope".into(),
            version: "1".into(),
            attributes: list("b", Value::Bool(false)),
            schema_url: "u".into(),
        };
        let all = vec![
            Value::Null,
            Value::Int(-1),
            Value::Double(0.0),
            Value::String(String::new()),
            Value::Bytes(vec![0, 255]),
            Value::Map(vec![Attribute {
                key: "k".repeat(300),
                value: Value::Bool(true),
            }]),
        ];
        let span = Span {
            trace_id: [1; 16],
            span_id: [2; 8],
            parent: Some([3; 8]),
            trace_state: "a=b".into(),
            flags: 0x301,
            name: "n".into(),
            kind: Kind::from_number(3),
            start_nanos: 5,
            end_nanos: 6,
            attributes: list("all", Value::Array(all)),
            events: vec![Event {
                time_nanos: 9,
                name: "e".into(),
                attributes: list("x", Value::Int(1)),
            }],
            dropped_events: 1,
            links: vec![Link {
                trace_id: [4; 16],
                span_id: [5; 8],
                trace_state: "c=d".into(),
                attributes: list("y", Value::Null),
                flags: 1,
            }],
            dropped_links: 2,
            status: Status::Error,
            status_message: "m".into(),
        };
        (resource, scope, span)
    }

    #[test]
    fn what_is_written_reads_back_equal() {
        let (resource, scope, span) = sample();
        let mut out = Vec::new();
        resource_spans(&mut out, &resource, &scope, std::slice::from_ref(&span));
        let decoded = decode(&out, Format::Protobuf).unwrap();
        assert_eq!(decoded.groups.len(), 1);
        assert_eq!(*decoded.groups[0].resource, resource);
        assert_eq!(*decoded.groups[0].scope, scope);
        assert_eq!(decoded.groups[0].spans, [span]);
    }

    #[test]
    fn a_hash_changes_with_everything_that_a_span_says() {
        let (resource, scope, span) = sample();
        let hash = |resource: &Resource, scope: &Scope, span: &Span| {
            let mut out = b"what stands before it".to_vec();
            let spans = [Span::default(), span.clone()];
            resource_spans(&mut out, resource, scope, &spans)[1]
        };
        let own = hash(&resource, &scope, &span);
        assert_eq!(hash(&resource, &scope, &span), own);
        let mut others = Vec::new();
        let change = |change: fn(&mut Span)| {
            let mut span = span.clone();
            change(&mut span);
            hash(&resource, &scope, &span)
        };
        others.push(change(|span| span.kind = Kind::from_number(2)));
        others.push(change(|span| span.end_nanos += 1));
        others.push(change(|span| span.attributes.dropped += 1));
        others.push(change(|span| span.links[0].flags += 1));
        others.push(change(|span| span.status_message.push('x')));
        let mut other = resource.clone();
        other.schema_url.push('x');
        others.push(hash(&other, &scope, &span));
        other = resource.clone();
        other.attributes.items[0].value = Value::Null;
        others.push(hash(&other, &scope, &span));
        let mut other = scope.clone();
        other.schema_url.push('x');
        others.push(hash(&resource, &other, &span));
        other = scope.clone();
        other.version.push('x');
        others.push(hash(&resource, &other, &span));
        others.push(own);
        let count = others.len();
        others.sort_unstable();
        others.dedup();
        assert_eq!(others.len(), count);
    }

    // The published messages and prost are the independent reader.
    #[test]
    fn prost_reads_a_segment() {
        let (resource, scope, span) = sample();
        let mut out = Vec::new();
        resource_spans(&mut out, &resource, &scope, &[span.clone(), span]);
        let data = TracesData::decode(out.as_slice()).unwrap();
        let scope_spans = &data.resource_spans[0].scope_spans[0];
        assert_eq!(data.resource_spans[0].schema_url, "r");
        assert_eq!(
            scope_spans.scope.as_ref().unwrap().dropped_attributes_count,
            3
        );
        assert_eq!(scope_spans.spans.len(), 2);
        let span = &scope_spans.spans[0];
        assert_eq!(
            (span.kind, span.flags, span.dropped_links_count),
            (3, 0x301, 2)
        );
        assert_eq!(span.status.as_ref().unwrap().message, "m");
        let Some(Any::ArrayValue(list)) = &span.attributes[0].value.as_ref().unwrap().value else {
            panic!("not an array")
        };
        assert_eq!(list.values[1].value, Some(Any::IntValue(-1)));
        assert_eq!(list.values[2].value, Some(Any::DoubleValue(0.0)));
    }
}
