//! OTLP attribute values and attribute lists from protobuf.
//!
//! An attacker chooses how deep an `AnyValue` nests. The walk recurses at most
//! [`MAX_DEPTH`] levels; what lies deeper is stepped over as one slice.

use super::DecodeError;
use super::validate::{Budget, Counts, MAX_ATTRIBUTES, MAX_DEPTH, bounded_text};
use super::wire::{Field, Slice};
use crate::model::{Attribute, Attributes, Value};

/// Adds one encoded `KeyValue` to `attributes`, or counts it as dropped when they are full.
pub(crate) fn push_attribute(
    attributes: &mut Attributes,
    encoded: Slice<'_>,
    counts: &mut Counts,
) -> Result<(), DecodeError> {
    if attributes.items.len() >= MAX_ATTRIBUTES {
        attributes.dropped = attributes.dropped.saturating_add(1);
        counts.drop_over_limit();
        return Ok(());
    }
    let mut budget = Budget::new();
    let mut key = String::new();
    let mut value = Value::Null;
    for field in encoded.fields() {
        match field? {
            (1, Field::Bytes(text)) => key = bounded_text(&text.text(), counts),
            (2, Field::Bytes(any)) => value = any_value(any, 0, &mut budget)?,
            _ => {}
        }
    }
    counts.spent(&budget);
    attributes.items.push(Attribute { key, value });
    Ok(())
}

/// Reads an `AnyValue`. `depth` is the number of arrays and maps around it.
fn any_value(encoded: Slice<'_>, depth: usize, budget: &mut Budget) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    for field in encoded.fields() {
        value = match field? {
            (1, Field::Bytes(text)) => Value::String(budget.take_text(&text.text())),
            (2, Field::Varint(bit)) => Value::Bool(bit != 0),
            // Two's complement: the protocol's int64 is written as the varint of its bits.
            (3, Field::Varint(bits)) => Value::Int(bits.cast_signed()),
            (4, Field::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5 | 6, Field::Bytes(_)) if depth >= MAX_DEPTH => {
                budget.too_deep();
                Value::Null
            }
            (5, Field::Bytes(list)) => Value::Array(array(list, depth + 1, budget)?),
            (6, Field::Bytes(list)) => Value::Map(map(list, depth + 1, budget)?),
            (7, Field::Bytes(bytes)) => Value::Bytes(budget.take_bytes(bytes.bytes()).to_owned()),
            _ => value,
        };
    }
    Ok(value)
}

fn array(list: Slice<'_>, depth: usize, budget: &mut Budget) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::new();
    for field in list.fields() {
        if let (1, Field::Bytes(element)) = field? {
            if !budget.take_node() {
                break;
            }
            values.push(any_value(element, depth, budget)?);
        }
    }
    Ok(values)
}

fn map(list: Slice<'_>, depth: usize, budget: &mut Budget) -> Result<Vec<Attribute>, DecodeError> {
    let mut entries = Vec::new();
    for field in list.fields() {
        if let (1, Field::Bytes(entry)) = field? {
            if !budget.take_node() {
                break;
            }
            let mut key = String::new();
            let mut value = Value::Null;
            for field in entry.fields() {
                match field? {
                    (1, Field::Bytes(text)) => key = budget.take_text(&text.text()),
                    (2, Field::Bytes(any)) => value = any_value(any, depth, budget)?,
                    _ => {}
                }
            }
            entries.push(Attribute { key, value });
        }
    }
    Ok(entries)
}
