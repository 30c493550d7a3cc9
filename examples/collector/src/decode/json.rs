//! OTLP/JSON: the JSON form of `ExportTraceServiceRequest`.
//!
//! Rules of the OTLP specification, section "JSON Protobuf Encoding": keys in lowerCamelCase, ids
//! as hex in either case, enums as numbers, 64-bit integers as strings or numbers, bytes as
//! base64, unknown keys ignored. As in the JSON mapping of protobuf, `null` means absent, and enum
//! names are taken too. Spans are checked while the list is read, so refused ones are never kept.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::json_fields::{HexId, Id, KindField, StatusCode, Text, UnsignedInt, nullable};
use super::json_value::AttributeList;
use super::validate::{Counts, MAX_EVENTS, MAX_LINKS, Reject, parent_id, span_id, times, trace_id};
use super::{DecodeError, Decoded};
use crate::model::{Attributes, Event, Group, Link, Resource, Scope, Span};

/// Decodes a request. Invalid spans are counted and left out; malformed JSON refuses it all.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    // serde reads a struct from a list as well, which OTLP has not.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(DecodeError::Json { line: 1, column: 1 });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // Attribute values are the only thing that nests without end; their reader stops at its own
    // limit, and everything that is not kept is skipped by serde_json without recursion.
    deserializer.disable_recursion_limit();
    let request = WireRequest::deserialize(&mut deserializer)
        .and_then(|request| deserializer.end().map(|()| request))
        .map_err(|error| DecodeError::Json {
            line: error.line(),
            column: error.column(),
        })?;

    let mut decoded = Decoded::default();
    for part in request.resource_spans.0 {
        let counts = &mut decoded.counts;
        let resource = Arc::new(Resource {
            attributes: attributes(
                part.resource.attributes,
                part.resource.dropped_attributes_count,
                counts,
            ),
            schema_url: part.schema_url.take(counts),
        });
        for part in part.scope_spans.0 {
            let counts = &mut decoded.counts;
            counts.add(&part.spans.counts);
            let scope = Arc::new(Scope {
                name: part.scope.name.take(counts),
                version: part.scope.version.take(counts),
                attributes: attributes(
                    part.scope.attributes,
                    part.scope.dropped_attributes_count,
                    counts,
                ),
                schema_url: part.schema_url.take(counts),
            });
            if !part.spans.kept.is_empty() {
                let resource = Arc::clone(&resource);
                decoded.groups.push(Group {
                    resource,
                    scope,
                    spans: part.spans.kept,
                });
            }
        }
    }
    Ok(decoded)
}

/// Whether an element of a list is worth keeping. Empty ones cost three bytes to send.
trait Worth {
    fn is_empty(&self) -> bool;
}

/// A list without its empty elements.
#[derive(Debug)]
struct Kept<T>(Vec<T>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Worth> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(Vec<T>);
        impl<'de, T: Deserialize<'de> + Worth> Visitor<'de> for List<T> {
            type Value = Kept<T>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Kept<T>, A::Error> {
                while let Some(element) = seq.next_element::<T>()? {
                    if !element.is_empty() {
                        self.0.push(element);
                    }
                }
                Ok(Kept(self.0))
            }
        }
        deserializer.deserialize_seq(List(Vec::new()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireRequest {
    #[serde(deserialize_with = "nullable")]
    resource_spans: Kept<WireResourceSpans>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireResourceSpans {
    #[serde(deserialize_with = "nullable")]
    resource: WireResource,
    #[serde(deserialize_with = "nullable")]
    scope_spans: Kept<WireScopeSpans>,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

impl Worth for WireResourceSpans {
    fn is_empty(&self) -> bool {
        self.scope_spans.0.is_empty()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireResource {
    #[serde(deserialize_with = "nullable")]
    attributes: AttributeList,
    #[serde(deserialize_with = "nullable")]
    dropped_attributes_count: UnsignedInt,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireScopeSpans {
    #[serde(deserialize_with = "nullable")]
    scope: WireScope,
    #[serde(deserialize_with = "nullable")]
    spans: SpanList,
    #[serde(deserialize_with = "nullable")]
    schema_url: Text,
}

impl Worth for WireScopeSpans {
    fn is_empty(&self) -> bool {
        self.spans.counts.received == 0
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireScope {
    #[serde(deserialize_with = "nullable")]
    name: Text,
    #[serde(deserialize_with = "nullable")]
    version: Text,
    #[serde(deserialize_with = "nullable")]
    attributes: AttributeList,
    #[serde(deserialize_with = "nullable")]
    dropped_attributes_count: UnsignedInt,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireSpan {
    #[serde(deserialize_with = "nullable")]
    trace_id: HexId,
    #[serde(deserialize_with = "nullable")]
    span_id: HexId,
    #[serde(deserialize_with = "nullable")]
    parent_span_id: HexId,
    #[serde(deserialize_with = "nullable")]
    trace_state: Text,
    #[serde(deserialize_with = "nullable")]
    flags: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    name: Text,
    #[serde(deserialize_with = "nullable")]
    kind: KindField,
    #[serde(deserialize_with = "nullable")]
    start_time_unix_nano: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    end_time_unix_nano: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    attributes: AttributeList,
    #[serde(deserialize_with = "nullable")]
    dropped_attributes_count: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    events: Bounded<WireEvent, MAX_EVENTS>,
    #[serde(deserialize_with = "nullable")]
    dropped_events_count: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    links: Bounded<WireLink, MAX_LINKS>,
    #[serde(deserialize_with = "nullable")]
    dropped_links_count: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    status: WireStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireEvent {
    #[serde(deserialize_with = "nullable")]
    time_unix_nano: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    name: Text,
    #[serde(deserialize_with = "nullable")]
    attributes: AttributeList,
    #[serde(deserialize_with = "nullable")]
    dropped_attributes_count: UnsignedInt,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireLink {
    #[serde(deserialize_with = "nullable")]
    trace_id: HexId,
    #[serde(deserialize_with = "nullable")]
    span_id: HexId,
    #[serde(deserialize_with = "nullable")]
    trace_state: Text,
    #[serde(deserialize_with = "nullable")]
    attributes: AttributeList,
    #[serde(deserialize_with = "nullable")]
    dropped_attributes_count: UnsignedInt,
    #[serde(deserialize_with = "nullable")]
    flags: UnsignedInt,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireStatus {
    #[serde(deserialize_with = "nullable")]
    code: StatusCode,
    #[serde(deserialize_with = "nullable")]
    message: Text,
}

/// The first `MAX` elements of a list and the number of the others, which are skipped unread.
#[derive(Debug)]
struct Bounded<T, const MAX: usize> {
    kept: Vec<T>,
    dropped: u32,
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            dropped: 0,
        }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MAX: usize>(Bounded<T, MAX>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
            type Value = Bounded<T, MAX>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
                while self.0.kept.len() < MAX {
                    match seq.next_element()? {
                        Some(element) => self.0.kept.push(element),
                        None => return Ok(self.0),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    self.0.dropped = self.0.dropped.saturating_add(1);
                }
                Ok(self.0)
            }
        }
        deserializer.deserialize_seq(List(Self::default()))
    }
}

/// The valid spans of a list and what became of the others.
#[derive(Debug, Default)]
struct SpanList {
    kept: Vec<Span>,
    counts: Counts,
}

impl<'de> Deserialize<'de> for SpanList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List(SpanList);
        impl<'de> Visitor<'de> for List {
            type Value = SpanList;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list of spans")
            }
            fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<SpanList, A::Error> {
                while let Some(wire) = seq.next_element::<WireSpan>()? {
                    self.0.counts.received += 1;
                    match span(wire, &mut self.0.counts) {
                        Ok(span) => self.0.kept.push(span),
                        Err(reason) => self.0.counts.reject(reason),
                    }
                }
                Ok(self.0)
            }
        }
        deserializer.deserialize_seq(List(Self::default()))
    }
}

fn attributes(list: AttributeList, sent: UnsignedInt, counts: &mut Counts) -> Attributes {
    counts.truncated += list.truncated;
    counts.dropped += u64::from(list.dropped);
    Attributes {
        items: list.items,
        dropped: list.dropped.saturating_add(sent.as_u32()),
    }
}

fn span(wire: WireSpan, counts: &mut Counts) -> Result<Span, Reject> {
    let mut span = Span {
        trace_state: wire.trace_state.take(counts),
        flags: wire.flags.as_u32(),
        name: wire.name.take(counts),
        kind: wire.kind.0,
        start_nanos: wire.start_time_unix_nano.0,
        end_nanos: wire.end_time_unix_nano.0,
        attributes: attributes(wire.attributes, wire.dropped_attributes_count, counts),
        dropped_events: wire
            .events
            .dropped
            .saturating_add(wire.dropped_events_count.as_u32()),
        dropped_links: wire
            .links
            .dropped
            .saturating_add(wire.dropped_links_count.as_u32()),
        status: wire.status.code.0,
        status_message: wire.status.message.take(counts),
        ..Span::default()
    };
    counts.dropped += u64::from(wire.events.dropped) + u64::from(wire.links.dropped);
    for event in wire.events.kept {
        span.events.push(Event {
            time_nanos: event.time_unix_nano.0,
            name: event.name.take(counts),
            attributes: attributes(event.attributes, event.dropped_attributes_count, counts),
        });
    }
    for wire in wire.links.kept {
        let attributes = attributes(wire.attributes, wire.dropped_attributes_count, counts);
        let trace_state = wire.trace_state.take(counts);
        if let (Ok(trace_id), Ok(span_id)) = (
            trace_id(wire.trace_id.bytes()),
            span_id(wire.span_id.bytes()),
        ) {
            let flags = wire.flags.as_u32();
            span.links.push(Link {
                trace_id,
                span_id,
                trace_state,
                attributes,
                flags,
            });
        } else {
            span.dropped_links = span.dropped_links.saturating_add(1);
            counts.dropped += 1;
        }
    }
    span.trace_id = trace_id(wire.trace_id.bytes())?;
    span.span_id = span_id(wire.span_id.bytes())?;
    span.parent = match wire.parent_span_id.0 {
        Id::Malformed => return Err(Reject::ParentId),
        _ => parent_id(wire.parent_span_id.bytes())?,
    };
    times(&span)?;
    Ok(span)
}

#[cfg(test)]
mod tests;
