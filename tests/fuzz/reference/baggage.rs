//! W3C Baggage, and the headers of the formats that have one for each member.

use std::collections::BTreeMap;

use tracer_propagation::limits::{BAGGAGE_BYTES, BAGGAGE_MEMBERS};

use crate::Received;
use crate::reference::{all, text, trim};

/// Keys with values and properties.
pub type Members = BTreeMap<String, (String, String)>;

/// What the headers hold in this format.
pub fn baggage(format: &str, headers: &Received<'_>) -> Members {
    match format {
        "baggage" => list(all(headers, "baggage")),
        "jaeger" => prefixed(headers, "uberctx-", all(headers, "jaeger-baggage"), true),
        "ottrace" => prefixed(headers, "ot-baggage-", std::iter::empty(), false),
        "x_trace_id" => prefixed(headers, "x-baggage-", std::iter::empty(), false),
        _ => Members::new(),
    }
}

/// W3C Baggage §3.3.1: values of `baggage` headers.
pub fn list<'a>(values: impl Iterator<Item = &'a [u8]>) -> Members {
    let mut budget = Budget::default();
    for piece in pieces(values) {
        budget.offer(piece.len(), || member(piece));
    }
    budget.members
}

/// Of two formats: those of `first`, and of `more` what fits in the budget beside them.
pub fn merged(first: Members, more: Members) -> Members {
    if first.is_empty() || more.is_empty() {
        return if first.is_empty() { more } else { first };
    }
    let (mut merged, mut bytes) = (Members::new(), 0);
    for (key, (value, properties)) in first.into_iter().chain(more) {
        let separators = [bytes > 0, true, !properties.is_empty()];
        let separators = separators.into_iter().filter(|there| *there).count();
        let len = separators + key.len() + value.len() + properties.len();
        let known = merged.contains_key(&key);
        if !known && merged.len() < BAGGAGE_MEMBERS && bytes + len <= BAGGAGE_BYTES {
            bytes += len;
            merged.insert(key, (value, properties));
        }
    }
    merged
}

/// Members in a list without properties, and in headers whose names end in the key.
fn prefixed<'a>(
    headers: &'a Received<'_>,
    prefix: &str,
    list: impl Iterator<Item = &'a [u8]>,
    plus_is_space: bool,
) -> Members {
    let mut budget = Budget::default();
    let mut offer = |key: Option<&str>, value: &[u8]| {
        let value = text(trim(value));
        let len = key.unwrap_or_default().len() + 1 + value.len();
        budget.offer(len, || {
            let valid = value.chars().all(|char| matches!(char, ' '..='~'));
            let key = key
                .filter(|key| valid && is_token(key))?
                .to_ascii_lowercase();
            let value = if plus_is_space {
                value.replace('+', " ")
            } else {
                value.into_owned()
            };
            Some((key, decoded(&value), String::new()))
        });
    };
    for piece in pieces(list) {
        let piece = text(piece);
        match piece.split_once('=') {
            Some((key, value)) => offer(Some(key.trim_matches(SPACE)), value.as_bytes()),
            None => offer(None, b""),
        }
    }
    for (name, value) in headers {
        if let Some(key) = name.to_ascii_lowercase().strip_prefix(prefix) {
            offer(Some(key), value);
        }
    }
    budget.members
}

/// 64 members, good and bad, and 8,192 bytes of good ones with the commas between them.
#[derive(Default)]
struct Budget {
    members: Members,
    offered: usize,
    bytes: usize,
}

impl Budget {
    fn offer(&mut self, len: usize, member: impl FnOnce() -> Option<(String, String, String)>) {
        self.offered += 1;
        let bytes = self.bytes + usize::from(self.bytes > 0) + len;
        if self.offered > BAGGAGE_MEMBERS || bytes > BAGGAGE_BYTES {
            return;
        }
        if let Some((key, value, properties)) = member() {
            self.bytes = bytes;
            self.members.insert(key, (value, properties));
        }
    }
}

fn pieces<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(trim)
        .filter(|piece| !piece.is_empty())
}

/// `key OWS "=" OWS value *( OWS ";" OWS property )`.
fn member(piece: &[u8]) -> Option<(String, String, String)> {
    let piece = text(piece);
    let parts = piece.split(';').map(|part| {
        let (key, value) = part
            .split_once('=')
            .map_or((part, None), |(k, v)| (k, Some(v)));
        (
            key.trim_matches(SPACE),
            value.map(|value| value.trim_matches(SPACE)),
        )
    });
    // A `;` with nothing beside it says nothing, unless it stands where the member should.
    let mut parts = parts
        .enumerate()
        .filter(|part| part.0 == 0 || part.1 != ("", None));
    let (_, (key, value)) = parts.next()?;
    let value = value.filter(|value| is_token(key) && value.bytes().all(is_octet))?;
    let mut properties = Vec::new();
    for (_, (key, value)) in parts {
        if !is_token(key) || !value.unwrap_or_default().bytes().all(is_octet) {
            return None;
        }
        properties.push(match value {
            Some(value) => format!("{key}={value}"),
            None => key.to_owned(),
        });
    }
    Some((key.to_owned(), decoded(value), properties.join(";")))
}

/// RFC 7230 §3.2.6.
fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_char)
}

/// `%x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E`.
fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// Each `%` with two digits after it is a byte; what is no UTF-8 then is U+FFFD.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, tail @ ..] = rest {
        rest = match escape(rest) {
            Some(byte) => {
                bytes.push(byte);
                &tail[2..]
            }
            None => {
                bytes.push(*byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As the next process reads them: a `%` in a property that is no escape is sent as one.
pub fn forwarded(members: &Members) -> Members {
    let property = |text: &str| match text.split_once('=') {
        Some((key, value)) => format!("{key}={}", escaped(value)),
        None => text.to_owned(),
    };
    let mut members = members.clone();
    for (_, properties) in members.values_mut() {
        let sent: Vec<_> = properties.split(';').map(property).collect();
        *properties = sent.join(";");
    }
    members
}

fn escaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let one = |(at, byte): (usize, &u8)| match byte {
        b'%' if escape(&bytes[at..]).is_none() => "%25".to_owned(),
        _ => char::from(*byte).to_string(),
    };
    bytes.iter().enumerate().map(one).collect()
}

fn escape(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match text {
        [b'%', high, low, ..] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

const SPACE: [char; 2] = [' ', '\t'];
