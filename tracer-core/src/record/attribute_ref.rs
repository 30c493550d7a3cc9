//! Borrowed attributes. A span encodes an attribute at once, so the attribute need not be owned.

use std::fmt;

use opentelemetry::{KeyValue, Value};

/// An attribute with a borrowed key and value, so that setting it on a span allocates nothing.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// use tracer_core::{AttributeRef, ValueRef};
///
/// let provider = tracer_core::TracerProvider::builder().build()?;
/// let mut span = provider.tracer("shop").start("checkout");
/// let user = String::from("user-7");
/// span.set_attribute_ref(AttributeRef::new("user.id", ValueRef::Str(&user)));
/// let stored = span.record().and_then(|record| record.attribute("user.id"));
/// assert_eq!(stored, Some("user-7".into()));
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
pub struct AttributeRef<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: ValueRef<'a>,
}

impl<'a> AttributeRef<'a> {
    /// A placeholder for the elements of an array that is not filled yet.
    pub const EMPTY: Self = Self {
        key: "",
        value: ValueRef::Bool(false),
    };

    /// Creates an attribute. A span drops and counts an attribute with an empty key.
    #[inline]
    pub fn new(key: &'a str, value: ValueRef<'a>) -> Self {
        Self { key, value }
    }

    /// Copies the attribute into an owned one.
    pub(crate) fn to_key_value(self) -> KeyValue {
        let value = match self.value {
            ValueRef::Bool(bool) => Value::Bool(bool),
            ValueRef::F64(double) => Value::F64(double),
            ValueRef::I64(int) => Value::I64(int),
            ValueRef::Other(value) => value.clone(),
            ValueRef::Str(string) => Value::String(string.to_owned().into()),
        };
        KeyValue::new(self.key.to_owned(), value)
    }
}

// Only keys, because values may be secret.
impl fmt::Debug for AttributeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttributeRef")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The value of an [`AttributeRef`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A boolean.
    Bool(bool),
    /// A floating point number.
    F64(f64),
    /// An integer.
    I64(i64),
    /// Any other value of the API, which is an array.
    Other(&'a Value),
    /// A string.
    Str(&'a str),
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Bool(_) => "Bool",
            Self::F64(_) => "F64",
            Self::I64(_) => "I64",
            Self::Other(_) => "Other",
            Self::Str(_) => "Str",
        };
        f.debug_tuple(kind).finish_non_exhaustive()
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(bool) => Self::Bool(*bool),
            Value::F64(double) => Self::F64(*double),
            Value::I64(int) => Self::I64(*int),
            Value::String(string) => Self::Str(string.as_str()),
            other => Self::Other(other),
        }
    }
}

/// A type that can be encoded as an attribute.
pub(crate) trait Attribute {
    fn key(&self) -> &str;
    fn value(&self) -> ValueRef<'_>;
}

impl Attribute for KeyValue {
    #[inline]
    fn key(&self) -> &str {
        self.key.as_str()
    }

    #[inline]
    fn value(&self) -> ValueRef<'_> {
        (&self.value).into()
    }
}

impl Attribute for AttributeRef<'_> {
    #[inline]
    fn key(&self) -> &str {
        self.key
    }

    // Variant by variant: a copy of the whole value, right after its parts were written, would
    // stall until those writes are done.
    #[inline]
    fn value(&self) -> ValueRef<'_> {
        match self.value {
            ValueRef::Bool(bool) => ValueRef::Bool(bool),
            ValueRef::F64(double) => ValueRef::F64(double),
            ValueRef::I64(int) => ValueRef::I64(int),
            ValueRef::Other(value) => ValueRef::Other(value),
            ValueRef::Str(string) => ValueRef::Str(string),
        }
    }
}
