//! Values as attributes.

use std::{borrow::Cow, fmt, rc::Rc, sync::Arc};

use opentelemetry::{Array, StringValue, Value};

/// Text of an attribute ends here, in bytes: a character more than the 4096 that a span keeps by
/// default, four bytes each. So a large argument is neither written nor copied in full to be cut,
/// and the span still sees, and counts, that it was too long.
const MAX_TEXT_BYTES: usize = 4 * 4097;

/// A value of a type that attributes have, or that fits one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of an attribute",
    note = "`?value` records it by `Debug`, `%value` by `Display`"
)]
pub trait Typed {
    /// The value.
    fn value(&self) -> Value;
}

/// By its own type.
pub fn typed<T: Typed + ?Sized>(value: &T) -> Value {
    value.value()
}

/// By `Debug`.
pub fn debug<T: fmt::Debug + ?Sized>(value: &T) -> Value {
    text(format_args!("{value:?}")).into()
}

/// By `Display`.
pub fn display<T: fmt::Display + ?Sized>(value: &T) -> Value {
    text(format_args!("{value}")).into()
}

macro_rules! typed {
    ($($type:ty: $value:expr;)*) => {
        $(impl Typed for $type {
            fn value(&self) -> Value {
                let value: fn(&$type) -> Value = $value;
                value(self)
            }
        })*
    };
}

typed! {
    bool: |value| Value::Bool(*value);
    f32: |value| Value::F64(f64::from(*value));
    f64: |value| Value::F64(*value);
    i8: |value| Value::I64(i64::from(*value));
    i16: |value| Value::I64(i64::from(*value));
    i32: |value| Value::I64(i64::from(*value));
    i64: |value| Value::I64(*value);
    i128: |value| integer(*value);
    isize: |value| integer(*value);
    u8: |value| Value::I64(i64::from(*value));
    u16: |value| Value::I64(i64::from(*value));
    u32: |value| Value::I64(i64::from(*value));
    u64: |value| integer(*value);
    u128: |value| integer(*value);
    usize: |value| integer(*value);
    char: |value| String::from(*value).into();
    str: |value| String::from(cut(value, MAX_TEXT_BYTES)).into();
    String: |value| value.as_str().value();
    StringValue: |value| Value::String(value.clone());
    Array: |value| Value::Array(value.clone());
    Value: Value::clone;
}

/// What does not fit 64 bits with a sign is written in decimals (common/README.md "Mapping to
/// AnyValue": "Integer values").
fn integer<N: TryInto<i64> + Copy + fmt::Display>(value: N) -> Value {
    match value.try_into() {
        Ok(value) => Value::I64(value),
        Err(_) => value.to_string().into(),
    }
}

impl<T: Typed + ToOwned + ?Sized> Typed for Cow<'_, T> {
    fn value(&self) -> Value {
        self.as_ref().value()
    }
}

macro_rules! typed_behind {
    ($($pointer:ty),*) => {
        $(impl<T: Typed + ?Sized> Typed for $pointer {
            fn value(&self) -> Value {
                T::value(self)
            }
        })*
    };
}

typed_behind!(&T, &mut T, Arc<T>, Box<T>, Rc<T>);

fn text(text: fmt::Arguments<'_>) -> String {
    let mut bounded = Bounded(String::new());
    // It fails where the text is too long, and where the value's own code does: what is there then is
    // what there is.
    let _ = fmt::write(&mut bounded, text);
    bounded.0
}

struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = MAX_TEXT_BYTES - self.0.len();
        let fits = cut(part, room);
        self.0.push_str(fits);
        if fits.len() < part.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

fn cut(text: &str, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default()
}
