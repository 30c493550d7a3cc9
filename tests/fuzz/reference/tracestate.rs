//! W3C Trace Context Level 2 §3.3.

use tracer_propagation::limits;

use crate::reference::{text, trim};

/// The header that goes on for these; `None` if the list is refused, and empty if there is none.
pub fn tracestate<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let members: Option<Vec<(String, String)>> = values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(trim)
        .filter(|member| !member.is_empty())
        .map(member)
        .collect();
    let members = members.filter(|members| members.len() <= 32)?;

    // §3.5: of a key that comes twice the first is the most recent.
    let mut kept: Vec<String> = Vec::new();
    for (at, (key, value)) in members.iter().enumerate() {
        if !members[..at].iter().any(|earlier| earlier.0 == *key) {
            kept.push(format!("{key}={value}"));
        }
    }
    // §3.3.1.5: whole members, long ones first, then from the end.
    while kept.join(",").len() > limits::TRACESTATE_BYTES {
        let long = kept.iter().rposition(|member| member.len() > 128);
        kept.remove(long.unwrap_or(kept.len() - 1));
    }
    Some(kept.join(","))
}

/// §3.3.1.3, without white space around it.
fn member(member: &[u8]) -> Option<(String, String)> {
    let member = text(member);
    let (key, value) = member.split_once('=')?;
    let starts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let follows = |byte: u8| starts(byte) || b"_-*/@".contains(&byte);
    let is_char = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b'=';
    let valid = (1..=256).contains(&key.len())
        && key.bytes().take(1).all(starts)
        && key.bytes().all(follows)
        && (1..=256).contains(&value.len())
        && value.bytes().all(is_char);
    valid.then(|| (key.to_owned(), value.to_owned()))
}
