//! From `Baggage` to a header value.

use opentelemetry::baggage::Baggage;
use percent_encoding::{AsciiSet, CONTROLS, PercentEncode, utf8_percent_encode};

use crate::baggage::{is_octet, is_token};
use crate::limits::BAGGAGE_BYTES;

/// The header value, empty if nothing fits, and how many members were left out.
///
/// `Baggage` itself takes no more than 64 members.
pub(crate) fn header(baggage: &Baggage) -> (String, u64) {
    let mut header = String::new();
    let mut dropped = 0;
    for (key, value, metadata) in sorted(baggage) {
        let end = header.len();
        if !header.is_empty() {
            header.push(',');
        }
        header.push_str(key);
        header.push('=');
        header.extend(self::value(value));
        for property in metadata.split(';') {
            push_property(&mut header, property);
        }
        if !is_key(key) || header.len() > BAGGAGE_BYTES {
            header.truncate(end);
            dropped += 1;
        }
    }
    (header, dropped)
}

/// Key, value and metadata of each member, by key.
///
/// The map gives another order in every process. Sorted, what does not fit is always the same.
pub(crate) fn sorted(baggage: &Baggage) -> Vec<(&str, &str, &str)> {
    let mut members: Vec<_> = baggage
        .iter()
        .map(|(key, (value, metadata))| (key.as_str(), value.as_str(), metadata.as_str()))
        .collect();
    members.sort_unstable();
    members
}

/// `Baggage` takes no other keys, but what is safe in a header must not depend on that.
pub(crate) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(is_token)
}

/// A value as it stands in a header.
pub(crate) fn value(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, ESCAPED)
}

/// What is encoded in a value: what is outside `baggage-octet`, and the `%`, as the specification
/// demands; and `=` and `+`, because receivers exist that cut a value at its first `=` or read `+`
/// as a space. Bytes above ASCII are always encoded.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b',')
    .add(b';')
    .add(b'\\')
    .add(b'%')
    .add(b'=')
    .add(b'+');

/// A value as it stands in a header of its own, in the formats that send it as it is: encoded is
/// what a header cannot hold, and a `%` that would be read as the start of an escape.
///
/// One space at each end is enough, the next one then is inside.
pub(crate) fn raw_value(value: &str) -> String {
    let mut header = String::with_capacity(value.len());
    let rest = value.strip_prefix(' ');
    if rest.is_some() {
        header.push_str("%20");
    }
    push_escaped(
        &mut header,
        rest.unwrap_or(value),
        |byte, tail| match byte {
            b' ' => !tail.is_empty(),
            b'%' => !is_escape(tail),
            _ => byte.is_ascii_graphic(),
        },
    );
    header
}

/// Metadata is in the form of the header already, if it was extracted; if an application made it,
/// it can hold anything. So what is valid passes as it is and the rest is percent-encoded: in the
/// key too, where `%` is a legal character that no receiver decodes.
fn push_property(header: &mut String, property: &str) {
    let property = property.trim_matches([' ', '\t']);
    let (key, value) = match property.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (property, None),
    };
    let key = key.trim_matches([' ', '\t']);
    if key.is_empty() {
        return;
    }
    header.push(';');
    push_escaped(header, key, |byte, _| is_token(byte));
    if let Some(value) = value {
        header.push('=');
        push_value(header, value.trim_matches([' ', '\t']));
    }
}

/// Adds a property value, in which only a `%` that starts an escape is legal.
fn push_value(header: &mut String, value: &str) {
    push_escaped(header, value, |byte, tail| {
        is_octet(byte) && (byte != b'%' || is_escape(tail))
    });
}

/// Whether a `%` before these bytes starts an escape.
fn is_escape(tail: &[u8]) -> bool {
    matches!(tail, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// Percent-encodes the bytes that are not allowed before those that follow them.
fn push_escaped(header: &mut String, text: &str, allowed: fn(u8, &[u8]) -> bool) {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if allowed(*byte, tail) {
            header.push(char::from(*byte));
        } else {
            header.push_str(percent_encoding::percent_encode_byte(*byte));
        }
        rest = tail;
    }
}
