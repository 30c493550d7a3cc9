//! A log line under construction, which escapes values so that they cannot break out of their field.

use std::cell::Cell;
use std::fmt::{self, Arguments, Write as _};

use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use crate::panic_guard::catch_panic;

/// The longest line, without its closing part. Log collectors accept at most 256 KiB a line.
pub(super) const MAX_LINE_BYTES: usize = 256 * 1024;

/// The largest buffer that a thread keeps for its next line.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

/// In bytes: `\u001b`.
const LONGEST_ESCAPE: usize = 6;

/// Stands for a value whose `Debug` or `Display` panics or fails.
const UNPRINTABLE: &str = "<unprintable>";

thread_local! {
    // Taken while a line is written, so a `Debug` that logs in turn finds an empty one, and nothing is ever locked.
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

/// The syntax of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Syntax {
    Json,
    Text,
}

/// The characters of a text that are escaped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Escape {
    /// Control characters and line breaks.
    Controls,
    /// Those, quotes and backslashes: the inside of a JSON string.
    Quoted,
}

/// A line under construction.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    syntax: Syntax,
    is_cut: bool,
}

impl Line {
    /// Calls `write` with an empty line in the thread's buffer.
    pub(super) fn with<T>(syntax: Syntax, write: impl FnOnce(&mut Self) -> T) -> T {
        let mut line = Self {
            // A thread that ends has no buffer any more.
            text: BUFFER.try_with(Cell::take).unwrap_or_default(),
            syntax,
            is_cut: false,
        };
        let written = write(&mut line);
        let mut text = line.text;
        if text.capacity() <= MAX_BUFFER_BYTES {
            text.clear();
            // The thread ends: the buffer goes with it.
            let _ = BUFFER.try_with(|kept| kept.set(text));
        }
        written
    }

    pub(super) fn syntax(&self) -> Syntax {
        self.syntax
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the text, for code that writes whole lines itself.
    pub(super) fn buffer(&mut self) -> &mut String {
        &mut self.text
    }

    /// Returns whether part of a value is missing because the line is full.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Appends what is known to fit the syntax.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends the present time: RFC 3339 with microseconds, in UTC.
    pub(super) fn push_time(&mut self) {
        // Writing to memory does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut self.text));
    }

    /// Appends a number or a boolean.
    pub(super) fn push_literal(&mut self, literal: impl fmt::Display) {
        let _ = write!(self.text, "{literal}");
    }

    /// Appends a value as the syntax has strings: JSON's, or in text a word or, where that would be ambiguous, a JSON string.
    pub(super) fn push_string(&mut self, value: Arguments<'_>) {
        let start = self.text.len();
        if self.syntax == Syntax::Json {
            self.text.push('"');
        }
        self.push_escaped(Escape::Quoted, value);
        match self.syntax {
            Syntax::Json => self.text.push('"'),
            Syntax::Text => {
                let written = self.text.get(start..).unwrap_or_default();
                if written.is_empty() || written.contains([' ', '=', '"', '\\']) {
                    self.text.insert(start, '"');
                    self.text.push('"');
                }
            }
        }
    }

    /// Appends a value, in place of which [`UNPRINTABLE`] stands if it panics or fails.
    pub(super) fn push_escaped(&mut self, escape: Escape, value: Arguments<'_>) {
        let start = self.text.len();
        let mut escaping = Escaping { line: self, escape };
        let written = if let Some(text) = value.as_str() {
            escaping.write_str(text)
        } else {
            catch_panic(|| escaping.write_fmt(value)).unwrap_or(Err(fmt::Error))
        };
        if self.is_cut {
            self.text.push('…');
        } else if written.is_err() {
            self.text.truncate(start);
            self.text.push_str(UNPRINTABLE);
        }
    }
}

struct Escaping<'l> {
    line: &'l mut Line,
    escape: Escape,
}

impl Escaping<'_> {
    fn must_escape(&self, c: char) -> bool {
        match c {
            '"' | '\\' => self.escape == Escape::Quoted,
            // C0, DEL and C1: what ends a line or speaks to a terminal. And what Unicode has as line breaks.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => true,
            // What shows a line in another order than it has (UTS #55, "bidi format characters").
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => true,
            _ => false,
        }
    }

    /// Appends at most what fits.
    fn push(&mut self, text: &str) -> fmt::Result {
        let room = MAX_LINE_BYTES.saturating_sub(self.line.text.len());
        if text.len() <= room {
            self.line.text.push_str(text);
            return Ok(());
        }
        let fits = text
            .get(..text.floor_char_boundary(room))
            .unwrap_or_default();
        self.line.text.push_str(fits);
        self.line.is_cut = true;
        Err(fmt::Error)
    }

    /// Appends an escape, as a whole: half of one would escape what comes after it.
    fn push_escape(&mut self, escape: Arguments<'_>) -> fmt::Result {
        if self.line.text.len() + LONGEST_ESCAPE > MAX_LINE_BYTES {
            self.line.is_cut = true;
            return Err(fmt::Error);
        }
        self.line.text.write_fmt(escape)
    }
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.line.is_cut {
            return Err(fmt::Error);
        }
        // Nearly all text is plain, and looking at bytes is many times faster than looking at characters.
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if text.bytes().all(is_plain) {
            return self.push(text);
        }
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| self.must_escape(*c)) {
            let (plain, after) = rest.split_at(at);
            self.push(plain)?;
            match c {
                '"' => self.push_escape(format_args!("\\\""))?,
                '\\' => self.push_escape(format_args!("\\\\"))?,
                '\n' => self.push_escape(format_args!("\\n"))?,
                '\r' => self.push_escape(format_args!("\\r"))?,
                '\t' => self.push_escape(format_args!("\\t"))?,
                // As JSON has it (RFC 8259 section 7): all of them are in the basic plane.
                _ => self.push_escape(format_args!("\\u{:04x}", u32::from(c)))?,
            }
            rest = after.get(c.len_utf8()..).unwrap_or_default();
        }
        self.push(rest)
    }
}
