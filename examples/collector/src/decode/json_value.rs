//! Attribute lists and attribute values from JSON.
//!
//! As in protobuf, an attacker chooses how deep a value nests. Reading recurses at most
//! [`MAX_DEPTH`] levels; deeper values are skipped in a loop.

use super::json_fields::{Fields, Read};
use super::json_reader::{Scalar, Shape};
use super::json_scalar::{bytes, double, integer};
use super::validate::{Budget, MAX_ATTRIBUTES, MAX_DEPTH};
use crate::model::{Attribute, Attributes, Value};

impl Fields<'_> {
    /// Reads a list of attributes. One with an unreadable part is dropped, as are those beyond the
    /// limit; both are counted with the attributes that the sender dropped itself.
    pub(super) fn attributes(&mut self, into: &mut Attributes) -> Read {
        let Some(mut place) = self.list("attributes")? else {
            return Ok(());
        };
        let mut dropped = self.replace(&mut into.items);
        while self.element(&mut place)? {
            if into.items.len() >= MAX_ATTRIBUTES {
                self.skip()?;
                self.counts.drop_over_limit();
                dropped += 1;
                continue;
            }
            let mut budget = Budget::new();
            let unreadable = self.counts.unreadable;
            let attribute = self.entry(0, &mut budget)?;
            self.counts.spent(&budget);
            match attribute {
                Some(attribute) if self.counts.unreadable == unreadable => {
                    into.items.push(attribute);
                }
                _ => {
                    self.counts.dropped += 1;
                    dropped += 1;
                }
            }
        }
        into.dropped = into.dropped.saturating_add(dropped);
        Ok(())
    }

    /// Empties a list that the request repeats, because the last list is kept. Returns the number
    /// of dropped parts.
    pub(super) fn replace<T>(&mut self, list: &mut Vec<T>) -> u32 {
        let dropped = list.len() as u32;
        self.counts.drop_replaced(dropped);
        list.clear();
        dropped
    }

    /// Reads one `KeyValue` inside `depth` arrays and maps. Returns `None` if it is not an object.
    fn entry(&mut self, depth: usize, budget: &mut Budget) -> Read<Option<Attribute>> {
        let Some(mut place) = self.element_message("attributes")? else {
            return Ok(None);
        };
        let mut entry = Attribute::default();
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                // The key of an attribute itself has a limit of its own.
                "key" if depth == 0 => self.name("key", &mut entry.key)?,
                "key" => {
                    if let Some(text) = self.text("key")? {
                        entry.key = budget.take_text(&text);
                    }
                }
                "value" => self.any_value(depth, budget, &mut entry.value)?,
                _ => self.skip()?,
            }
        }
        Ok(Some(entry))
    }

    /// Reads an `AnyValue` inside `depth` arrays and maps. Of several members, the last one that is
    /// set is kept.
    fn any_value(&mut self, depth: usize, budget: &mut Budget, into: &mut Value) -> Read {
        let Some(mut place) = self.message("value")? else {
            return Ok(());
        };
        while let Some(key) = self.key(&mut place)? {
            let value = match key.as_ref() {
                "stringValue" => self
                    .text("stringValue")?
                    .map(|text| budget.take_text(&text))
                    .map(Value::String),
                "boolValue" => self.boolean("boolValue")?.map(Value::Bool),
                "intValue" => self.int_value()?,
                "doubleValue" => self.double("doubleValue")?.map(Value::Double),
                "bytesValue" => {
                    let read = self.scalar("bytesValue", |scalar| match scalar {
                        Scalar::Text(text) => bytes(&text.text),
                        _ => None,
                    });
                    read?.map(|bytes| Value::Bytes(budget.take_bytes(&bytes).to_owned()))
                }
                "arrayValue" => self.array(depth + 1, budget)?,
                "kvlistValue" => self.map(depth + 1, budget)?,
                _ => {
                    self.skip()?;
                    None
                }
            };
            if let Some(value) = value {
                *into = value;
            }
        }
        Ok(())
    }

    /// Reads an integer, or a double if the number is not a 64-bit integer. JavaScript has integers
    /// up to 1.8e308, which its SDK sends as `intValue`.
    fn int_value(&mut self) -> Read<Option<Value>> {
        let mut as_double = false;
        let value = self.scalar("intValue", |scalar| {
            if let Some(number) = integer(scalar).and_then(|number| i64::try_from(number).ok()) {
                return Some(Value::Int(number));
            }
            as_double = true;
            double(scalar)
                .filter(|number| number.is_finite())
                .map(Value::Double)
        })?;
        self.counts.as_double += u64::from(as_double && value.is_some());
        Ok(value)
    }

    fn array(&mut self, depth: usize, budget: &mut Budget) -> Read<Option<Value>> {
        if self.is_too_deep(depth, budget)? {
            return Ok(Some(Value::Null));
        }
        let values = self.values("arrayValue", budget, |fields, budget| {
            let mut value = Value::Null;
            fields.any_value(depth, budget, &mut value)?;
            Ok(Some(value))
        });
        Ok(values?.map(Value::Array))
    }

    fn map(&mut self, depth: usize, budget: &mut Budget) -> Read<Option<Value>> {
        if self.is_too_deep(depth, budget)? {
            return Ok(Some(Value::Null));
        }
        let entry = |fields: &mut Self, budget: &mut Budget| fields.entry(depth, budget);
        let values = self.values("kvlistValue", budget, entry);
        Ok(values?.map(Value::Map))
    }

    /// Returns whether the next value is a message beyond the depth limit, and skips it if so.
    fn is_too_deep(&mut self, depth: usize, budget: &mut Budget) -> Read<bool> {
        let too_deep = depth > MAX_DEPTH && self.reader.shape()? == Shape::Object;
        if too_deep {
            budget.too_deep();
            self.skip()?;
        }
        Ok(too_deep)
    }

    /// Reads a message whose only field is a list of `values`, as far as the budget has nodes for
    /// them.
    fn values<T>(
        &mut self,
        field: &'static str,
        budget: &mut Budget,
        mut read: impl FnMut(&mut Self, &mut Budget) -> Read<Option<T>>,
    ) -> Read<Option<Vec<T>>> {
        let Some(mut message) = self.message(field)? else {
            return Ok(None);
        };
        let mut values = Vec::new();
        while let Some(key) = self.key(&mut message)? {
            if key != "values" {
                self.skip()?;
                continue;
            }
            let Some(mut place) = self.list("values")? else {
                continue;
            };
            self.replace(&mut values);
            while self.element(&mut place)? {
                if budget.take_node() {
                    values.extend(read(self, budget)?);
                } else {
                    self.skip()?;
                }
            }
        }
        Ok(Some(values))
    }
}
