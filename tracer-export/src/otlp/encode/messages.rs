//! The messages of `common.proto`, `resource.proto` and `trace.proto` that a request is made of.

use std::borrow::Cow;

use opentelemetry::{Array, InstrumentationScope, Key, StringValue, Value};
use opentelemetry_sdk::Resource;
use tracer_core::SpanRecord;

use crate::protobuf::{
    Message, Sink, bytes_field, fixed32_field, fixed64_field, message_field, present_field,
    text_field, varint_field,
};

/// `opentelemetry.proto.trace.v1.Span`.
pub(super) struct SpanMessage<'a>(pub(super) &'a SpanRecord<'a>);

impl Message for SpanMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        let span = self.0;
        bytes_field(out, 1, &span.trace_id().to_bytes());
        bytes_field(out, 2, &span.span_id().to_bytes());
        present_field(out, 3, span.trace_state_bytes());
        let parent = span.parent_span_id().to_bytes();
        if parent != [0; 8] {
            bytes_field(out, 4, &parent);
        }
        present_field(out, 5, span.name_bytes());
        varint_field(out, 6, u64::from(span.otlp_kind()));
        fixed64_field(out, 7, span.start_unix_nanos());
        fixed64_field(out, 8, span.end_unix_nanos());
        out.put(span.otlp_fields());
        // An absent status is an unset one.
        if span.otlp_status_code() != 0 {
            message_field(out, 15, &StatusMessage(span));
        }
        fixed32_field(out, 16, span.otlp_flags());
    }
}

/// `opentelemetry.proto.trace.v1.Status`.
struct StatusMessage<'a>(&'a SpanRecord<'a>);

impl Message for StatusMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        present_field(out, 2, self.0.status_message_bytes());
        varint_field(out, 3, u64::from(self.0.otlp_status_code()));
    }
}

/// `opentelemetry.proto.resource.v1.Resource`.
pub(super) struct ResourceMessage<'a>(pub(super) &'a Resource);

impl Message for ResourceMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        for (key, value) in self.0.iter() {
            message_field(out, 1, &KeyValueMessage(key, value));
        }
    }
}

/// `opentelemetry.proto.common.v1.InstrumentationScope`.
pub(super) struct ScopeMessage<'a>(pub(super) &'a InstrumentationScope);

impl Message for ScopeMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        text_field(out, 1, self.0.name());
        text_field(out, 2, self.0.version().unwrap_or_default());
        for attribute in self.0.attributes() {
            message_field(out, 3, &KeyValueMessage(&attribute.key, &attribute.value));
        }
    }
}

/// `opentelemetry.proto.common.v1.KeyValue`.
struct KeyValueMessage<'a>(&'a Key, &'a Value);

impl Message for KeyValueMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        text_field(out, 1, self.0.as_str());
        message_field(out, 2, &AnyValue::from(self.1));
    }
}

/// `opentelemetry.proto.common.v1.AnyValue`.
enum AnyValue<'a> {
    Array(&'a Array),
    Bool(bool),
    F64(f64),
    I64(i64),
    Text(Cow<'a, str>),
}

impl<'a> From<&'a Value> for AnyValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Array(array) => Self::Array(array),
            Value::Bool(value) => Self::Bool(*value),
            Value::F64(value) => Self::F64(*value),
            Value::I64(value) => Self::I64(*value),
            // A string as it is. The enum may grow: a kind that this version does not know is
            // written as text, as `tracer-core` does with the attributes of spans.
            other => Self::Text(other.as_str()),
        }
    }
}

impl Message for AnyValue<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        match self {
            Self::Text(text) => bytes_field(out, 1, text.as_bytes()),
            Self::Bool(value) => varint_field(out, 2, u64::from(*value)),
            Self::I64(value) => varint_field(out, 3, *value as u64),
            Self::F64(value) => fixed64_field(out, 4, value.to_bits()),
            Self::Array(array) => message_field(out, 5, &ArrayMessage(array)),
        }
    }
}

/// `opentelemetry.proto.common.v1.ArrayValue`.
struct ArrayMessage<'a>(&'a Array);

impl Message for ArrayMessage<'_> {
    fn write<S: Sink>(&self, out: &mut S) {
        match self.0 {
            Array::Bool(values) => items(out, values, |value| AnyValue::Bool(*value)),
            Array::F64(values) => items(out, values, |value| AnyValue::F64(*value)),
            Array::I64(values) => items(out, values, |value| AnyValue::I64(*value)),
            Array::String(values) => items(out, values, |value: &StringValue| {
                AnyValue::Text(value.as_str().into())
            }),
            other => message_field(out, 1, &AnyValue::Text(other.to_string().into())),
        }
    }
}

fn items<'a, S: Sink, T>(out: &mut S, values: &'a [T], value: impl Fn(&'a T) -> AnyValue<'a>) {
    for item in values {
        message_field(out, 1, &value(item));
    }
}
