//! The fields of a span or an event, collected before anything is locked.
//!
//! Formatting a field runs code of the application, which may panic, log, or make spans itself. So
//! it happens here, into memory of its own that the thread keeps, and only then is the span touched.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Write as _},
    ops::Range,
};

use opentelemetry::{StringValue, Value, trace::SpanKind};
use tracer_core::{AttributeRef, ValueRef};

use crate::panic_guard::catch_panic;

/// Sources of an error that are followed: one that is its own source has no last one.
const MAX_CAUSES: usize = 32;

/// What one `Debug` or `Display` may write: the rest is cut, so that one without an end ends.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// More than that is not kept for the next span: one long field must not hold memory for good.
const KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    static SPARE: Cell<Option<Box<Fields>>> = const { Cell::new(None) };
}

/// Runs `work` with empty fields, which the thread reuses. What `work` calls may do so too.
pub(super) fn with<T>(work: impl FnOnce(&mut Fields) -> T) -> T {
    let mut fields = SPARE
        .try_with(Cell::take)
        .ok()
        .flatten()
        .unwrap_or_default();
    let result = work(&mut fields);
    fields.clear();
    if fields.text.capacity() <= KEPT_BYTES {
        // In a thread that is torn down it is freed.
        let _ = SPARE.try_with(|spare| spare.set(Some(fields)));
    }
    result
}

/// Appends the output of user code, at most [`MAX_TEXT_BYTES`]. Returns whether that succeeded or was cut.
fn write(text: &mut String, value: fmt::Arguments<'_>) -> bool {
    let end = text.len() + MAX_TEXT_BYTES;
    let mut limited = Limited {
        text,
        end,
        is_full: false,
    };
    matches!(catch_panic(|| limited.write_fmt(value)), Some(Ok(()))) || limited.is_full
}

struct Limited<'t> {
    text: &'t mut String,
    end: usize,
    is_full: bool,
}

impl fmt::Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.end.saturating_sub(self.text.len());
        let fits = text.get(..text.floor_char_boundary(room));
        self.text.push_str(fits.unwrap_or_default());
        self.is_full |= text.len() > room;
        match self.is_full {
            true => Err(fmt::Error),
            false => Ok(()),
        }
    }
}

/// The collected fields.
#[derive(Default)]
pub(super) struct Fields {
    text: String,
    attributes: Vec<(Name, Item)>,
    /// `otel.name`.
    pub(super) name: Option<Range<usize>>,
    /// `otel.kind`.
    pub(super) kind: Option<SpanKind>,
    /// `otel.status_code`: whether it is `ok`. Others leave it unset.
    pub(super) is_ok: Option<bool>,
    /// `otel.status_description`.
    pub(super) description: Option<Range<usize>>,
    /// `message`, of an event.
    pub(super) message: Option<Range<usize>>,
    /// An `error` that came before any message, of an event.
    pub(super) error: Option<Range<usize>>,
    /// An error value: its message, and its causes.
    pub(super) exception: Option<(Range<usize>, Value)>,
}

enum Name {
    Static(&'static str),
    Text(Range<usize>),
}

pub(super) enum Item {
    Bool(bool),
    F64(f64),
    I64(i64),
    Other(Value),
    Text(Range<usize>),
}

impl Fields {
    /// Drops the attributes alone.
    pub(super) fn clear_attributes(&mut self) {
        self.attributes.clear();
    }

    fn clear(&mut self) {
        let Self {
            text,
            attributes,
            name,
            kind,
            is_ok,
            description,
            message,
            error,
            exception,
        } = self;
        text.clear();
        attributes.clear();
        (*kind, *is_ok) = (None, None);
        for range in [name, description, message, error] {
            *range = None;
        }
        *exception = None;
    }

    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The attributes, borrowed.
    pub(super) fn attributes(&self) -> impl Iterator<Item = AttributeRef<'_>> {
        self.attributes.iter().map(|(name, item)| {
            let name = match name {
                Name::Static(name) => name,
                Name::Text(range) => self.text(range),
            };
            AttributeRef::new(name, self.value(item))
        })
    }

    #[inline]
    pub(super) fn value<'a>(&'a self, item: &'a Item) -> ValueRef<'a> {
        match item {
            Item::Bool(bool) => ValueRef::Bool(*bool),
            Item::F64(double) => ValueRef::F64(*double),
            Item::I64(int) => ValueRef::I64(*int),
            Item::Other(value) => ValueRef::Other(value),
            Item::Text(range) => ValueRef::Str(self.text(range)),
        }
    }

    pub(super) fn push_str(&mut self, name: &'static str, value: &str) {
        let range = self.put(value);
        self.push(name, Item::Text(range));
    }

    pub(super) fn push_int(&mut self, name: &'static str, value: i64) {
        self.push(name, Item::I64(value));
    }

    pub(super) fn push_text(&mut self, name: &'static str, text: Range<usize>) {
        self.push(name, Item::Text(text));
    }

    pub(super) fn push(&mut self, name: &'static str, item: Item) {
        self.attributes.push((Name::Static(name), item));
    }

    pub(super) fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Writes the output of user code. Returns `None` if it panics or fails; the field is then lost.
    pub(super) fn write(&mut self, value: fmt::Arguments<'_>) -> Option<Range<usize>> {
        let start = self.text.len();
        if write(&mut self.text, value) {
            return Some(start..self.text.len());
        }
        self.text.truncate(start);
        None
    }

    /// The exception attributes of an error value, and the error itself under its field's name.
    pub(super) fn push_error(&mut self, field: &'static str, error: &(dyn Error + 'static)) {
        let Some(message) = self.write(format_args!("{error}")) else {
            return;
        };
        let causes = catch_panic(|| {
            let mut causes = Vec::new();
            let mut source = error.source();
            while let Some(cause) = source.filter(|_| causes.len() < MAX_CAUSES) {
                let mut text = String::new();
                let _ = write(&mut text, format_args!("{cause}"));
                causes.push(StringValue::from(text));
                source = cause.source();
            }
            causes
        });
        let causes = Value::Array(causes.unwrap_or_default().into());
        self.push(field, Item::Text(message.clone()));
        let start = self.text.len();
        self.text.push_str(field);
        self.text.push_str(".chain");
        let name = Name::Text(start..self.text.len());
        self.attributes.push((name, Item::Other(causes.clone())));
        self.exception = Some((message, causes));
    }

    /// Adds the attributes of the semantic conventions for the error value, if there was one.
    pub(super) fn push_exception(&mut self) {
        if let Some((message, causes)) = &self.exception {
            let (message, causes) = (message.clone(), causes.clone());
            self.push("exception.message", Item::Text(message));
            self.push("exception.stacktrace", Item::Other(causes));
        }
    }

    /// The same, borrowed.
    pub(super) fn exception_attributes(&self) -> impl Iterator<Item = AttributeRef<'_>> {
        self.exception.iter().flat_map(|(message, causes)| {
            let message = ValueRef::Str(self.text(message));
            [
                AttributeRef::new("exception.message", message),
                AttributeRef::new("exception.stacktrace", ValueRef::Other(causes)),
            ]
        })
    }
}
