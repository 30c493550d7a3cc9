//! The bytes of a record while it is written.
//!
//! All bytes of the buffer are initialised, and its length is stored separately. A write is then
//! one check and a few moves of known size. Appending to a `Vec` instead checks, calls a copy
//! function and stores the length for each piece.

use std::ops::Range;

use super::wire::varint_len;

/// The initial capacity, which is enough for most spans.
const FIRST_CAPACITY: usize = 512;

/// A growing sequence of bytes.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Invariant: at most `bytes.len()`.
    len: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; FIRST_CAPACITY],
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Returns the memory that the buffer takes, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Clears the buffer and appends `len` bytes, which the caller must overwrite: their contents
    /// are arbitrary.
    #[inline]
    pub(crate) fn restart(&mut self, len: usize) -> &mut [u8] {
        self.len = 0;
        self.append(len)
    }

    /// Appends `len` bytes, which the caller must overwrite: their contents are arbitrary.
    #[inline]
    pub(crate) fn append(&mut self, len: usize) -> &mut [u8] {
        let start = self.len;
        let end = start + len;
        if self.bytes.len() < end {
            self.grow(end);
        }
        self.len = end;
        self.bytes.get_mut(start..end).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let doubled = self.bytes.len().saturating_mul(2);
        self.bytes.resize(needed.max(doubled), 0);
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        if let [last] = self.append(1) {
            *last = byte;
        }
    }

    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        copy_short(self.append(bytes.len()), bytes);
    }

    pub(crate) fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.push(value.to_le_bytes()[0]);
    }

    /// Appends a field with a count. Zero is protobuf's default and is not written.
    #[inline]
    pub(crate) fn put_count(&mut self, tag: u8, count: u32) {
        if count != 0 {
            self.push(tag);
            self.put_varint(u64::from(count));
        }
    }

    /// Appends the tag and length of a field whose `len` bytes follow.
    pub(crate) fn put_len(&mut self, tag: u8, len: usize) {
        self.push(tag);
        self.put_varint(len as u64);
    }

    /// Appends a field of bytes.
    #[inline]
    pub(crate) fn put_bytes(&mut self, tag: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            // The length takes one byte.
            Ok(len @ 0..0x80) => {
                let space = self.append(2 + bytes.len());
                if let Some((head, space)) = space.split_first_chunk_mut() {
                    *head = [tag, len];
                    copy_short(space, bytes);
                }
            }
            _ => {
                self.put_len(tag, bytes.len());
                self.extend(bytes);
            }
        }
    }

    /// Appends a field whose content `write` appends. Most contents are shorter than 128 bytes, so
    /// their length takes one byte. Longer contents are moved to make room for their length.
    pub(crate) fn nest<T>(&mut self, tag: u8, write: impl FnOnce(&mut Self) -> T) -> T {
        self.extend(&[tag, 0]);
        let start = self.len;
        let result = write(self);
        let len = self.len - start;
        let more = varint_len(len as u64) - 1;
        if more > 0 {
            self.append(more);
            self.bytes.copy_within(start..start + len, start + more);
        }
        let end = std::mem::replace(&mut self.len, start - 1);
        self.put_varint(len as u64);
        self.len = end;
        result
    }

    /// Replaces a range with `bytes`, and moves the bytes that follow. A range beyond the end is
    /// ignored.
    pub(crate) fn replace(&mut self, range: Range<usize>, bytes: &[u8]) {
        if range.start > range.end || range.end > self.len {
            return;
        }
        let (end, new_end) = (self.len, range.start + bytes.len());
        let rest = end - range.end;
        if new_end > range.end {
            self.append(new_end - range.end);
        }
        self.bytes.copy_within(range.end..end, new_end);
        if let Some(space) = self.bytes.get_mut(range.start..new_end) {
            space.copy_from_slice(bytes);
        }
        self.len = new_end + rest;
    }
}

/// Copies a few bytes. `to` must be as long as `from`.
///
/// Names, keys and most values have up to 32 bytes. Two moves that overlap in the middle are
/// cheaper than a call of a general copy function.
// Always inlined: as a call, it would add 15 instructions to the 250 of an attribute.
#[inline(always)]
pub(crate) fn copy_short(to: &mut [u8], from: &[u8]) {
    #[inline(always)]
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
        let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
            return;
        };
        let (first, last) = (*first, *last);
        if let Some(to) = to.first_chunk_mut() {
            *to = first;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = last;
        }
    }
    debug_assert_eq!(to.len(), from.len());
    match from.len() {
        0 => {}
        1 => ends::<1>(to, from),
        2..=3 => ends::<2>(to, from),
        4..=7 => ends::<4>(to, from),
        8..=15 => ends::<8>(to, from),
        16..=32 => ends::<16>(to, from),
        33..=64 => ends::<32>(to, from),
        _ if to.len() == from.len() => to.copy_from_slice(from),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn copies_of_every_length_are_exact() {
        for len in 0..200 {
            let from = text(len);
            let mut to = vec![0xff; len];
            copy_short(&mut to, &from);
            assert_eq!(to, from);
        }
    }

    #[test]
    fn nested_fields_have_the_shortest_length_that_prost_reads() {
        for len in [0, 1, 127, 128, 300, 16_383, 16_384, 100_000] {
            let mut buffer = Buffer::new();
            buffer.extend(b"before");
            buffer.nest(0x0a, |buffer| buffer.extend(&text(len)));
            buffer.extend(b"after");
            let rest = buffer.as_slice().strip_prefix(b"before\x0a").expect("tag");
            let mut rest = rest;
            let prefix = rest.len();
            assert_eq!(prost::decode_length_delimiter(&mut rest), Ok(len));
            assert_eq!(prefix - rest.len(), prost::length_delimiter_len(len));
            assert_eq!(rest, [text(len), b"after".to_vec()].concat());
        }
    }

    #[test]
    fn nested_fields_may_nest() {
        let mut buffer = Buffer::new();
        buffer.nest(1, |buffer| {
            buffer.nest(2, |buffer| buffer.extend(&text(126)));
        });
        let inner = [&[2, 126][..], &text(126)].concat();
        assert_eq!(buffer.as_slice(), [&[1, 0x80, 1][..], &inner].concat());
    }

    #[test]
    fn replacing_moves_what_follows() {
        let mut buffer = Buffer::new();
        buffer.extend(b"one two three");
        buffer.replace(4..7, b"twenty-two");
        assert_eq!(buffer.as_slice(), b"one twenty-two three");
        buffer.replace(4..14, b"2");
        assert_eq!(buffer.as_slice(), b"one 2 three");
        buffer.replace(3..5, b"");
        assert_eq!(buffer.as_slice(), b"one three");
        buffer.replace(9..9, &text(2000));
        assert_eq!(buffer.len(), 2009);
        buffer.replace(2000..3000, b"x");
        assert_eq!(buffer.len(), 2009, "beyond the end");
    }
}
