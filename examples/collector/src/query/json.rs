//! The JSON of traces, summaries and spans.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{SerializeMap as _, SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use super::token::hex;
use crate::model::{Attribute, Event, Group, Link, Span, Value, double_text};
use crate::store::Summary;

/// A span under its resource and scope.
#[derive(Clone, Copy)]
pub(super) struct SpanJson<'a> {
    pub(super) group: &'a Group,
    pub(super) span: &'a Span,
}

/// The fields that a summary and a whole trace have in common.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SummaryJson<'a> {
    trace_id: String,
    root_service: &'a str,
    root_operation: &'a str,
    start_time: u64,
    duration: u64,
    span_count: u64,
    service_count: usize,
    services: Vec<&'a str>,
    has_errors: bool,
    status: &'static str,
    orphan_span_count: u64,
}

impl<'a> SummaryJson<'a> {
    pub(super) fn new(summary: &'a Summary) -> Self {
        Self {
            trace_id: hex(&summary.trace_id),
            root_service: &summary.root.service,
            root_operation: &summary.root.operation,
            start_time: micros(summary.start_nanos),
            duration: micros(summary.duration_nanos()),
            span_count: summary.spans,
            service_count: summary.services.len(),
            services: summary.services.iter().map(String::as_str).collect(),
            has_errors: summary.has_errors,
            status: summary.status().as_str(),
            orphan_span_count: summary.orphans,
        }
    }
}

pub(super) fn micros(nanos: u64) -> u64 {
    nanos / 1000
}

impl Serialize for SpanJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { group, span } = self;
        let mut out = serializer.serialize_struct("Span", 21)?;
        out.serialize_field("traceId", &hex(&span.trace_id))?;
        out.serialize_field("spanId", &hex(&span.span_id))?;
        out.serialize_field("parentSpanId", &span.parent.as_ref().map(|id| hex(id)))?;
        out.serialize_field("operationName", &span.name)?;
        out.serialize_field("serviceName", group.resource.service_name())?;
        out.serialize_field("kind", span.kind.as_str())?;
        out.serialize_field("startTime", &micros(span.start_nanos))?;
        out.serialize_field(
            "duration",
            &micros(span.end_nanos.saturating_sub(span.start_nanos)),
        )?;
        let status = StatusJson {
            code: span.status.as_str(),
            message: &span.status_message,
        };
        out.serialize_field("status", &status)?;
        out.serialize_field("tags", &AttributesJson(&span.attributes.items))?;
        out.serialize_field("events", &List(&span.events, EventJson))?;
        out.serialize_field("links", &List(&span.links, LinkJson))?;
        out.serialize_field(
            "resource",
            &AttributesJson(&group.resource.attributes.items),
        )?;
        out.serialize_field("resourceSchemaUrl", &group.resource.schema_url)?;
        let dropped = group.resource.attributes.dropped;
        out.serialize_field("resourceDroppedAttributes", &dropped)?;
        let scope = ScopeJson {
            name: &group.scope.name,
            version: &group.scope.version,
            schema_url: &group.scope.schema_url,
            attributes: AttributesJson(&group.scope.attributes.items),
            dropped_attributes: group.scope.attributes.dropped,
        };
        out.serialize_field("scope", &scope)?;
        out.serialize_field("traceState", &span.trace_state)?;
        out.serialize_field("flags", &span.flags)?;
        out.serialize_field("droppedAttributes", &span.attributes.dropped)?;
        out.serialize_field("droppedEvents", &span.dropped_events)?;
        out.serialize_field("droppedLinks", &span.dropped_links)?;
        out.end()
    }
}

#[derive(Serialize)]
struct StatusJson<'a> {
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeJson<'a> {
    name: &'a str,
    version: &'a str,
    schema_url: &'a str,
    attributes: AttributesJson<'a>,
    dropped_attributes: u32,
}

/// A list whose elements are wrapped when they are written.
struct List<'a, T, F>(&'a [T], F);

impl<'a, T, J: Serialize, F: Fn(&'a T) -> J> Serialize for List<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        for one in self.0 {
            out.serialize_element(&(self.1)(one))?;
        }
        out.end()
    }
}

struct EventJson<'a>(&'a Event);

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Event", 4)?;
        out.serialize_field("timestamp", &micros(self.0.time_nanos))?;
        out.serialize_field("name", &self.0.name)?;
        out.serialize_field("attributes", &AttributesJson(&self.0.attributes.items))?;
        out.serialize_field("droppedAttributes", &self.0.attributes.dropped)?;
        out.end()
    }
}

struct LinkJson<'a>(&'a Link);

impl Serialize for LinkJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Link", 6)?;
        out.serialize_field("traceId", &hex(&self.0.trace_id))?;
        out.serialize_field("spanId", &hex(&self.0.span_id))?;
        out.serialize_field("traceState", &self.0.trace_state)?;
        out.serialize_field("flags", &self.0.flags)?;
        out.serialize_field("attributes", &AttributesJson(&self.0.attributes.items))?;
        out.serialize_field("droppedAttributes", &self.0.attributes.dropped)?;
        out.end()
    }
}

/// Attributes as an object. If a key occurs twice, which OTLP forbids, its last value is written.
struct AttributesJson<'a>(&'a [Attribute]);

impl Serialize for AttributesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        let mut rest = self.0;
        while let Some((attribute, later)) = rest.split_first() {
            rest = later;
            if !later.iter().any(|other| other.key == attribute.key) {
                out.serialize_entry(&attribute.key, &ValueJson(&attribute.value))?;
            }
        }
        out.end()
    }
}

/// A value in the JSON type that matches its own. Bytes become base64; numbers that JSON cannot
/// write become their names, as in OTLP. Nesting is bounded by the decoders.
struct ValueJson<'a>(&'a Value);

impl Serialize for ValueJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Double(value) if value.is_finite() => serializer.serialize_f64(*value),
            Value::Double(value) => serializer.serialize_str(&double_text(*value)),
            Value::String(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Value::Array(values) => List(values, ValueJson).serialize(serializer),
            Value::Map(entries) => AttributesJson(entries).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let json = |value| serde_json::to_string(&ValueJson(&value)).unwrap();
        assert_eq!(json(Value::Int(i64::MIN)), "-9223372036854775808");
        assert_eq!(json(Value::Double(1.0)), "1.0");
        assert_eq!(json(Value::Double(f64::NEG_INFINITY)), r#""-Infinity""#);
        assert_eq!(json(Value::Bytes(vec![0xff, 0xef])), r#""/+8=""#);
        let list = Value::Array(vec![
            Value::Null,
            Value::Bool(true),
            Value::String("<".into()),
        ]);
        assert_eq!(json(list), r#"[null,true,"<"]"#);
        let twice = [1, 2].map(|n| Attribute {
            key: "k".into(),
            value: Value::Int(n),
        });
        assert_eq!(json(Value::Map(twice.to_vec())), r#"{"k":2}"#);
    }
}
