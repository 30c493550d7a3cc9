//! From header values to `Baggage`.

use std::ops::ControlFlow;

use opentelemetry::Key;
use opentelemetry::baggage::Baggage;
use percent_encoding::percent_decode_str;

use crate::baggage::encode::is_key;
use crate::baggage::{is_octet, is_token};
use crate::error::Error;
use crate::limits::{BAGGAGE_BYTES, BAGGAGE_MEMBERS};
use crate::ows::{leading, trim};

/// How values stand in headers of their own. Escapes are decoded in both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Values {
    /// As they are, but for what a header cannot hold.
    Raw,
    /// As in a URL. A `+` is a space, because some writers encode as for its query.
    UrlEncoded,
}

/// Reads header after header under one budget.
pub(crate) struct Reader {
    baggage: Baggage,
    /// Members seen, good and bad.
    seen: usize,
    /// Length of the members taken, with the commas between them. `Baggage` has the same limit for
    /// what it holds and leaves out in silence what goes beyond, so nothing may grow on the way in.
    bytes: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            baggage: Baggage::new(),
            seen: 0,
            bytes: 0,
        }
    }

    /// Reads one header value; breaks when the budget of members is used up.
    ///
    /// An empty member is ignored, as in every list of HTTP (RFC 9110 §5.6.1.2).
    pub(crate) fn extend(
        &mut self,
        value: &[u8],
        refused: &mut dyn FnMut(Error),
    ) -> ControlFlow<()> {
        let mut offset = 0;
        for text in value.split(|&byte| byte == b',') {
            let start = offset + leading(text);
            offset += text.len() + 1;
            let text = trim(text);
            if text.is_empty() || !self.admit(text.len(), refused)? {
                continue;
            }
            match member(text, start) {
                Ok((key, value, metadata)) => {
                    self.charge(text.len());
                    self.baggage.insert_with_metadata(key, value, metadata);
                }
                Err(error) => refused(error),
            }
        }
        ControlFlow::Continue(())
    }

    /// Reads a list of members without properties, of values that need not be `baggage-octet`s.
    pub(crate) fn extend_list(
        &mut self,
        value: &[u8],
        form: Values,
        refused: &mut dyn FnMut(Error),
    ) -> ControlFlow<()> {
        for text in value.split(|&byte| byte == b',') {
            let text = trim(text);
            if text.is_empty() {
                continue;
            }
            let mut halves = text.splitn(2, |&byte| byte == b'=');
            let (key, value) = (halves.next().map(trim), halves.next().map(trim));
            match (key.and_then(|key| std::str::from_utf8(key).ok()), value) {
                (Some(key), Some(value)) => self.insert(key, value, form, refused)?,
                _ => {
                    if self.admit(text.len(), refused)? {
                        refused(Error::BaggageKey { offset: 0 });
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes one member, of a value that must be printable ASCII before it is decoded. The key
    /// becomes lowercase, as HTTP does not tell the case of a name.
    pub(crate) fn insert(
        &mut self,
        key: &str,
        value: &[u8],
        form: Values,
        refused: &mut dyn FnMut(Error),
    ) -> ControlFlow<()> {
        let len = key.len() + 1 + value.len();
        if !self.admit(len, refused)? {
            return ControlFlow::Continue(());
        }
        if !is_key(key) {
            refused(Error::BaggageKey { offset: 0 });
        } else if let Some(value) = ascii(value, |byte| matches!(byte, 0x20..=0x7e)) {
            self.charge(len);
            let value = match form {
                Values::UrlEncoded if value.contains('+') => decode(&value.replace('+', " ")),
                Values::UrlEncoded | Values::Raw => decode(value),
            };
            self.baggage.insert(key.to_ascii_lowercase(), value);
        } else {
            refused(Error::BaggageValue { offset: 0 });
        }
        ControlFlow::Continue(())
    }

    /// Counts a member; whether it fits the bytes left. Breaks when all members are used up.
    fn admit(&mut self, len: usize, refused: &mut dyn FnMut(Error)) -> ControlFlow<(), bool> {
        self.seen += 1;
        if self.seen > BAGGAGE_MEMBERS {
            refused(Error::BaggageLimit);
            return ControlFlow::Break(());
        }
        let fits = self.bytes + usize::from(self.bytes > 0) + len <= BAGGAGE_BYTES;
        if !fits {
            refused(Error::BaggageLimit);
        }
        ControlFlow::Continue(fits)
    }

    /// Takes the bytes of a valid member, and the comma before it, out of the budget.
    fn charge(&mut self, len: usize) {
        self.bytes += usize::from(self.bytes > 0) + len;
    }

    pub(crate) fn finish(self) -> Baggage {
        self.baggage
    }
}

/// `list-member = key OWS "=" OWS value *( OWS ";" OWS property )`, without white space around it.
fn member(text: &[u8], offset: usize) -> Result<(Key, String, String), Error> {
    let mut parts = text.split(|&byte| byte == b';');
    let first = parts.next().unwrap_or_default();
    let (key, value) = pair(first, offset)?;
    let value = decode(value.ok_or(Error::BaggageKey { offset })?);

    let mut metadata = String::with_capacity(text.len().saturating_sub(first.len() + 1));
    let mut offset = offset + first.len() + 1;
    for part in parts {
        // A `;` with nothing after it says nothing; refusing the member would.
        if !trim(part).is_empty() {
            let (key, value) = pair(part, offset + leading(part))?;
            if !metadata.is_empty() {
                metadata.push(';');
            }
            metadata.push_str(key);
            if let Some(value) = value {
                metadata.push('=');
                metadata.push_str(value);
            }
        }
        offset += part.len() + 1;
    }
    Ok((Key::from(key.to_owned()), value, metadata))
}

/// A key, and what follows the first `=` if there is one, as they stand in the header.
fn pair(text: &[u8], offset: usize) -> Result<(&str, Option<&str>), Error> {
    let text = trim(text);
    let equals = text.iter().position(|&byte| byte == b'=');
    let (key, rest) = match equals.and_then(|equals| text.split_at_checked(equals)) {
        Some((key, rest)) => (key, rest.strip_prefix(b"=")),
        None => (text, None),
    };
    let key = ascii(trim(key), is_token).filter(|key| !key.is_empty());
    let key = key.ok_or(Error::BaggageKey { offset })?;
    let Some(value) = rest else {
        return Ok((key, None));
    };
    let value_offset = offset + text.len() - value.len() + leading(value);
    match ascii(trim(value), is_octet) {
        Some(value) => Ok((key, Some(value))),
        None => Err(Error::BaggageValue {
            offset: value_offset,
        }),
    }
}

fn ascii(text: &[u8], allowed: fn(u8) -> bool) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(allowed).then_some(text)
}

/// Bytes that are not UTF-8 become U+FFFD, as the specification demands. A `%` without two hex
/// digits stays: it is in the grammar, and there is nothing to decode.
///
/// U+FFFD has three bytes and stands for one escape or more, so no string has to grow on the way.
fn decode(value: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let mut bytes = Vec::with_capacity(value.len());
    bytes.extend(percent_decode_str(value));
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::with_capacity(value.len());
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    })
}
