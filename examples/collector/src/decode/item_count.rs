//! Counts the items of a request before it is decoded.
//!
//! Items are attributes, events, links and the parts of values. An empty attribute takes two bytes
//! to send and dozens to keep, so a request of few bytes may need much memory once it is decoded.

use super::validate::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENTS, MAX_LINKS};
use super::wire::{Field, Slice};

/// The most items of one request. Each takes about 60 bytes. The largest body, 20 MiB, holds about
/// half as many items if its attributes have names and values.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// Counts the items of an OTLP/protobuf body that its decoder would keep. Stops where the body is
/// malformed, as the decoder does, and soon after [`MAX_ITEMS`].
pub(super) fn protobuf_items(body: &[u8]) -> usize {
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

/// Returns a number no lower than that of the items of an OTLP/JSON body. Each item is an object,
/// or a null in its place.
pub(super) fn json_items(body: &[u8]) -> usize {
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

/// Returns the nested messages of one field.
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
}
