//! `KeyValue`s of the API as `opentelemetry.proto.common.v1.KeyValue` messages.
//!
//! Field numbers: KeyValue key 1, value 2; AnyValue string 1, bool 2, int 3, double 4, array 5;
//! ArrayValue values 1. Source: opentelemetry-proto 1.11, common.proto.

use opentelemetry::{Array, KeyValue, Value};

use super::wire::{
    BYTES, FIXED64, VARINT, bytes_field_len, put_bytes, put_len, put_varint, tag, varint_len,
};

const KEY: u8 = tag(1, BYTES);
const VALUE: u8 = tag(2, BYTES);
const STRING: u8 = tag(1, BYTES);
const BOOL: u8 = tag(2, VARINT);
const INT: u8 = tag(3, VARINT);
const DOUBLE: u8 = tag(4, FIXED64);
const ARRAY: u8 = tag(5, BYTES);
const ELEMENT: u8 = tag(1, BYTES);

/// Up to this many bytes, every length in a `KeyValue` field takes one byte.
const SHORT: usize = 100;

/// Appends one `KeyValue` as a field with the given tag. Strings are cut to `max_length`.
pub(crate) fn put_attribute(out: &mut Vec<u8>, field: u8, attribute: &KeyValue, max_length: usize) {
    let key = attribute.key.as_str();
    match &attribute.value {
        Value::String(string) => {
            let string = cut(string.as_str(), max_length);
            if key.len() + string.len() <= SHORT {
                let [key_len, len] = [key.len(), string.len()].map(short);
                put_short(
                    out,
                    field,
                    key,
                    &[VALUE, len + 2, STRING, len],
                    key_len + len + 6,
                );
                out.extend_from_slice(string.as_bytes());
                return;
            }
        }
        Value::Bool(bool) if key.len() <= SHORT => {
            let value = [VALUE, 2, BOOL, u8::from(*bool)];
            return put_short(out, field, key, &value, short(key.len()) + 6);
        }
        // Non-negative numbers below 128, such as most counts, take one byte.
        Value::I64(int @ 0..128) if key.len() <= SHORT => {
            let value = [VALUE, 2, INT, int.to_le_bytes()[0]];
            return put_short(out, field, key, &value, short(key.len()) + 6);
        }
        _ => {}
    }
    put_any_attribute(out, field, attribute, max_length);
}

/// The field of a short `KeyValue`: its key, and the first or all bytes of its value. `len` is the
/// length of the whole message.
fn put_short(out: &mut Vec<u8>, field: u8, key: &str, value: &[u8; 4], len: u8) {
    out.reserve(usize::from(len) + 2);
    out.extend_from_slice(&[field, len, KEY, short(key.len())]);
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(value);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "callers have compared with SHORT"
)]
fn short(len: usize) -> u8 {
    debug_assert!(len <= SHORT);
    len as u8
}

/// The same for keys and values of every length.
fn put_any_attribute(out: &mut Vec<u8>, field: u8, attribute: &KeyValue, max_length: usize) {
    let key = attribute.key.as_str();
    let value = &attribute.value;
    let value_len = value_len(value, max_length);
    let len = bytes_field_len(key.len()) + bytes_field_len(value_len);
    out.reserve(bytes_field_len(len));
    put_len(out, field, len);
    put_bytes(out, KEY, key.as_bytes());
    put_len(out, VALUE, value_len);
    put_value(out, value, max_length);
}

/// The size of what [`put_attribute`] appends.
pub(crate) fn attribute_field_len(attribute: &KeyValue, max_length: usize) -> usize {
    bytes_field_len(
        bytes_field_len(attribute.key.as_str().len())
            + bytes_field_len(value_len(&attribute.value, max_length)),
    )
}

fn value_len(value: &Value, max_length: usize) -> usize {
    match value {
        Value::Bool(_) => 2,
        Value::I64(int) => int_len(*int),
        Value::F64(_) => 9,
        Value::String(string) => bytes_field_len(cut(string.as_str(), max_length).len()),
        Value::Array(array) => bytes_field_len(array_len(array, max_length)),
        // The enum is open; a value that a later version of the API adds is kept as text.
        other => bytes_field_len(cut(&other.as_str(), max_length).len()),
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value, max_length: usize) {
    match value {
        Value::Bool(bool) => put_bool(out, *bool),
        Value::I64(int) => put_int(out, *int),
        Value::F64(double) => put_double(out, *double),
        Value::String(string) => put_string(out, string.as_str(), max_length),
        Value::Array(array) => {
            put_len(out, ARRAY, array_len(array, max_length));
            put_array(out, array, max_length);
        }
        other => put_string(out, &other.as_str(), max_length),
    }
}

fn array_len(array: &Array, max_length: usize) -> usize {
    match array {
        Array::Bool(bools) => bools.len() * bytes_field_len(2),
        Array::I64(ints) => ints.iter().map(|int| bytes_field_len(int_len(*int))).sum(),
        Array::F64(doubles) => doubles.len() * bytes_field_len(9),
        Array::String(strings) => strings
            .iter()
            .map(|string| bytes_field_len(bytes_field_len(cut(string.as_str(), max_length).len())))
            .sum(),
        other => bytes_field_len(bytes_field_len(cut(&other.to_string(), max_length).len())),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array, max_length: usize) {
    match array {
        Array::Bool(bools) => {
            for bool in bools {
                put_len(out, ELEMENT, 2);
                put_bool(out, *bool);
            }
        }
        Array::I64(ints) => {
            for int in ints {
                put_len(out, ELEMENT, int_len(*int));
                put_int(out, *int);
            }
        }
        Array::F64(doubles) => {
            for double in doubles {
                put_len(out, ELEMENT, 9);
                put_double(out, *double);
            }
        }
        Array::String(strings) => {
            for string in strings {
                put_string_element(out, string.as_str(), max_length);
            }
        }
        other => put_string_element(out, &other.to_string(), max_length),
    }
}

fn put_string_element(out: &mut Vec<u8>, string: &str, max_length: usize) {
    put_len(out, ELEMENT, bytes_field_len(cut(string, max_length).len()));
    put_string(out, string, max_length);
}

fn put_bool(out: &mut Vec<u8>, bool: bool) {
    out.extend_from_slice(&[BOOL, u8::from(bool)]);
}

/// Negative numbers take ten bytes, as protobuf's `int64` has it.
fn int_len(int: i64) -> usize {
    1 + varint_len(int.cast_unsigned())
}

fn put_int(out: &mut Vec<u8>, int: i64) {
    out.push(INT);
    put_varint(out, int.cast_unsigned());
}

fn put_double(out: &mut Vec<u8>, double: f64) {
    out.push(DOUBLE);
    out.extend_from_slice(&double.to_le_bytes());
}

fn put_string(out: &mut Vec<u8>, string: &str, max_length: usize) {
    put_bytes(out, STRING, cut(string, max_length).as_bytes());
}

/// The first `max_length` characters.
pub(crate) fn cut(string: &str, max_length: usize) -> &str {
    // A character takes at least one byte, so most strings need no counting.
    if string.len() <= max_length {
        return string;
    }
    let end = string.char_indices().nth(max_length);
    end.and_then(|(end, _)| string.get(..end)).unwrap_or(string)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1 as proto;
    use prost::Message;

    use super::*;

    /// Encodes ours, checks the announced size, and decodes with prost.
    #[track_caller]
    fn check(attribute: KeyValue, max_length: usize, expected: &KeyValue) {
        let mut out = Vec::new();
        put_attribute(&mut out, tag(9, BYTES), &attribute, max_length);
        assert_eq!(out.len(), attribute_field_len(&attribute, max_length));
        let mut rest = &out[1..];
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
        }
        same(KeyValue::new("b", true));
        same(KeyValue::new("b", false));
        for int in [0, 1, 127, 128, i64::MAX, -1, i64::MIN] {
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
