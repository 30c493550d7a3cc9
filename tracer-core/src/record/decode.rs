//! Decodes the contents of a record into the types of the API.
//!
//! The modules `attributes`, `event` and `link` wrote the messages that are read here. Fields of
//! other types cannot occur and are skipped.

use std::iter;

use opentelemetry::{
    Array, KeyValue, SpanId, StringValue, TraceId, Value,
    trace::{Event, Link, SpanContext, Status, TraceFlags, TraceState},
};

use super::{
    SpanRecord,
    wire::{Field, next_field},
};
use crate::clock::system_time;

impl<'a> SpanRecord<'a> {
    /// Iterates over the attributes. Keys are unique, and the order is that in which they were last
    /// set.
    ///
    /// # Cost
    /// This iterator and those of events and links allocate strings for each item taken.
    pub fn attributes(&self) -> impl Iterator<Item = KeyValue> + use<'a> {
        self.fields().filter_map(|field| match field {
            (9, Field::Bytes(bytes)) => key_value(bytes),
            _ => None,
        })
    }

    /// Returns the value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<Value> {
        self.fields().find_map(|field| match field {
            (9, Field::Bytes(bytes)) if has_key(bytes, key) => Some(key_value(bytes)?.value),
            _ => None,
        })
    }

    /// Returns how many attributes were dropped.
    pub fn dropped_attributes(&self) -> u32 {
        self.count(10)
    }

    /// Iterates over the events, in the order in which they were added.
    pub fn events(&self) -> impl Iterator<Item = Event> + use<'a> {
        self.fields().filter_map(|field| match field {
            (11, Field::Bytes(bytes)) => Some(event(bytes)),
            _ => None,
        })
    }

    /// Returns how many events were dropped.
    pub fn dropped_events(&self) -> u32 {
        self.count(12)
    }

    /// Iterates over the links, in the order in which they were added.
    pub fn links(&self) -> impl Iterator<Item = Link> + use<'a> {
        self.fields().filter_map(|field| match field {
            (13, Field::Bytes(bytes)) => Some(link(bytes)),
            _ => None,
        })
    }

    /// Returns how many links were dropped.
    pub fn dropped_links(&self) -> u32 {
        self.count(14)
    }

    /// Returns the context of the span, as its children see it.
    pub fn span_context(&self) -> SpanContext {
        SpanContext::new(
            self.trace_id(),
            self.span_id(),
            self.trace_flags(),
            false,
            self.trace_state().parse().unwrap_or_default(),
        )
    }

    /// Returns the status.
    pub fn status(&self) -> Status {
        match self.otlp_status_code() {
            1 => Status::Ok,
            2 => Status::error(self.status_message().to_owned()),
            _ => Status::Unset,
        }
    }

    fn fields(&self) -> impl Iterator<Item = (u64, Field<'a>)> + use<'a> {
        fields(self.otlp_fields())
    }

    fn count(&self, number: u64) -> u32 {
        self.fields()
            .find_map(|field| match field {
                (found, Field::Varint(count)) if found == number => Some(saturate(count)),
                _ => None,
            })
            .unwrap_or_default()
    }
}

fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    iter::from_fn(move || next_field(&mut rest))
}

fn has_key(message: &[u8], key: &str) -> bool {
    fields(message).any(|field| field == (1, Field::Bytes(key.as_bytes())))
}

fn event(mut rest: &[u8]) -> Event {
    let (mut name, mut nanos, mut attributes, mut dropped) = (String::new(), 0, Vec::new(), 0);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Fixed64(time)) => nanos = time,
            (2, Field::Bytes(bytes)) => name = text(bytes),
            (3, Field::Bytes(bytes)) => attributes.extend(key_value(bytes)),
            (4, Field::Varint(count)) => dropped = saturate(count),
            _ => {}
        }
    }
    Event::new(name, system_time(nanos), attributes, dropped)
}

fn link(mut rest: &[u8]) -> Link {
    let (mut trace_id, mut span_id) = (TraceId::INVALID, SpanId::INVALID);
    let (mut flags, mut state) = (0_u32, TraceState::NONE);
    let (mut attributes, mut dropped) = (Vec::new(), 0);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Bytes(bytes)) => {
                trace_id = bytes.try_into().map_or(trace_id, TraceId::from_bytes);
            }
            (2, Field::Bytes(bytes)) => {
                span_id = bytes.try_into().map_or(span_id, SpanId::from_bytes);
            }
            (3, Field::Bytes(bytes)) => state = text(bytes).parse().unwrap_or_default(),
            (4, Field::Bytes(bytes)) => attributes.extend(key_value(bytes)),
            (5, Field::Varint(count)) => dropped = saturate(count),
            (6, Field::Fixed32(bits)) => flags = bits,
            _ => {}
        }
    }
    let remote = flags & 0x200 != 0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bits 0 to 7 are the W3C flags"
    )]
    let flags = TraceFlags::new(flags as u8);
    let context = SpanContext::new(trace_id, span_id, flags, remote, state);
    Link::new(context, attributes, dropped)
}

fn key_value(mut rest: &[u8]) -> Option<KeyValue> {
    let (mut key, mut value) = (String::new(), None);
    while let Some((number, field)) = next_field(&mut rest) {
        match (number, field) {
            (1, Field::Bytes(bytes)) => key = text(bytes),
            (2, Field::Bytes(bytes)) => value = any_value(bytes),
            _ => {}
        }
    }
    Some(KeyValue::new(key, value?))
}

/// Decodes a value. The depth limit leaves an empty value, which becomes an empty string: the API
/// has no empty value (common/README.md "AnyValue representation for non-OTLP protocols").
fn any_value(mut rest: &[u8]) -> Option<Value> {
    if rest.is_empty() {
        return Some(Value::String("".into()));
    }
    Some(match next_field(&mut rest)? {
        (1, Field::Bytes(bytes)) => Value::String(text(bytes).into()),
        (2, Field::Varint(bool)) => Value::Bool(bool != 0),
        (3, Field::Varint(int)) => Value::I64(int.cast_signed()),
        (4, Field::Fixed64(bits)) => Value::F64(f64::from_bits(bits)),
        (5, Field::Bytes(bytes)) => Value::Array(array(bytes)),
        _ => return None,
    })
}

/// Decodes an array. Its elements have one type, because the API's arrays do. The type of an empty
/// array is not recorded.
fn array(mut rest: &[u8]) -> Array {
    let mut elements = Vec::new();
    while let Some((1, Field::Bytes(bytes))) = next_field(&mut rest) {
        elements.extend(any_value(bytes));
    }
    let bools: Vec<bool> = each(&elements, |value| match value {
        Value::Bool(bool) => Some(*bool),
        _ => None,
    });
    let ints: Vec<i64> = each(&elements, |value| match value {
        Value::I64(int) => Some(*int),
        _ => None,
    });
    let doubles: Vec<f64> = each(&elements, |value| match value {
        Value::F64(double) => Some(*double),
        _ => None,
    });
    match elements.first() {
        Some(Value::Bool(_)) => Array::Bool(bools),
        Some(Value::I64(_)) => Array::I64(ints),
        Some(Value::F64(_)) => Array::F64(doubles),
        _ => Array::String(each(&elements, |value| match value {
            Value::String(string) => Some(string.clone()),
            _ => None::<StringValue>,
        })),
    }
}

fn each<T>(elements: &[Value], element: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    elements.iter().filter_map(element).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn saturate(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
