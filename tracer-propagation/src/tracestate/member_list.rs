//! The parser of `tracestate`: checks its list-members and borrows them.

use smallvec::SmallVec;

use crate::error::Error;
use crate::limits::{
    TRACESTATE_KEY_BYTES, TRACESTATE_LARGE_MEMBER_BYTES, TRACESTATE_MEMBERS, TRACESTATE_VALUE_BYTES,
};
use crate::stats;

/// A list of at most 32 members with different keys, each valid by the grammar of §3.3.1.
#[derive(Default)]
pub(crate) struct MemberList<'a> {
    /// Few services are more than eight vendors away from the root.
    members: SmallVec<[(&'a str, &'a str); 8]>,
    /// Members read so far, those with a repeated key too.
    seen: usize,
    /// Length of the members, without the commas between them.
    bytes: usize,
}

impl<'a> MemberList<'a> {
    /// Adds the members of one header value, in one pass over it.
    pub(crate) fn extend(&mut self, value: &'a [u8]) -> Result<(), Error> {
        // A member with a byte beyond ASCII is refused, so none after it needs to be text.
        let text = std::str::from_utf8(value).unwrap_or_else(|error| {
            let valid = value.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        });
        let mut at = 0;
        while at < value.len() {
            at += count(value, at, SPACE);
            let start = at;
            if !matches!(value.get(at), None | Some(b',')) {
                self.seen += 1;
                if self.seen > TRACESTATE_MEMBERS {
                    return Err(Error::TracestateMembers);
                }
                at += count(value, at, KEY);
                let is_key = value.get(at) == Some(&b'=')
                    && at - start <= TRACESTATE_KEY_BYTES
                    && value.get(start).is_some_and(|byte| is(*byte, KEY_START));
                let key = text.get(start..at).filter(|_| is_key);
                let key = key.ok_or(Error::TracestateKey { offset: start })?;

                at += 1;
                let start = at;
                at += value_len(value.get(at..).unwrap_or_default());
                let member = text.get(start..at).map(|value| value.trim_end_matches(' '));
                at += count(value, at, SPACE);
                let is_end = matches!(value.get(at), None | Some(b','));
                let is_value = |value: &&str| {
                    is_end && !value.is_empty() && value.len() <= TRACESTATE_VALUE_BYTES
                };
                let member = member.filter(is_value);
                self.push(key, member.ok_or(Error::TracestateValue { offset: start })?);
            }
            // The comma.
            at += 1;
        }
        Ok(())
    }

    /// Adds one member at the end, unless its key is there already or the list is full.
    pub(crate) fn push(&mut self, key: &'a str, value: &'a str) {
        let known = self.members.iter().any(|member| member.0 == key);
        if known {
            return;
        }
        if self.members.len() < TRACESTATE_MEMBERS {
            self.members.push((key, value));
            self.bytes += size(&(key, value));
        } else {
            stats::add(&stats::TRACESTATE_MEMBERS_DROPPED, 1);
        }
    }

    /// Leaves out whole members until the header has at most `limit` bytes.
    pub(crate) fn fit(&mut self, limit: usize) {
        let mut dropped = 0;
        while self.bytes() > limit {
            let large = |member: &(&str, &str)| size(member) > TRACESTATE_LARGE_MEMBER_BYTES;
            let last = self.members.len().saturating_sub(1);
            let removed = self
                .members
                .remove(self.members.iter().rposition(large).unwrap_or(last));
            self.bytes -= size(&removed);
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
        self.bytes + self.members.len().saturating_sub(1)
    }
}

/// `key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" )`.
pub(crate) fn is_key(key: &str) -> bool {
    let key = key.as_bytes();
    key.len() <= TRACESTATE_KEY_BYTES
        && key.first().is_some_and(|byte| is(*byte, KEY_START))
        && count(key, 0, KEY) == key.len()
}

/// `value = 0*255(chr) nblk-chr`: printable ASCII without `,` and `=`, not ending in a space.
pub(crate) fn is_value(value: &str) -> bool {
    let value = value.as_bytes();
    value.len() <= TRACESTATE_VALUE_BYTES
        && value.last().is_some_and(|&byte| byte != b' ')
        && value_len(value) == value.len()
}

/// Length of a member in the header.
fn size((key, value): &(&str, &str)) -> usize {
    key.len() + 1 + value.len()
}

/// How many bytes from `at` on are of the class.
fn count(text: &[u8], at: usize, class: u8) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let other = rest.iter().position(|&byte| !is(byte, class));
    other.unwrap_or(rest.len())
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|classes| classes & class != 0)
}

/// How many bytes in front may be part of a value: printable ASCII but for `,` and `=`. Eight at a
/// time, a byte of a word each, because values are the longest part.
pub(super) fn value_len(text: &[u8]) -> usize {
    let (mut len, mut rest) = (0, text);
    loop {
        let (word, tail) = match rest.split_first_chunk::<8>() {
            Some((word, tail)) => (*word, tail),
            None => {
                // The zeros behind the end are no part of a value.
                let mut word = [0; 8];
                for (space, byte) in word.iter_mut().zip(rest) {
                    *space = *byte;
                }
                (word, [].as_slice())
            }
        };
        let others = others(u64::from_le_bytes(word));
        if others != 0 {
            return len + others.trailing_zeros() as usize / 8;
        }
        (len, rest) = (len + 8, tail);
    }
}

/// The high bit of each byte that no value may have. Bits above the lowest one may be wrong: a
/// subtraction borrows from the next byte.
fn others(word: u64) -> u64 {
    let below_space = word.wrapping_sub(0x20 * ONES);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let delete = zeros(word ^ (0x7f * ONES));
    let comma = zeros(word ^ (u64::from(b',') * ONES));
    let equals = zeros(word ^ (u64::from(b'=') * ONES));
    ((below_space & !word) | delete | comma | equals | word) & (0x80 * ONES)
}

const ONES: u64 = 0x0101_0101_0101_0101;

const KEY_START: u8 = 1;
const KEY: u8 = 2;
const SPACE: u8 = 4;

/// What each byte may be a part of.
#[expect(
    clippy::indexing_slicing,
    reason = "the compiler evaluates it, and would refuse"
)]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' => KEY_START | KEY,
            b'_' | b'-' | b'*' | b'/' | b'@' => KEY,
            b' ' | b'\t' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    classes
};
