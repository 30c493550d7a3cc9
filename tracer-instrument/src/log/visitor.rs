//! The visitor that writes the fields of an event to a line.

use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::line::{Escape, Line, Syntax};

/// The field that is the text of an event.
const MESSAGE: &str = "message";

/// The prefix of fields that `tracing-log` adds to a log record. They are metadata, which the line shows elsewhere.
const LOG_METADATA: &str = "log.";

/// The fields to write. An event visits its fields in the order of the source code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// The message.
    Message,
    /// All others.
    Others {
        /// Whether the event is a record of the `log` crate.
        is_log: bool,
    },
}

/// Writes one part of an event.
#[derive(Debug)]
pub(super) struct Fields<'l> {
    line: &'l mut Line,
    part: Part,
    /// How many fields are written.
    pub(super) count: usize,
}

impl<'l> Fields<'l> {
    pub(super) fn new(line: &'l mut Line, part: Part) -> Self {
        Self {
            line,
            part,
            count: 0,
        }
    }

    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Line)) {
        let name = field.name();
        let is_wanted = match self.part {
            Part::Message => name == MESSAGE,
            Part::Others { is_log } => {
                name != MESSAGE && !(is_log && name.starts_with(LOG_METADATA))
            }
        };
        if !is_wanted || self.line.is_cut() {
            return;
        }
        self.count += 1;
        let name = name.strip_prefix("r#").unwrap_or(name);
        match (self.line.syntax(), self.part) {
            (Syntax::Json, Part::Message) => self.line.push(",\"message\":"),
            (Syntax::Text, Part::Message) => self.line.push(" "),
            (Syntax::Json, Part::Others { .. }) => {
                let before = if self.count == 1 {
                    ",\"fields\":{"
                } else {
                    ","
                };
                self.line.push(before);
                self.line.push_string(format_args!("{name}"));
                self.line.push(":");
            }
            (Syntax::Text, Part::Others { .. }) => {
                self.line.push(" ");
                self.line
                    .push_escaped(Escape::Controls, format_args!("{name}"));
                self.line.push("=");
            }
        }
        value(self.line);
    }

    /// A message of text stands for itself, without quotes.
    fn write_string(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let is_message = self.part == Part::Message;
        self.write(field, |line| {
            if is_message && line.syntax() == Syntax::Text {
                line.push_escaped(Escape::Controls, value);
            } else {
                line.push_string(value);
            }
        });
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no numbers for these; the strings are those of protobuf's JSON, so of OTLP's.
        let name = match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ if value.is_nan() => "NaN",
            // `Debug` is short for very large and very small ones, and valid JSON.
            _ => return self.write(field, |line| line.push_literal(format_args!("{value:?}"))),
        };
        self.write_string(field, format_args!("{name}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |line| line.push_literal(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |line| line.push_literal(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        // No reader of JSON keeps such a number.
        self.write_string(field, format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.write_string(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |line| line.push_literal(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write_string(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write_string(field, format_args!("{}", Chain(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write_string(field, format_args!("{value:?}"));
    }
}

/// An error and its sources, which the error's own text does not contain.
struct Chain<'e>(&'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0;
        // One that is its own source is cut with the line.
        while let Some(source) = error.source() {
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}
