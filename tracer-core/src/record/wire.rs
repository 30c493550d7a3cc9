//! Protobuf's wire format, as far as a span's attributes, events and links need it.
//!
//! Encoding: a varint has its low bits first, 7 bits per byte. The key of a field is its number
//! times 8 plus the wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes).
//! Source: protobuf.dev, "Encoding".

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const BYTES: u8 = 2;
pub(crate) const FIXED32: u8 = 5;

/// Returns the first byte of a field with a number up to 15.
pub(crate) const fn tag(field: u8, wire_type: u8) -> u8 {
    (field << 3) | wire_type
}

/// Returns how many bytes a varint takes.
pub(crate) const fn varint_len(value: u64) -> usize {
    // 7 bits a byte, and one byte for zero.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Returns the size of a field of `len` bytes with its tag and its length.
pub(crate) const fn bytes_field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Reads the next field and its number. Returns `None` at the end, or if the bytes are not a
/// message.
pub(crate) fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = varint(rest)?;
    let field = match (key & 7) as u8 {
        VARINT => Field::Varint(varint(rest)?),
        FIXED64 => Field::Fixed64(u64::from_le_bytes(chunk(rest)?)),
        FIXED32 => Field::Fixed32(u32::from_le_bytes(chunk(rest)?)),
        BYTES => {
            let len = usize::try_from(varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(len)?;
            *rest = after;
            Field::Bytes(bytes)
        }
        _ => return None,
    };
    Some((key >> 3, field))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn chunk<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::buffer::Buffer;

    #[test]
    fn varint_length_is_what_is_written_and_reads_back() {
        for bits in 0..64 {
            for value in [(1_u64 << bits) - 1, 1 << bits, u64::MAX] {
                let mut out = Buffer::new();
                out.put_varint(value);
                assert_eq!(out.len(), varint_len(value), "{value}");
                assert_eq!(out.len(), prost::length_delimiter_len(value as usize));
                assert_eq!(varint(&mut out.as_slice()), Some(value));
            }
        }
    }

    #[test]
    fn cut_or_endless_bytes_are_no_field() {
        assert_eq!(next_field(&mut [tag(1, BYTES), 5, 1].as_slice()), None);
        assert_eq!(next_field(&mut [tag(1, FIXED64), 5, 1].as_slice()), None);
        assert_eq!(next_field(&mut [0xff; 20].as_slice()), None);
        assert_eq!(next_field(&mut [].as_slice()), None);
    }
}
