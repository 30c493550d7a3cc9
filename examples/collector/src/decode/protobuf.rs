//! OTLP/protobuf: `ExportTraceServiceRequest`, which has the same bytes as `TracesData`.
//!
//! Fields may come in any order, and a resource may follow its spans, so each level is walked
//! twice: once for what the spans share, once for the spans.
//! Field numbers are those of opentelemetry/proto/trace/v1/trace.proto.

use std::sync::Arc;

use super::any_value::push_attribute;
use super::protobuf_span::span;
use super::validate::{Counts, bounded_text};
use super::wire::{Field, Slice};
use super::{DecodeError, Decoded};
use crate::model::{Group, Resource, Scope};

/// Decodes a request. Invalid spans are counted and left out; malformed bytes refuse it all.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoded = Decoded::default();
    for field in Slice::new(bytes).fields() {
        if let (1, Field::Bytes(resource_spans)) = field? {
            read_resource_spans(resource_spans, &mut decoded)?;
        }
    }
    Ok(decoded)
}

fn read_resource_spans(message: Slice<'_>, decoded: &mut Decoded) -> Result<(), DecodeError> {
    let mut resource = Resource::default();
    for field in message.fields() {
        match field? {
            (1, Field::Bytes(encoded)) => {
                for field in encoded.fields() {
                    match field? {
                        (1, Field::Bytes(attribute)) => {
                            push_attribute(
                                &mut resource.attributes,
                                attribute,
                                &mut decoded.counts,
                            )?;
                        }
                        (2, Field::Varint(count)) => {
                            add_dropped(&mut resource.attributes.dropped, count);
                        }
                        _ => {}
                    }
                }
            }
            (3, Field::Bytes(url)) => {
                resource.schema_url = bounded_text(&url.text(), &mut decoded.counts);
            }
            _ => {}
        }
    }
    let resource = Arc::new(resource);
    for field in message.fields() {
        if let (2, Field::Bytes(scope_spans)) = field? {
            read_scope_spans(scope_spans, &resource, decoded)?;
        }
    }
    Ok(())
}

fn read_scope_spans(
    message: Slice<'_>,
    resource: &Arc<Resource>,
    decoded: &mut Decoded,
) -> Result<(), DecodeError> {
    let mut scope = Scope::default();
    let mut spans = Vec::new();
    for field in message.fields() {
        match field? {
            (1, Field::Bytes(encoded)) => {
                read_scope(encoded, &mut scope, &mut decoded.counts)?;
            }
            (2, Field::Bytes(encoded)) => {
                decoded.counts.received += 1;
                match span(encoded, &mut decoded.counts)? {
                    Ok(span) => spans.push(span),
                    Err(reason) => decoded.counts.reject(reason),
                }
            }
            (3, Field::Bytes(url)) => {
                scope.schema_url = bounded_text(&url.text(), &mut decoded.counts);
            }
            _ => {}
        }
    }
    if !spans.is_empty() {
        let resource = Arc::clone(resource);
        decoded.groups.push(Group {
            resource,
            scope: Arc::new(scope),
            spans,
        });
    }
    Ok(())
}

fn read_scope(
    message: Slice<'_>,
    scope: &mut Scope,
    counts: &mut Counts,
) -> Result<(), DecodeError> {
    for field in message.fields() {
        match field? {
            (1, Field::Bytes(name)) => scope.name = bounded_text(&name.text(), counts),
            (2, Field::Bytes(version)) => scope.version = bounded_text(&version.text(), counts),
            (3, Field::Bytes(attribute)) => {
                push_attribute(&mut scope.attributes, attribute, counts)?
            }
            (4, Field::Varint(count)) => add_dropped(&mut scope.attributes.dropped, count),
            _ => {}
        }
    }
    Ok(())
}

/// Adds the sender's count of dropped things to ours.
pub(super) fn add_dropped(total: &mut u32, sent: u64) {
    *total = total.saturating_add(u32::try_from(sent).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{
        AnyValue, ArrayValue, KeyValue, any_value::Value as Any,
    };
    use opentelemetry_proto::tonic::trace::v1::{
        ResourceSpans, ScopeSpans, Span as WireSpan, span::Event,
    };
    use prost::Message as _;

    use super::*;
    use crate::decode::validate::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_EVENTS};
    use crate::model::Value;

    fn valid() -> WireSpan {
        WireSpan {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: 10,
            end_time_unix_nano: 20,
            ..WireSpan::default()
        }
    }

    // The encoder of these tests is prost with the published messages.
    fn request(spans: Vec<WireSpan>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans {
            scope_spans,
            ..ResourceSpans::default()
        }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    fn key_value(value: Option<Any>) -> KeyValue {
        KeyValue {
            key: "k".into(),
            value: Some(AnyValue { value }),
            ..KeyValue::default()
        }
    }

    #[test]
    fn spans_that_break_a_rule_are_counted_and_the_others_kept() {
        let spans = vec![
            valid(),
            WireSpan {
                trace_id: vec![0; 16],
                ..valid()
            },
            WireSpan {
                span_id: vec![1; 7],
                ..valid()
            },
            WireSpan {
                parent_span_id: vec![1; 9],
                ..valid()
            },
            WireSpan {
                start_time_unix_nano: 0,
                ..valid()
            },
            WireSpan {
                end_time_unix_nano: 9,
                ..valid()
            },
        ];
        let decoded = decode(&request(spans)).unwrap();
        assert_eq!(decoded.groups.len(), 1);
        assert_eq!(decoded.groups[0].spans.len(), 1);
        let expected = Counts {
            received: 6,
            invalid_trace_id: 1,
            invalid_span_id: 1,
            invalid_parent_id: 1,
            invalid_time: 2,
            ..Counts::default()
        };
        assert_eq!(decoded.counts, expected);
    }

    #[test]
    fn attributes_and_events_beyond_the_limit_are_dropped_and_counted() {
        let span = WireSpan {
            attributes: vec![key_value(Some(Any::BoolValue(true))); MAX_ATTRIBUTES + 3],
            dropped_attributes_count: 4,
            events: vec![Event::default(); MAX_EVENTS + 2],
            ..valid()
        };
        let decoded = decode(&request(vec![span])).unwrap();
        let span = &decoded.groups[0].spans[0];
        assert_eq!(
            (span.attributes.items.len(), span.attributes.dropped),
            (MAX_ATTRIBUTES, 7)
        );
        assert_eq!((span.events.len(), span.dropped_events), (MAX_EVENTS, 2));
        assert_eq!((decoded.counts.dropped, decoded.counts.over_limit), (5, 5));
    }

    #[test]
    fn enums_of_a_later_version_and_links_without_ids_are_named() {
        use opentelemetry_proto::tonic::trace::v1::{Status, span::Link};
        let span = WireSpan {
            kind: 9,
            status: Some(Status {
                code: 7,
                ..Status::default()
            }),
            links: vec![Link::default()],
            ..valid()
        };
        let decoded = decode(&request(vec![span])).unwrap();
        assert_eq!(
            decoded.counts.message(),
            "fields left out for a wrong type or range: 2, first kind; links with invalid ids dropped: 1"
        );
    }

    // 200,000 levels in about 3 MB killed other collectors; the bytes are built without recursion.
    #[test]
    fn deep_values_are_cut_at_the_depth_limit_without_recursing_further() {
        // Built backwards, innermost first, as prepending to megabytes would take minutes.
        let mut any = vec![0x01, 0x10];
        for _ in 0..200_000 {
            for tag in [0x0a, 0x2a] {
                let mut outer = vec![tag];
                prost::encoding::encode_varint(any.len() as u64, &mut outer);
                any.extend(outer.iter().rev());
            }
        }
        any.reverse();
        let mut attribute = vec![0x12];
        prost::encoding::encode_varint(any.len() as u64, &mut attribute);
        attribute.extend(&any);
        let mut bytes = valid().encode_to_vec();
        bytes.push(0x4a);
        prost::encoding::encode_varint(attribute.len() as u64, &mut bytes);
        bytes.extend(&attribute);
        for tag in [0x12, 0x12, 0x0a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.extend(&bytes);
            bytes = outer;
        }
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.counts.truncated, 1);
        let mut depth = 0;
        let mut value = &decoded.groups[0].spans[0].attributes.items[0].value;
        while let Value::Array(items) = value {
            depth += 1;
            value = &items[0];
        }
        assert_eq!((depth, value), (MAX_DEPTH, &Value::Null));
    }

    #[test]
    fn a_value_at_the_depth_limit_is_whole() {
        let mut any = AnyValue {
            value: Some(Any::IntValue(-7)),
        };
        // prost itself encodes no deeper than we ask; it is only its decoder that is limited.
        for _ in 0..MAX_DEPTH {
            any = AnyValue {
                value: Some(Any::ArrayValue(ArrayValue { values: vec![any] })),
            };
        }
        let span = WireSpan {
            attributes: vec![key_value(any.value)],
            ..valid()
        };
        let decoded = decode(&request(vec![span])).unwrap();
        assert_eq!(decoded.counts.truncated, 0);
        let mut value = &decoded.groups[0].spans[0].attributes.items[0].value;
        while let Value::Array(items) = value {
            value = &items[0];
        }
        assert_eq!(value, &Value::Int(-7));
    }

    #[test]
    fn every_cut_of_a_request_is_an_error_or_a_shorter_request() {
        let span = WireSpan {
            attributes: vec![key_value(Some(Any::StringValue("v".into())))],
            ..valid()
        };
        let whole = request(vec![span]);
        for len in 0..whole.len() {
            let result = decode(&whole[..len]);
            assert_eq!(result.is_ok(), len == 0, "cut at {len}");
        }
    }

    #[test]
    fn a_million_empty_spans_are_counted_and_none_is_kept() {
        let mut scope_spans = Vec::new();
        for _ in 0..1_000_000 {
            scope_spans.extend([0x12, 0x00]);
        }
        let mut bytes = scope_spans;
        for tag in [0x12, 0x0a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
            outer.extend(&bytes);
            bytes = outer;
        }
        let decoded = decode(&bytes).unwrap();
        assert!(decoded.groups.is_empty());
        assert_eq!(decoded.counts.invalid_trace_id, 1_000_000);
    }
}
