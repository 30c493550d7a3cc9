//! Attribute lists and attribute values from JSON.
//!
//! As in protobuf, an attacker chooses how deep a value nests. Reading recurses at most
//! [`MAX_DEPTH`] levels; what lies deeper is skipped by serde_json, which does that in a loop.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json_fields::{Double, SignedInt};
use super::validate::{Budget, Counts, MAX_ATTRIBUTES, MAX_DEPTH, bounded_text};
use crate::model::{Attribute, Value};

/// The first attributes of a list, as many as are kept, and what was cut.
#[derive(Debug, Default)]
pub(super) struct AttributeList {
    pub(super) items: Vec<Attribute>,
    pub(super) dropped: u32,
    pub(super) truncated: u64,
}

impl<'de> Deserialize<'de> for AttributeList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AttributeListVisitor)
    }
}

struct AttributeListVisitor;

impl<'de> Visitor<'de> for AttributeListVisitor {
    type Value = AttributeList;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of attributes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AttributeList, A::Error> {
        let mut list = AttributeList::default();
        let mut counts = Counts::default();
        while list.items.len() < MAX_ATTRIBUTES {
            let mut budget = Budget::new();
            let entry = Entry {
                depth: 0,
                budget: &mut budget,
            };
            let Some(mut attribute) = seq.next_element_seed(entry)? else {
                list.truncated += counts.truncated;
                return Ok(list);
            };
            attribute.key = bounded_text(&attribute.key, &mut counts);
            list.truncated += u64::from(budget.exceeded);
            list.items.push(attribute);
        }
        list.truncated += counts.truncated;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            list.dropped = list.dropped.saturating_add(1);
        }
        Ok(list)
    }
}

/// Reads one `KeyValue` that has `depth` arrays and maps around it.
struct Entry<'b> {
    depth: usize,
    budget: &'b mut Budget,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EntryField {
    Key,
    Value,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = Attribute;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attribute, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entry<'_> {
    type Value = Attribute;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attribute, A::Error> {
        let (mut key, mut value) = (String::new(), Value::Null);
        while let Some(field) = map.next_key()? {
            match field {
                EntryField::Key => {
                    key = map.next_value::<Option<String>>()?.unwrap_or_default();
                    // The key of an attribute itself has a limit of its own.
                    if self.depth > 0 {
                        key.truncate(self.budget.take_text(&key).len());
                    }
                }
                EntryField::Value => {
                    value = map.next_value_seed(Any {
                        depth: self.depth,
                        budget: self.budget,
                    })?;
                }
                EntryField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Attribute { key, value })
    }
}

/// Reads an `AnyValue` that has `depth` arrays and maps around it.
struct Any<'b> {
    depth: usize,
    budget: &'b mut Budget,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum AnyField {
    ArrayValue,
    BoolValue,
    BytesValue,
    DoubleValue,
    IntValue,
    KvlistValue,
    StringValue,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an attribute value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Any { depth, budget } = self;
        let mut value = Value::Null;
        while let Some(field) = map.next_key()? {
            value = match field {
                AnyField::StringValue => {
                    let mut text = map.next_value::<String>()?;
                    text.truncate(budget.take_text(&text).len());
                    Value::String(text)
                }
                AnyField::BoolValue => Value::Bool(map.next_value()?),
                AnyField::IntValue => Value::Int(map.next_value::<SignedInt>()?.0),
                AnyField::DoubleValue => Value::Double(map.next_value::<Double>()?.0),
                AnyField::BytesValue => {
                    let text = map.next_value::<String>()?;
                    let mut bytes = STANDARD
                        .decode(&text)
                        .or_else(|_| URL_SAFE.decode(&text))
                        .map_err(|_| A::Error::custom("bytes are not base64"))?;
                    bytes.truncate(budget.take_bytes(&bytes).len());
                    Value::Bytes(bytes)
                }
                AnyField::ArrayValue | AnyField::KvlistValue if depth >= MAX_DEPTH => {
                    budget.too_deep();
                    map.next_value::<IgnoredAny>()?;
                    Value::Null
                }
                AnyField::ArrayValue => {
                    let list = Value::Array(Vec::new());
                    map.next_value_seed(List {
                        depth: depth + 1,
                        budget,
                        list,
                    })?
                }
                AnyField::KvlistValue => {
                    let list = Value::Map(Vec::new());
                    map.next_value_seed(List {
                        depth: depth + 1,
                        budget,
                        list,
                    })?
                }
                AnyField::Other => {
                    map.next_value::<IgnoredAny>()?;
                    value
                }
            };
        }
        Ok(value)
    }
}

/// Reads `{"values": [..]}` into `list`, which says by its variant what the elements are.
struct List<'b> {
    depth: usize,
    budget: &'b mut Budget,
    list: Value,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ListField {
    Values,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Self {
            depth,
            budget,
            mut list,
        } = self;
        while let Some(field) = map.next_key()? {
            match field {
                ListField::Values => {
                    list = map.next_value_seed(Elements {
                        depth,
                        budget: &mut *budget,
                        list,
                    })?;
                }
                ListField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(list)
    }
}

/// Reads the elements of `values` into `list`, skipping those the budget has no room for.
struct Elements<'b> {
    depth: usize,
    budget: &'b mut Budget,
    list: Value,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(self.list)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let Self {
            depth,
            budget,
            mut list,
        } = self;
        match &mut list {
            Value::Array(values) => {
                while let Some(element) = seq.next_element_seed(WithinBudget(Any {
                    depth,
                    budget: &mut *budget,
                }))? {
                    values.extend(element);
                }
            }
            Value::Map(entries) => {
                while let Some(element) = seq.next_element_seed(WithinBudget(Entry {
                    depth,
                    budget: &mut *budget,
                }))? {
                    entries.extend(element);
                }
            }
            _ => while seq.next_element::<IgnoredAny>()?.is_some() {},
        }
        Ok(list)
    }
}

/// Reads an element if the budget has a node left, else skips it.
struct WithinBudget<S>(S);

/// Gives access to the budget a seed carries.
trait Spends {
    fn budget(&mut self) -> &mut Budget;
}

impl Spends for Any<'_> {
    fn budget(&mut self) -> &mut Budget {
        self.budget
    }
}

impl Spends for Entry<'_> {
    fn budget(&mut self) -> &mut Budget {
        self.budget
    }
}

impl<'de, S: DeserializeSeed<'de> + Spends> DeserializeSeed<'de> for WithinBudget<S> {
    type Value = Option<S::Value>;
    fn deserialize<D: Deserializer<'de>>(
        mut self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        if self.0.budget().take_node() {
            return self.0.deserialize(deserializer).map(Some);
        }
        IgnoredAny::deserialize(deserializer)?;
        Ok(None)
    }
}
