//! Encodes the API's `KeyValue`s as `opentelemetry.proto.common.v1.KeyValue` messages.
//!
//! Field numbers: KeyValue key 1, value 2; AnyValue string 1, bool 2, int 3, double 4, array 5;
//! ArrayValue values 1. Source: opentelemetry-proto 1.11, common.proto.

use std::collections::HashMap;

use opentelemetry::{Array, Value};

use super::{
    attribute_ref::{Attribute, ValueRef},
    buffer::{Buffer, copy_short},
    limit_counters::{Limit, Limits},
    wire::{BYTES, FIXED64, VARINT, bytes_field_len, tag},
};

const KEY: u8 = tag(1, BYTES);
const VALUE: u8 = tag(2, BYTES);
const STRING: u8 = tag(1, BYTES);
const BOOL: u8 = tag(2, VARINT);
const INT: u8 = tag(3, VARINT);
const DOUBLE: u8 = tag(4, FIXED64);
const ARRAY: u8 = tag(5, BYTES);
const ELEMENT: u8 = tag(1, BYTES);

/// Up to this many attributes of an event or link, keys are compared one by one.
const FEW: usize = 64;

/// Up to this many bytes of key and value, every length in a `KeyValue` field takes one byte.
const SHORT: usize = 100;

/// Appends one `KeyValue` as a field with the given tag. Values are cut to the limits.
#[inline(always)]
pub(crate) fn put_attribute(
    out: &mut Buffer,
    field: u8,
    key: &str,
    value: ValueRef<'_>,
    limits: &Limits,
) {
    let eight;
    // The first four bytes of the value, and the rest of it. Every length takes one byte.
    let (start, rest): ([u8; 4], &[u8]) = match value {
        ValueRef::Str(string) => {
            let string = cut(string, limits).as_bytes();
            if key.len() + string.len() > SHORT {
                return put_long_string(out, field, key, string);
            }
            let len = short(string.len());
            ([VALUE, len + 2, STRING, len], string)
        }
        ValueRef::Bool(bool) => ([VALUE, 2, BOOL, u8::from(bool)], &[]),
        ValueRef::I64(int @ 0..0x80) => ([VALUE, 2, INT, low_byte(int)], &[]),
        // Two groups of seven bits: enough for status codes, ports and sizes.
        ValueRef::I64(int @ 0x80..0x4000) => {
            eight = (int >> 7).to_le_bytes();
            let (high, _) = eight.split_at(1);
            ([VALUE, 3, INT, low_byte(int) | 0x80], high)
        }
        ValueRef::F64(double) => {
            eight = double.to_le_bytes();
            let [first, rest @ ..] = &eight;
            ([VALUE, 9, DOUBLE, *first], rest)
        }
        _ => return put_any_attribute(out, field, key, value, limits),
    };
    if key.len() > SHORT {
        return put_any_attribute(out, field, key, value, limits);
    }
    let len = 6 + key.len() + rest.len();
    let space = out.append(2 + len);
    if let Some((head, space)) = space.split_first_chunk_mut::<4>()
        && let Some((key_space, space)) = space.split_at_mut_checked(key.len())
        && let Some((start_space, rest_space)) = space.split_first_chunk_mut::<4>()
    {
        *head = [field, short(len), KEY, short(key.len())];
        copy_short(key_space, key.as_bytes());
        *start_space = start;
        copy_short(rest_space, rest);
    }
}

fn put_long_string(out: &mut Buffer, field: u8, key: &str, string: &[u8]) {
    let any_len = bytes_field_len(string.len());
    out.put_len(field, bytes_field_len(key.len()) + bytes_field_len(any_len));
    out.put_bytes(KEY, key.as_bytes());
    out.put_len(VALUE, any_len);
    out.put_bytes(STRING, string);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "callers have compared with SHORT"
)]
fn short(len: usize) -> u8 {
    debug_assert!(len <= SHORT + 15);
    len as u8
}

fn low_byte(int: i64) -> u8 {
    int.to_le_bytes()[0]
}

/// Appends a `KeyValue` with a key and a value of any type and length.
fn put_any_attribute(out: &mut Buffer, field: u8, key: &str, value: ValueRef<'_>, limits: &Limits) {
    out.nest(field, |out| {
        out.put_bytes(KEY, key.as_bytes());
        out.nest(VALUE, |out| put_value(out, value, limits));
    });
}

fn put_value(out: &mut Buffer, value: ValueRef<'_>, limits: &Limits) {
    match value {
        ValueRef::Bool(bool) => put_bool(out, bool),
        ValueRef::I64(int) => put_int(out, int),
        ValueRef::F64(double) => put_double(out, double),
        ValueRef::Str(string) => put_string(out, string, limits),
        // An array is at depth 1 (common/README.md "Attribute Limits").
        ValueRef::Other(Value::Array(_)) if limits.max_value_depth == 0 => {
            limits.count_dropped(Limit::Values, 1);
        }
        ValueRef::Other(Value::Array(array)) => {
            out.nest(ARRAY, |out| put_array(out, array, limits));
        }
        // The enum is non-exhaustive. A value that a later API version adds is recorded as text.
        ValueRef::Other(other) => put_string(out, &other.as_str(), limits),
    }
}

fn put_array(out: &mut Buffer, array: &Array, limits: &Limits) {
    match array {
        Array::Bool(bools) => put_each(out, bools, |out, bool| put_bool(out, *bool)),
        Array::I64(ints) => put_each(out, ints, |out, int| put_int(out, *int)),
        Array::F64(doubles) => put_each(out, doubles, |out, double| put_double(out, *double)),
        Array::String(strings) => put_each(out, strings, |out, string| {
            put_string(out, string.as_str(), limits);
        }),
        other => out.nest(ELEMENT, |out| put_string(out, &other.to_string(), limits)),
    }
}

fn put_each<T>(out: &mut Buffer, elements: &[T], put: impl Fn(&mut Buffer, &T)) {
    for element in elements {
        out.nest(ELEMENT, |out| put(out, element));
    }
}

fn put_bool(out: &mut Buffer, bool: bool) {
    out.extend(&[BOOL, u8::from(bool)]);
}

/// Appends an integer. Negative numbers take ten bytes, as in protobuf's `int64`.
fn put_int(out: &mut Buffer, int: i64) {
    out.push(INT);
    out.put_varint(int.cast_unsigned());
}

fn put_double(out: &mut Buffer, double: f64) {
    out.push(DOUBLE);
    out.extend(&double.to_le_bytes());
}

fn put_string(out: &mut Buffer, string: &str, limits: &Limits) {
    out.put_bytes(STRING, cut(string, limits).as_bytes());
}

/// Appends at most `max` attributes of an event or link. As in a span, keys are unique and not
/// empty, and the last value of a key wins. Returns how many attributes are dropped, not counting
/// replaced ones.
pub(crate) fn put_distinct<A: Attribute>(
    out: &mut Buffer,
    field: u8,
    attributes: &[A],
    max: u32,
    limits: &Limits,
) -> u32 {
    if attributes.len() > FEW {
        return put_many(out, field, attributes, max, limits);
    }
    put_unreplaced(out, field, attributes, max, limits, |at, attribute| {
        let mut later = attributes.iter().skip(at + 1);
        later.any(|other| other.key() == attribute.key())
    })
}

/// Like [`put_distinct`], for a list so long that searching it for each key would delay the caller.
#[cold]
fn put_many<A: Attribute>(
    out: &mut Buffer,
    field: u8,
    attributes: &[A],
    max: u32,
    limits: &Limits,
) -> u32 {
    let keys = attributes.iter().map(Attribute::key);
    let last: HashMap<_, _> = keys.enumerate().map(|(at, key)| (key, at)).collect();
    put_unreplaced(out, field, attributes, max, limits, |at, attribute| {
        last.get(attribute.key()) != Some(&at)
    })
}

#[inline(always)]
fn put_unreplaced<A: Attribute>(
    out: &mut Buffer,
    field: u8,
    attributes: &[A],
    max: u32,
    limits: &Limits,
    is_replaced: impl Fn(usize, &A) -> bool,
) -> u32 {
    let (mut kept, mut dropped) = (0, 0_u32);
    for (at, attribute) in attributes.iter().enumerate() {
        let key = attribute.key();
        if key.is_empty() {
            dropped = dropped.saturating_add(1);
        } else if is_replaced(at, attribute) {
            // A later attribute has the same key, and its value wins.
        } else if kept == max {
            dropped = dropped.saturating_add(1);
        } else {
            kept += 1;
            put_attribute(out, field, key, attribute.value(), limits);
        }
    }
    dropped
}

/// Returns the string, or as many of its characters as the limit allows.
#[inline]
fn cut<'a>(string: &'a str, limits: &Limits) -> &'a str {
    // A character takes at least one byte, so most strings need no character count.
    if string.len() <= limits.max_value_length {
        return string;
    }
    cut_characters(string, limits)
}

#[cold]
fn cut_characters<'a>(string: &'a str, limits: &Limits) -> &'a str {
    let mut positions = string.char_indices();
    match positions.nth(limits.max_value_length) {
        Some((end, _)) => {
            limits.count_dropped(Limit::Values, 1);
            string.get(..end).unwrap_or(string)
        }
        None => string,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry_proto::tonic::common::v1 as proto;
    use prost::Message;

    use super::*;
    use crate::record::limits::SpanLimits;

    /// Encodes with this module, and decodes with prost.
    #[track_caller]
    fn check(attribute: KeyValue, max_length: usize, expected: &KeyValue) {
        let mut out = Buffer::new();
        let limits = Limits::from(SpanLimits::default().max_value_length(max_length));
        let (key, value) = (attribute.key(), attribute.value());
        put_attribute(&mut out, tag(9, BYTES), key, value, &limits);
        let mut rest = &out.as_slice()[1..];
        let len = prost::decode_length_delimiter(&mut rest).expect("length");
        assert_eq!(len, rest.len());
        let decoded = proto::KeyValue::decode(rest).expect("message");
        let value = proto::AnyValue::from(expected.value.clone());
        assert_eq!(decoded.key, expected.key.as_str());
        assert_eq!(decoded.value, Some(value));
    }

    fn same(attribute: KeyValue) {
        check(attribute.clone(), usize::MAX, &attribute);
    }

    #[test]
    fn every_type_decodes_as_the_stock_types() {
        same(KeyValue::new("", ""));
        same(KeyValue::new("k", "grüße"));
        same(KeyValue::new("k".repeat(300), "v".repeat(70_000)));
        // Around the lengths at which the encoding changes.
        for len in [0, 99, 100, 101, 127, 128] {
            same(KeyValue::new("", "v".repeat(len)));
            same(KeyValue::new("k".repeat(len), ""));
            same(KeyValue::new("k".repeat(len), true));
            same(KeyValue::new("k".repeat(len), 127));
            same(KeyValue::new("k".repeat(len), 500));
            same(KeyValue::new("k".repeat(len), 0.5));
        }
        same(KeyValue::new("b", true));
        same(KeyValue::new("b", false));
        for int in [0, 1, 127, 128, 16_383, 16_384, i64::MAX, -1, i64::MIN] {
            same(KeyValue::new("i", int));
        }
        for double in [0.0, -1.5, f64::INFINITY, f64::MIN_POSITIVE] {
            same(KeyValue::new("d", double));
        }
        same(KeyValue::new("a", Value::Array(vec![true, false].into())));
        same(KeyValue::new("a", Value::Array(vec![-1_i64, 300].into())));
        same(KeyValue::new("a", Value::Array(vec![0.5_f64].into())));
        let strings = vec!["x".into(), "y".repeat(200).into()];
        same(KeyValue::new("a", Value::Array(Array::String(strings))));
        same(KeyValue::new("a", Value::Array(Array::I64(vec![]))));
    }

    #[test]
    fn long_strings_are_cut_by_characters() {
        check(KeyValue::new("k", "abcdef"), 3, &KeyValue::new("k", "abc"));
        check(KeyValue::new("k", "aüü"), 2, &KeyValue::new("k", "aü"));
        check(KeyValue::new("k", "aü"), 2, &KeyValue::new("k", "aü"));
        check(KeyValue::new("k", "ü"), 0, &KeyValue::new("k", ""));
        let long = Array::String(vec!["abcd".into(), "x".into()]);
        let short = Array::String(vec!["ab".into(), "x".into()]);
        check(
            KeyValue::new("k", Value::Array(long)),
            2,
            &KeyValue::new("k", Value::Array(short)),
        );
    }
}
