//! A bounded reader of protobuf's wire format over borrowed bytes.
//!
//! Nothing is allocated and nothing recurses: a message is a slice, and a nested message is a
//! shorter slice of it. Groups (wire types 3 and 4) are not part of proto3 and are refused.
//! <https://protobuf.dev/programming-guides/encoding/>

use std::borrow::Cow;

use super::DecodeError;
use super::validate::Text;

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(Slice<'a>),
}

/// Bytes with their place in the request, so that errors can name it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slice<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Slice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the bytes as text. proto3 requires UTF-8; invalid parts become replacement
    /// characters.
    pub(crate) fn text(self) -> Text<'a> {
        let text = String::from_utf8_lossy(self.bytes);
        let replaced = matches!(text, Cow::Owned(_));
        Text { text, replaced }
    }

    /// The fields of this message, in order.
    pub(crate) fn fields(self) -> Fields<'a> {
        Fields {
            rest: self.bytes,
            end: self.offset + self.bytes.len(),
        }
    }
}

/// Walks the fields of a message. Ends after the first error.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    // Offset just past the message, so that the current offset is `end - rest.len()`.
    end: usize,
}

impl<'a> Fields<'a> {
    fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    fn error(&self, reason: &'static str) -> DecodeError {
        DecodeError::Protobuf {
            offset: self.offset(),
            reason,
        }
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().enumerate().take(10) {
            let low = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if index == 9 && low > 1 {
                return Err(self.error("varint is longer than 64 bits"));
            }
            value |= low << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or(&[]);
                return Ok(value);
            }
        }
        Err(self.error(if self.rest.len() < 10 {
            "varint is cut off"
        } else {
            "varint is longer than 64 bits"
        }))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.error("field is cut off"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.error("field is cut off"));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn read(&mut self) -> Result<(u32, Field<'a>), DecodeError> {
        let key = self.varint()?;
        let Some(number) = u32::try_from(key >> 3)
            .ok()
            .filter(|n| (1..1 << 29).contains(n))
        else {
            return Err(self.error("field number is out of range"));
        };
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = self.varint()?;
                let len = usize::try_from(len).map_err(|_| self.error("length is out of range"))?;
                let offset = self.offset();
                Field::Bytes(Slice {
                    bytes: self.take(len)?,
                    offset,
                })
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(self.error("wire type is not one of proto3")),
        };
        Ok((number, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Field<'_>)>, DecodeError> {
        Slice::new(bytes).fields().collect()
    }

    // The examples of the encoding guide: `08 96 01` is field 1 = 150, `12 07 testing` a string.
    #[test]
    fn the_guides_examples_read_as_it_says() {
        assert_eq!(all(&[0x08, 0x96, 0x01]), Ok(vec![(1, Field::Varint(150))]));
        let fields = all(b"\x12\x07testing").unwrap();
        let [(2, Field::Bytes(text))] = fields.as_slice() else {
            panic!("{fields:?}")
        };
        assert_eq!(text.text().text, "testing");
        assert_eq!(all(&[0x25, 1, 0, 0, 0]), Ok(vec![(4, Field::Fixed32(1))]));
        assert_eq!(
            all(&[0x21, 2, 0, 0, 0, 0, 0, 0, 0]),
            Ok(vec![(4, Field::Fixed64(2))])
        );
    }

    #[test]
    fn broken_input_is_an_error_with_its_place() {
        #[track_caller]
        fn check(bytes: &[u8], offset: usize, reason: &'static str) {
            assert_eq!(all(bytes), Err(DecodeError::Protobuf { offset, reason }));
        }
        check(&[0x08], 1, "varint is cut off");
        check(&[0x08, 0x80], 1, "varint is cut off");
        check(
            &[&[0x08][..], &[0xff; 10]].concat(),
            1,
            "varint is longer than 64 bits",
        );
        check(
            &[&[0x08][..], &[0x80; 9], &[2]].concat(),
            1,
            "varint is longer than 64 bits",
        );
        check(&[0x0a, 5, b'x'], 2, "field is cut off");
        check(&[0x0d, 1, 2], 1, "field is cut off");
        check(&[0x0b], 1, "wire type is not one of proto3");
        check(&[0x00, 0x00], 1, "field number is out of range");
        check(
            &[&[0x0a][..], &[0xff; 9], &[1]].concat(),
            11,
            "field is cut off",
        );
    }

    #[test]
    fn a_nested_message_keeps_its_place_in_the_request() {
        let fields = all(&[0x0a, 0x03, 0x0a, 0x02, 0xff]).unwrap();
        let [(1, Field::Bytes(outer))] = fields.as_slice() else {
            panic!("{fields:?}")
        };
        let inner: Result<Vec<_>, _> = outer.fields().collect();
        assert_eq!(
            inner,
            Err(DecodeError::Protobuf {
                offset: 4,
                reason: "field is cut off"
            })
        );
    }

    // One replacement character for each part that could not begin a character, as the WHATWG
    // Encoding Standard has it.
    #[test]
    fn text_that_is_not_utf_8_keeps_what_is() {
        for (bytes, expected, replaced) in [
            (&b"a\xc3\xa9"[..], "a\u{e9}", false),
            (b"a\xffb", "a\u{fffd}b", true),
            (b"\xf0\x9f\x98", "\u{fffd}", true),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}", true),
        ] {
            let text = expected.into();
            assert_eq!(Slice::new(bytes).text(), Text { text, replaced });
        }
    }
}
