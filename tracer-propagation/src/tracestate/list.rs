//! The members of a `tracestate`, checked and borrowed.

use crate::error::Error;
use crate::limits::{
    TRACESTATE_KEY_BYTES, TRACESTATE_LARGE_MEMBER_BYTES, TRACESTATE_MEMBERS, TRACESTATE_VALUE_BYTES,
};
use crate::ows::{leading, trim};
use crate::stats;

/// At most 32 members with different keys, each valid by the grammar.
#[derive(Default)]
pub(crate) struct List<'a> {
    members: Vec<(&'a str, &'a str)>,
    /// Members read so far, those with a repeated key too.
    seen: usize,
}

impl<'a> List<'a> {
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
        let known = self.members.iter().any(|member| member.0 == key);
        if !known && self.members.len() < TRACESTATE_MEMBERS {
            self.members.push((key, value));
        }
    }

    /// Leaves out whole members until the header has at most `limit` bytes.
    pub(crate) fn fit(&mut self, limit: usize) {
        let mut dropped = 0;
        while self.bytes() > limit {
            let large = |member: &(&str, &str)| size(member) > TRACESTATE_LARGE_MEMBER_BYTES;
            let last = self.members.len().saturating_sub(1);
            self.members
                .remove(self.members.iter().rposition(large).unwrap_or(last));
            dropped += 1;
        }
        if dropped > 0 {
            stats::add(&stats::TRACESTATE_MEMBERS_DROPPED, dropped);
        }
    }

    /// Without white space around them, in the order of the header.
    pub(crate) fn members(&self) -> &[(&'a str, &'a str)] {
        &self.members
    }

    /// The header value, or `None` for an empty list.
    pub(crate) fn to_header(&self) -> Option<String> {
        let mut header = String::with_capacity(self.bytes());
        for (key, value) in &self.members {
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
        self.members.iter().map(size).sum::<usize>() + self.members.len().saturating_sub(1)
    }
}

/// `key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`.
pub(crate) fn is_key(key: &str) -> bool {
    let key = key.as_bytes();
    key.len() <= TRACESTATE_KEY_BYTES
        && matches!(key.first(), Some(b'a'..=b'z' | b'0'..=b'9'))
        && key.iter().all(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'),
        )
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
