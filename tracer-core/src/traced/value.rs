//! The values of attributes, as the macros take them.

use std::{borrow::Cow, fmt, rc::Rc, sync::Arc};

use opentelemetry::{Array, StringValue, Value};

use self::AttributeValue::{Borrowed, Made};
use crate::record::ValueRef;

/// The limit of formatted text, in bytes: one character more than the 4096 that a span keeps by
/// default, of four bytes each. So a large argument is not formatted in full only to be cut. The
/// text is still longer than the span's limit, so that the span counts it as cut.
const MAX_TEXT_BYTES: usize = 4 * 4097;

/// The value of an attribute, as the macros record it. A span copies the value, so a value that
/// exists already need not be owned.
pub enum AttributeValue<'a> {
    /// A value that exists already.
    Borrowed(ValueRef<'a>),
    /// A value that was made for the span.
    Made(Value),
}

impl AttributeValue<'_> {
    /// Returns the value in the form that a span takes.
    #[inline]
    pub(crate) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Borrowed(value) => *value,
            Self::Made(value) => value.into(),
        }
    }
}

impl From<AttributeValue<'_>> for Value {
    fn from(value: AttributeValue<'_>) -> Self {
        match value {
            AttributeValue::Borrowed(ValueRef::Bool(bool)) => Self::Bool(bool),
            AttributeValue::Borrowed(ValueRef::F64(double)) => Self::F64(double),
            AttributeValue::Borrowed(ValueRef::I64(int)) => Self::I64(int),
            AttributeValue::Borrowed(ValueRef::Other(other)) => other.clone(),
            AttributeValue::Borrowed(ValueRef::Str(text)) => {
                cut(text, MAX_TEXT_BYTES).to_owned().into()
            }
            AttributeValue::Made(value) => value,
        }
    }
}

/// A value whose type is that of an attribute, or can be converted to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of an attribute",
    label = "not a boolean, number, text or array",
    note = "in `span!`, convert it: `format!(\"{{value:?}}\")`, `value.to_string()`, or `value.as_secs_f64()` for a `Duration`",
    note = "in `fields(..)` of `#[traced]`, `?value` records it by `Debug`, `%value` by `Display`"
)]
pub trait ToAttribute {
    /// Returns the value.
    fn value(&self) -> AttributeValue<'_>;
}

/// An argument that is recorded by `Debug`. `Name` is a type named like the argument, for the
/// compiler's message.
#[diagnostic::on_unimplemented(
    message = "the argument `{Name}` cannot be recorded: `{Self}` does not implement `Debug`",
    label = "leave it out with `skip({Name})`",
    note = "`#[traced(skip({Name}))]` records the other arguments, `skip_all` none"
)]
pub trait Argument<Name> {
    /// Returns the value.
    fn recorded(&self) -> AttributeValue<'_>;
}

#[diagnostic::do_not_recommend]
impl<Name, T: fmt::Debug + ?Sized> Argument<Name> for T {
    fn recorded(&self) -> AttributeValue<'_> {
        debug(self)
    }
}

/// Returns an argument as its `Debug` text.
pub fn argument<Name, T: Argument<Name> + ?Sized>(value: &T) -> AttributeValue<'_> {
    value.recorded()
}

/// An error that is recorded by `Display`.
#[diagnostic::on_unimplemented(
    message = "`err` cannot record `{Self}`: it does not implement `Display`",
    label = "record it with `err(Debug)`"
)]
pub trait DisplayedError {
    /// Returns the value.
    fn recorded(&self) -> AttributeValue<'_>;
}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + ?Sized> DisplayedError for T {
    fn recorded(&self) -> AttributeValue<'_> {
        display(self)
    }
}

/// Returns an error as its `Display` text.
pub fn displayed_error<T: DisplayedError + ?Sized>(value: &T) -> AttributeValue<'_> {
    value.recorded()
}

/// A result that is recorded by `Debug`.
#[diagnostic::on_unimplemented(
    message = "`ret` cannot record `{Self}`: it does not implement `Debug`",
    label = "record it with `ret(Display)`, or remove `ret`"
)]
pub trait DebuggedResult {
    /// Returns the value.
    fn recorded(&self) -> AttributeValue<'_>;
}

#[diagnostic::do_not_recommend]
impl<T: fmt::Debug + ?Sized> DebuggedResult for T {
    fn recorded(&self) -> AttributeValue<'_> {
        debug(self)
    }
}

/// Returns a result as its `Debug` text.
pub fn debugged_result<T: DebuggedResult + ?Sized>(value: &T) -> AttributeValue<'_> {
    value.recorded()
}

/// Returns a value with its own type.
pub fn typed<T: ToAttribute + ?Sized>(value: &T) -> AttributeValue<'_> {
    value.value()
}

/// Returns the `Debug` text of a value.
pub fn debug<T: fmt::Debug + ?Sized>(value: &T) -> AttributeValue<'_> {
    AttributeValue::Made(text(format_args!("{value:?}")).into())
}

/// Returns the `Display` text of a value.
pub fn display<T: fmt::Display + ?Sized>(value: &T) -> AttributeValue<'_> {
    AttributeValue::Made(text(format_args!("{value}")).into())
}

impl ToAttribute for AttributeValue<'_> {
    fn value(&self) -> AttributeValue<'_> {
        AttributeValue::Borrowed(self.as_ref())
    }
}

macro_rules! typed {
    ($($type:ty: $value:expr;)*) => {
        $(impl ToAttribute for $type {
            #[inline]
            fn value(&self) -> AttributeValue<'_> {
                let value: fn(&$type) -> AttributeValue<'_> = $value;
                value(self)
            }
        })*
    };
}

typed! {
    bool: |value| Borrowed(ValueRef::Bool(*value));
    f32: |value| Borrowed(ValueRef::F64(f64::from(*value)));
    f64: |value| Borrowed(ValueRef::F64(*value));
    i8: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    i16: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    i32: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    i64: |value| Borrowed(ValueRef::I64(*value));
    i128: |value| integer(*value);
    isize: |value| integer(*value);
    u8: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    u16: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    u32: |value| Borrowed(ValueRef::I64(i64::from(*value)));
    u64: |value| integer(*value);
    u128: |value| integer(*value);
    usize: |value| integer(*value);
    char: |value| Made(String::from(*value).into());
    str: |value| Borrowed(ValueRef::Str(value));
    String: |value| Borrowed(ValueRef::Str(value));
    StringValue: |value| Borrowed(ValueRef::Str(value.as_str()));
    Value: |value| Borrowed(value.into());
    Array: |value| Made(Value::Array(value.clone()));
    Vec<bool>: |value| Made(Value::Array(value.clone().into()));
    Vec<f64>: |value| Made(Value::Array(value.clone().into()));
    Vec<i64>: |value| Made(Value::Array(value.clone().into()));
    Vec<StringValue>: |value| Made(Value::Array(value.clone().into()));
}

/// Converts an integer. One that does not fit into an `i64` becomes decimal text (common/README.md
/// "Mapping to AnyValue": "Integer values").
fn integer<N: TryInto<i64> + Copy + fmt::Display>(value: N) -> AttributeValue<'static> {
    match value.try_into() {
        Ok(value) => Borrowed(ValueRef::I64(value)),
        Err(_) => Made(value.to_string().into()),
    }
}

impl<T: ToAttribute + ToOwned + ?Sized> ToAttribute for Cow<'_, T> {
    fn value(&self) -> AttributeValue<'_> {
        T::value(self)
    }
}

macro_rules! typed_behind {
    ($($pointer:ty),*) => {
        $(impl<T: ToAttribute + ?Sized> ToAttribute for $pointer {
            #[inline]
            fn value(&self) -> AttributeValue<'_> {
                T::value(self)
            }
        })*
    };
}

typed_behind!(&T, &mut T, Arc<T>, Box<T>, Rc<T>);

fn text(text: fmt::Arguments<'_>) -> String {
    let mut bounded = Bounded(String::new());
    // Ignored: writing fails if the text is too long, or if the value's own code fails. The text
    // that was written until then is kept.
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
