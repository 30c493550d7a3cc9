//! The fields of a span or an event, collected before anything is locked.
//!
//! Formatting a field runs code of the application, which may panic, log, or make spans itself. So
//! it happens here, into memory of its own that the thread keeps, and only then is the span touched.

use std::{
    cell::Cell,
    error::Error,
    fmt::{self, Write as _},
    mem,
    ops::Range,
};

use ::tracing::field::{Field, Visit};
use opentelemetry::{StringValue, Value, trace::SpanKind};
use tracer_core::{AttributeRef, ValueRef};

use crate::foreign::isolated;

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

/// Appends what foreign code says, at most [`MAX_TEXT_BYTES`]; whether it succeeds or is cut.
fn write(text: &mut String, value: fmt::Arguments<'_>) -> bool {
    let end = text.len() + MAX_TEXT_BYTES;
    let mut limited = Limited {
        text,
        end,
        is_full: false,
    };
    matches!(isolated(|| limited.write_fmt(value)), Some(Ok(()))) || limited.is_full
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

/// What the fields said.
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

enum Item {
    Bool(bool),
    F64(f64),
    I64(i64),
    Other(Value),
    Text(Range<usize>),
}

impl Fields {
    fn clear(&mut self) {
        let (mut text, mut attributes) =
            (mem::take(&mut self.text), mem::take(&mut self.attributes));
        text.clear();
        attributes.clear();
        *self = Self {
            text,
            attributes,
            ..Self::default()
        };
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
            AttributeRef::new(
                name,
                match item {
                    Item::Bool(bool) => ValueRef::Bool(*bool),
                    Item::F64(double) => ValueRef::F64(*double),
                    Item::I64(int) => ValueRef::I64(*int),
                    Item::Other(value) => ValueRef::Other(value),
                    Item::Text(range) => ValueRef::Str(self.text(range)),
                },
            )
        })
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

    fn push(&mut self, name: &'static str, item: Item) {
        self.attributes.push((Name::Static(name), item));
    }

    fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Writes what foreign code says. `None` if it panics or fails, which then costs this field.
    fn write(&mut self, value: fmt::Arguments<'_>) -> Option<Range<usize>> {
        let start = self.text.len();
        if write(&mut self.text, value) {
            return Some(start..self.text.len());
        }
        self.text.truncate(start);
        None
    }

    /// The exception attributes of an error value, and the error itself under its field's name.
    fn push_error(&mut self, field: &'static str, error: &(dyn Error + 'static)) {
        let Some(message) = self.write(format_args!("{error}")) else {
            return;
        };
        let causes = isolated(|| {
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

    fn set_kind(&mut self, kind: &str) {
        self.kind = [
            SpanKind::Client,
            SpanKind::Consumer,
            SpanKind::Internal,
            SpanKind::Producer,
            SpanKind::Server,
        ]
        .into_iter()
        .find(|known| {
            let known = match known {
                SpanKind::Client => "client",
                SpanKind::Consumer => "consumer",
                SpanKind::Internal => "internal",
                SpanKind::Producer => "producer",
                SpanKind::Server => "server",
            };
            kind.eq_ignore_ascii_case(known)
        });
    }

    fn set_code(&mut self, code: &str) {
        self.is_ok = if code.eq_ignore_ascii_case("ok") {
            Some(true)
        } else if code.eq_ignore_ascii_case("error") {
            Some(false)
        } else {
            None
        };
    }
}

/// Collects the fields of a span.
pub(super) struct OfSpan<'a>(pub(super) &'a mut Fields);

/// Collects the fields of an event.
pub(super) struct OfEvent<'a>(pub(super) &'a mut Fields);

impl OfSpan<'_> {
    /// Those that are text are special only, as in `tracing-opentelemetry`.
    fn is_special(_: &str) -> bool {
        false
    }

    /// A text of one of the fields that say something of the span itself.
    fn special(&mut self, name: &str, text: &Range<usize>) -> bool {
        let Some(special) = name.strip_prefix("otel.") else {
            return false;
        };
        match special {
            "name" => self.0.name = Some(text.clone()),
            "status_description" => self.0.description = Some(text.clone()),
            "kind" => {
                let kind = self.0.text(text).to_owned();
                self.0.set_kind(&kind);
            }
            "status_code" => {
                let code = self.0.text(text).to_owned();
                self.0.set_code(&code);
            }
            _ => return false,
        }
        true
    }
}

impl OfEvent<'_> {
    /// Whether a number or a `bool` is taken as its text.
    fn is_special(name: &str) -> bool {
        name == "message" || name.starts_with("log.")
    }

    /// A text of one of the fields that say something of the event itself.
    fn special(&mut self, name: &str, text: &Range<usize>) -> bool {
        match name {
            "message" => self.0.message = Some(text.clone()),
            "error" if self.0.message.is_none() => self.0.error = Some(text.clone()),
            // What `tracing-log` says of a record's place: the event's metadata has it.
            name => return name.starts_with("log."),
        }
        true
    }
}

/// Whole numbers that fit the 64 bits with sign of an attribute are numbers, others text.
macro_rules! visit {
    ($visitor:ident) => {
        impl Visit for $visitor<'_> {
            fn record_f64(&mut self, field: &Field, value: f64) {
                if Self::is_special(field.name()) {
                    return self.record_debug(field, &value);
                }
                self.0.push(field.name(), Item::F64(value));
            }

            fn record_i64(&mut self, field: &Field, value: i64) {
                if Self::is_special(field.name()) {
                    return self.record_debug(field, &value);
                }
                self.0.push(field.name(), Item::I64(value));
            }

            fn record_u64(&mut self, field: &Field, value: u64) {
                match i64::try_from(value) {
                    Ok(value) => self.record_i64(field, value),
                    Err(_) => self.record_debug(field, &value),
                }
            }

            fn record_i128(&mut self, field: &Field, value: i128) {
                match i64::try_from(value) {
                    Ok(value) => self.record_i64(field, value),
                    Err(_) => self.record_debug(field, &value),
                }
            }

            fn record_u128(&mut self, field: &Field, value: u128) {
                match i64::try_from(value) {
                    Ok(value) => self.record_i64(field, value),
                    Err(_) => self.record_debug(field, &value),
                }
            }

            fn record_bool(&mut self, field: &Field, value: bool) {
                if Self::is_special(field.name()) {
                    return self.record_debug(field, &value);
                }
                self.0.push(field.name(), Item::Bool(value));
            }

            fn record_str(&mut self, field: &Field, value: &str) {
                let text = self.0.put(value);
                if !self.special(field.name(), &text) {
                    self.0.push(field.name(), Item::Text(text));
                }
            }

            fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
                self.0.push_error(field.name(), value);
            }

            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                let Some(text) = self.0.write(format_args!("{value:?}")) else {
                    return;
                };
                if !self.special(field.name(), &text) {
                    self.0.push(field.name(), Item::Text(text));
                }
            }
        }
    };
}

visit!(OfEvent);
visit!(OfSpan);
