//! The visitors that collect the fields of spans and events.

use std::{error::Error, fmt, ops::Range};

use ::tracing::field::{Field, Visit};
use opentelemetry::trace::SpanKind;
use tracer_core::{AttributeRef, Span, ValueRef};

use super::fields::{Fields, Item};

/// Collects the fields of a span.
pub(super) struct SpanVisitor<'a> {
    fields: &'a mut Fields,
    /// A new span, which gets the attributes at once.
    span: Option<&'a mut Span>,
}

/// Collects the fields of an event.
pub(super) struct EventVisitor<'a>(pub(super) &'a mut Fields);

impl<'a> SpanVisitor<'a> {
    /// Collects the fields of a span that other code may use, and which must not be locked meanwhile.
    pub(super) fn existing(fields: &'a mut Fields) -> Self {
        Self { fields, span: None }
    }

    /// Collects the fields of a new span, which gets its attributes at once.
    pub(super) fn new(fields: &'a mut Fields, span: &'a mut Span) -> Self {
        let span = Some(span);
        Self { fields, span }
    }

    /// Returns `false`, because only text fields are special, as in `tracing-opentelemetry`.
    fn is_special(_: &str) -> bool {
        false
    }

    fn fields(&mut self) -> &mut Fields {
        self.fields
    }

    #[inline(always)]
    fn push(&mut self, name: &'static str, item: Item) {
        match &mut self.span {
            Some(span) => span.set_attribute_ref(AttributeRef::new(name, self.fields.value(&item))),
            None => self.fields.push(name, item),
        }
    }

    fn push_str(&mut self, name: &'static str, value: &str) {
        match (name.strip_prefix("otel."), &mut self.span) {
            (Some("kind"), _) => self.fields.kind = kind(value),
            (Some("status_code"), _) => self.fields.is_ok = is_ok(value),
            (None, Some(span)) => {
                span.set_attribute_ref(AttributeRef::new(name, ValueRef::Str(value)));
            }
            _ => {
                let text = self.fields.put(value);
                self.push_text(name, text);
            }
        }
    }

    fn push_text(&mut self, name: &'static str, text: Range<usize>) {
        let fields = &mut *self.fields;
        match name.strip_prefix("otel.") {
            Some("name") => fields.name = Some(text),
            Some("status_description") => fields.description = Some(text),
            Some("kind") => fields.kind = kind(fields.text(&text)),
            Some("status_code") => fields.is_ok = is_ok(fields.text(&text)),
            _ => self.push(name, Item::Text(text)),
        }
    }

    fn push_error(&mut self, name: &'static str, error: &(dyn Error + 'static)) {
        self.fields.push_error(name, error);
        if let Some(span) = &mut self.span {
            self.fields
                .attributes()
                .for_each(|attribute| span.set_attribute_ref(attribute));
            self.fields.clear_attributes();
        }
    }
}

impl EventVisitor<'_> {
    /// Returns whether a number or a `bool` is collected as text.
    fn is_special(name: &str) -> bool {
        name == "message" || name.starts_with("log.")
    }

    fn fields(&mut self) -> &mut Fields {
        self.0
    }

    fn push(&mut self, name: &'static str, item: Item) {
        self.0.push(name, item);
    }

    fn push_str(&mut self, name: &'static str, value: &str) {
        let text = self.0.put(value);
        self.push_text(name, text);
    }

    fn push_text(&mut self, name: &'static str, text: Range<usize>) {
        match name {
            "message" => self.0.message = Some(text),
            "error" if self.0.message.is_none() => self.0.error = Some(text),
            // What `tracing-log` says of a record's place: the event's metadata has it.
            name if name.starts_with("log.") => {}
            name => self.0.push(name, Item::Text(text)),
        }
    }

    fn push_error(&mut self, name: &'static str, error: &(dyn Error + 'static)) {
        self.0.push_error(name, error);
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
                self.push(field.name(), Item::F64(value));
            }

            fn record_i64(&mut self, field: &Field, value: i64) {
                if Self::is_special(field.name()) {
                    return self.record_debug(field, &value);
                }
                self.push(field.name(), Item::I64(value));
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
                self.push(field.name(), Item::Bool(value));
            }

            fn record_str(&mut self, field: &Field, value: &str) {
                self.push_str(field.name(), value);
            }

            fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
                self.push_error(field.name(), value);
            }

            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if let Some(text) = self.fields().write(format_args!("{value:?}")) {
                    self.push_text(field.name(), text);
                }
            }
        }
    };
}

visit!(EventVisitor);
visit!(SpanVisitor);

/// A text of `otel.kind`.
fn kind(text: &str) -> Option<SpanKind> {
    [
        ("client", SpanKind::Client),
        ("consumer", SpanKind::Consumer),
        ("internal", SpanKind::Internal),
        ("producer", SpanKind::Producer),
        ("server", SpanKind::Server),
    ]
    .into_iter()
    .find_map(|(known, kind)| text.eq_ignore_ascii_case(known).then_some(kind))
}

/// A text of `otel.status_code`: whether it is `ok`.
fn is_ok(text: &str) -> Option<bool> {
    let is_ok = text.eq_ignore_ascii_case("ok");
    (is_ok || text.eq_ignore_ascii_case("error")).then_some(is_ok)
}
