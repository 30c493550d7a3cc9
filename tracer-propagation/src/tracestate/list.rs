//! The members of a `tracestate`, checked and borrowed.

use crate::error::Error;
use crate::limits::{
    TRACESTATE_KEY_BYTES, TRACESTATE_LARGE_MEMBER_BYTES, TRACESTATE_MEMBERS, TRACESTATE_VALUE_BYTES,
};
use crate::ows::{leading, trim};
use crate::stats;

/// At most 32 members with different keys, each valid by the grammar, on the stack.
pub(crate) struct List<'a> {
    // Invariant: len <= members.len(), and the members from len on mean nothing.
    members: [(&'a str, &'a str); TRACESTATE_MEMBERS],
    len: usize,
    /// Members read so far, those with a repeated key too.
    seen: usize,
}

impl<'a> List<'a> {
    pub(crate) fn new() -> Self {
        Self {
            members: [("", ""); TRACESTATE_MEMBERS],
            len: 0,
            seen: 0,
        }
    }

    /// Adds the members of one header value.
    pub(crate) fn extend(&mut self, value: &'a [u8]) -> Result<(), Error> {
        let mut offset = 0;
        for member in value.split(|&byte| byte == b',') {
            let text = trim(member);
            if !text.is_empty() {
                self.seen += 1;
                if self.seen > TRACESTATE_MEMBERS {
                    return Err(Error::TracestateMembers);
                }
                let (key, value) = split(text, offset + leading(member))?;
                self.push(key, value);
            }
            offset += member.len() + 1;
        }
        Ok(())
    }

    /// Adds one member at the end, unless its key is there already or the list is full.
    pub(crate) fn push(&mut self, key: &'a str, value: &'a str) {
        if self.members().iter().any(|member| member.0 == key) {
            return;
        }
        if let Some(slot) = self.members.get_mut(self.len) {
            *slot = (key, value);
            self.len += 1;
        }
    }

    /// Leaves out whole members until the header has at most `limit` bytes.
    pub(crate) fn fit(&mut self, limit: usize) {
        let mut bytes = self.bytes();
        let mut dropped = 0;
        while bytes > limit {
            let large = |member: &(&str, &str)| size(member) > TRACESTATE_LARGE_MEMBER_BYTES;
            let last = self.len.saturating_sub(1);
            let index = self.members().iter().rposition(large).unwrap_or(last);
            if let Some(tail) = self.members.get_mut(index..self.len) {
                tail.rotate_left(1);
            }
            self.len = last;
            dropped += 1;
            bytes = self.bytes();
        }
        if dropped > 0 {
            stats::add(&stats::TRACESTATE_MEMBERS_DROPPED, dropped);
        }
    }

    pub(crate) fn members(&self) -> &[(&'a str, &'a str)] {
        self.members.get(..self.len).unwrap_or_default()
    }

    /// The header value, or `None` for an empty list.
    pub(crate) fn to_header(&self) -> Option<String> {
        let mut header = String::with_capacity(self.bytes());
        for (key, value) in self.members() {
            if !header.is_empty() {
                header.push(',');
            }
            header.push_str(key);
            header.push('=');
            header.push_str(value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// Length of the header value.
    fn bytes(&self) -> usize {
        self.members().iter().map(size).sum::<usize>() + self.len.saturating_sub(1)
    }
}

/// `key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`.
pub(crate) fn is_key(key: &str) -> bool {
    let lower_or_digit = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let key = key.as_bytes();
    key.len() <= TRACESTATE_KEY_BYTES
        && key.first().is_some_and(lower_or_digit)
        && key
            .iter()
            .all(|byte| lower_or_digit(byte) || b"_-*/@".contains(byte))
}

/// `value = 0*255(chr) nblk-chr`: printable ASCII without `,` and `=`, not ending in a space.
pub(crate) fn is_value(value: &str) -> bool {
    let value = value.as_bytes();
    value.len() <= TRACESTATE_VALUE_BYTES
        && value.last().is_some_and(|&byte| byte != b' ')
        && value
            .iter()
            .all(|byte| matches!(byte, 0x20..=0x2b | 0x2d..=0x3c | 0x3e..=0x7e))
}

/// Length of a member in the header.
fn size((key, value): &(&str, &str)) -> usize {
    key.len() + 1 + value.len()
}

/// Splits a member that has no white space around it, and checks both halves.
fn split(member: &[u8], offset: usize) -> Result<(&str, &str), Error> {
    let bad_key = Error::TracestateKey { offset };
    let equals = member
        .iter()
        .position(|&byte| byte == b'=')
        .ok_or(bad_key.clone())?;
    let (key, rest) = member.split_at_checked(equals).ok_or(bad_key.clone())?;
    let key = std::str::from_utf8(key)
        .ok()
        .filter(|key| is_key(key))
        .ok_or(bad_key)?;
    let value = rest
        .strip_prefix(b"=")
        .and_then(|value| std::str::from_utf8(value).ok())
        .filter(|value| is_value(value))
        .ok_or(Error::TracestateValue {
            offset: offset + equals + 1,
        })?;
    Ok((key, value))
}
