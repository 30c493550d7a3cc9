//! The parts of the protobuf wire format that OTLP needs, without a schema compiler.
//!
//! A message is written by [`Message::write`] into a [`Sink`], once into [`Count`] to learn its
//! length and once into [`Fill`]. Lengths are thus exact by construction: nothing is written and
//! then shifted, and one description of a message serves both passes.

/// Receives the bytes of messages.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

/// Measures instead of writing.
#[derive(Debug, Default)]
pub(crate) struct Count(pub(crate) usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Writes into memory that was measured before.
#[derive(Debug)]
pub(crate) struct Fill<'a> {
    space: &'a mut [u8],
    at: usize,
}

impl<'a> Fill<'a> {
    pub(crate) fn new(space: &'a mut [u8]) -> Self {
        Self { space, at: 0 }
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Leaves `len` bytes for someone else to write.
    pub(crate) fn skip(&mut self, len: usize) {
        self.at += len;
    }

    /// Whether what was put fills the space exactly: the two passes agreed.
    pub(crate) fn is_complete(&self) -> bool {
        self.at == self.space.len()
    }
}

impl Sink for Fill<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        if let Some(here) = self.space.get_mut(self.at..end) {
            here.copy_from_slice(bytes);
        }
        // Counts on past the end, so that `is_complete` tells.
        self.at = end;
    }
}

/// Something with a protobuf encoding.
pub(crate) trait Message {
    fn write<S: Sink>(&self, out: &mut S);

    fn encoded_len(&self) -> usize {
        let mut count = Count::default();
        self.write(&mut count);
        count.0
    }
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LEN: u32 = 2;
const FIXED32: u32 = 5;

pub(crate) fn varint<S: Sink>(out: &mut S, value: u64) {
    // Tags and most lengths: worth a branch, since the loop below puts a slice of unknown length.
    match value {
        0..0x80 => out.put(&[value as u8]),
        0x80..0x4000 => out.put(&[value as u8 | 0x80, (value >> 7) as u8]),
        _ => long_varint(out, value),
    }
}

fn long_varint<S: Sink>(out: &mut S, mut value: u64) {
    let mut bytes = [0; 10];
    let mut len = 0;
    for byte in &mut bytes {
        len += 1;
        *byte = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *byte |= 0x80;
    }
    out.put(bytes.get(..len).unwrap_or_default());
}

fn tag<S: Sink>(out: &mut S, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// The head of a length-delimited field, whose `len` bytes the caller puts next.
pub(crate) fn len_head<S: Sink>(out: &mut S, field: u32, len: usize) {
    tag(out, field, LEN);
    varint(out, len as u64);
}

/// A field of bytes or text, written even when empty, as a `oneof` needs.
pub(crate) fn bytes_field<S: Sink>(out: &mut S, field: u32, bytes: &[u8]) {
    len_head(out, field, bytes.len());
    out.put(bytes);
}

/// A field of text, left out when empty, as proto3 does.
pub(crate) fn text_field<S: Sink>(out: &mut S, field: u32, text: &str) {
    present_field(out, field, text.as_bytes());
}

/// A field of bytes that is absent when they are empty, as proto3 has it.
pub(crate) fn present_field<S: Sink>(out: &mut S, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        bytes_field(out, field, bytes);
    }
}

pub(crate) fn varint_field<S: Sink>(out: &mut S, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

pub(crate) fn fixed32_field<S: Sink>(out: &mut S, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.put(&value.to_le_bytes());
}

pub(crate) fn fixed64_field<S: Sink>(out: &mut S, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.put(&value.to_le_bytes());
}

pub(crate) fn message_field<S: Sink, M: Message>(out: &mut S, field: u32, message: &M) {
    len_head(out, field, message.encoded_len());
    message.write(out);
}

/// One field of a message that a peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Bytes(&'a [u8]),
    Fixed,
    Varint(u64),
}

/// Reads the fields of a message that a peer sent, with their numbers. Ends at the first byte
/// that is not protobuf; what was read before it stands.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        // Whatever is malformed ends the iteration for good.
        self.0 = &[];
        let tag = read_varint(&mut rest)?;
        let field = match tag as u32 & 7 {
            VARINT => Field::Varint(read_varint(&mut rest)?),
            FIXED64 => {
                rest = rest.get(8..)?;
                Field::Fixed
            }
            FIXED32 => {
                rest = rest.get(4..)?;
                Field::Fixed
            }
            LEN => {
                let len = usize::try_from(read_varint(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(len)?;
                rest = after;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        self.0 = rest;
        Some((tag >> 3, field))
    }
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_varint(value: u64, expected: &[u8]) {
        let mut space = vec![0; expected.len()];
        let mut out = Fill::new(&mut space);
        varint(&mut out, value);
        assert!(out.is_complete());
        assert_eq!(space, expected);
        assert_eq!(read_varint(&mut &*space), Some(value));
    }

    #[test]
    fn varints_are_those_of_the_protobuf_guide() {
        // protobuf.dev, "Encoding": 1, 150 and -2 (as ten bytes).
        check_varint(1, &[0x01]);
        check_varint(150, &[0x96, 0x01]);
        check_varint(
            -2_i64 as u64,
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        );
        check_varint(0, &[0]);
        check_varint(127, &[0x7f]);
        check_varint(128, &[0x80, 0x01]);
    }

    #[test]
    fn fill_notices_both_kinds_of_disagreement() {
        let mut space = [0; 3];
        let mut out = Fill::new(&mut space);
        out.put(b"ab");
        assert!(!out.is_complete(), "a byte is left");
        out.put(b"cd");
        assert!(!out.is_complete(), "one byte too many");
    }

    #[test]
    fn malformed_input_ends_the_fields() {
        let cases: [(&[u8], usize); 7] = [
            (&[], 0),
            (&[0x08], 0),
            (&[0x08, 0x01, 0x0a, 0x05, b'a'], 1),
            (&[0x09, 1, 2, 3], 0),
            (&[0x0b], 0),
            (&[0xff; 30], 0),
            (
                &[
                    0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
                0,
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Fields(bytes).count(), expected, "{bytes:x?}");
        }
    }
}
