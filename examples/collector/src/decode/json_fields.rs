//! The rules of ProtoJSON that hold for every field, in one place.
//!
//! A member that is `null` is treated as absent. Of repeated members, the last one is kept. A value
//! of a wrong type or out of range is counted, and its field stays as it was. Only malformed JSON
//! ends the reading. <https://protobuf.dev/programming-guides/json/>

use std::borrow::Cow;

use super::json_reader::{Malformed, Place, Reader, Scalar, Shape};
use super::json_scalar::{double, enumeration, hex_digit, integer};
use super::validate::{Counts, Text, bounded_text};

/// The result of reading a field.
pub(super) type Read<T = ()> = Result<T, Malformed>;

/// Reads the fields of messages.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) counts: Counts,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Read<Self> {
        Ok(Self {
            reader: Reader::new(bytes)?,
            counts: Counts::default(),
        })
    }

    /// Enters a message, whose fields [`key`](Self::key) finds. Returns `None` if it is absent.
    pub(super) fn message(&mut self, field: &'static str) -> Read<Option<Place>> {
        self.inside(Shape::Object, field)
    }

    /// Enters a repeated field, whose elements [`element`](Self::element) finds. Returns `None` if
    /// it is absent.
    pub(super) fn list(&mut self, field: &'static str) -> Read<Option<Place>> {
        self.inside(Shape::Array, field)
    }

    /// Enters an element of a repeated message. Returns `None` if it is not an object: `null` is
    /// not allowed here.
    pub(super) fn element_message(&mut self, field: &'static str) -> Read<Option<Place>> {
        if self.reader.shape()? == Shape::Object {
            return Ok(Some(self.reader.enter()));
        }
        self.reader.skip()?;
        self.counts.note_unreadable(field);
        Ok(None)
    }

    fn inside(&mut self, wanted: Shape, field: &'static str) -> Read<Option<Place>> {
        let shape = self.reader.shape()?;
        if shape == wanted {
            return Ok(Some(self.reader.enter()));
        }
        let absent = shape == Shape::Scalar && self.reader.scalar()? == Scalar::Null;
        if shape != Shape::Scalar {
            self.reader.skip()?;
        }
        if !absent {
            self.counts.note_unreadable(field);
        }
        Ok(None)
    }

    /// Returns the name of the next field of a message in lowerCamelCase, the form that OTLP
    /// requires. As in ProtoJSON, the names of the `.proto` files, such as `trace_id`, are accepted
    /// too.
    pub(super) fn key(&mut self, place: &mut Place) -> Read<Option<Cow<'a, str>>> {
        let key = self.reader.key(place)?;
        Ok(key.map(|key| {
            if key.contains('_') {
                camel_case(&key).into()
            } else {
                key
            }
        }))
    }

    /// Returns whether a repeated field has another element.
    pub(super) fn element(&mut self, place: &mut Place) -> Read<bool> {
        self.reader.element(place)
    }

    /// Skips an unknown field.
    pub(super) fn skip(&mut self) -> Read {
        self.reader.skip()
    }

    /// Reads a scalar field. Returns `None` if it is absent or `read` does not accept it.
    pub(super) fn scalar<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&Scalar<'a>) -> Option<T>,
    ) -> Read<Option<T>> {
        if self.reader.shape()? != Shape::Scalar {
            self.reader.skip()?;
            self.counts.note_unreadable(field);
            return Ok(None);
        }
        let scalar = self.reader.scalar()?;
        let value = read(&scalar);
        if value.is_none() && scalar != Scalar::Null {
            self.counts.note_unreadable(field);
        }
        Ok(value)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Read<Option<Text<'a>>> {
        self.scalar(field, |scalar| match scalar {
            Scalar::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// Reads a name, key or message, cut at its limit.
    pub(super) fn name(&mut self, field: &'static str, into: &mut String) -> Read {
        if let Some(text) = self.text(field)? {
            *into = bounded_text(&text, &mut self.counts);
        }
        Ok(())
    }

    /// Reads an integer within the range of `T`.
    pub(super) fn number<T: TryFrom<i128>>(&mut self, field: &'static str, into: &mut T) -> Read {
        let read = self.scalar(field, |scalar| T::try_from(integer(scalar)?).ok());
        if let Some(number) = read? {
            *into = number;
        }
        Ok(())
    }

    pub(super) fn double(&mut self, field: &'static str) -> Read<Option<f64>> {
        self.scalar(field, double)
    }

    pub(super) fn boolean(&mut self, field: &'static str) -> Read<Option<bool>> {
        self.scalar(field, |scalar| match scalar {
            Scalar::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// Reads an enum. OTLP requires numbers; names are accepted too, as in ProtoJSON.
    pub(super) fn enumeration(
        &mut self,
        field: &'static str,
        by_name: impl FnOnce(&str) -> Option<i32>,
    ) -> Read<Option<i32>> {
        self.scalar(field, |scalar| enumeration(scalar, by_name))
    }

    /// Reads an id, which OTLP writes in hex instead of base64. A malformed id is not counted here:
    /// its span is rejected, which has a count of its own.
    pub(super) fn id(&mut self, into: &mut Id) -> Read {
        *into = match self.reader.shape()? {
            Shape::Scalar => match self.reader.scalar()? {
                Scalar::Null => return Ok(()),
                Scalar::Text(text) => Id::from_hex(&text.text),
                Scalar::Bool(_) | Scalar::Number(_) => Id::Malformed,
            },
            Shape::Array | Shape::Object => {
                self.reader.skip()?;
                Id::Malformed
            }
        };
        Ok(())
    }
}

/// Returns the ProtoJSON form of a name in a `.proto` file: each underscore is removed, and the
/// letter after it is a capital one.
fn camel_case(name: &str) -> String {
    let mut after_underscore = false;
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if character == '_' {
            after_underscore = true;
        } else if std::mem::take(&mut after_underscore) {
            out.push(character.to_ascii_uppercase());
        } else {
            out.push(character);
        }
    }
    out
}

/// The bytes of an id and their number.
#[derive(Debug, Default)]
pub(super) enum Id {
    #[default]
    Absent,
    Bytes([u8; 16], usize),
    Malformed,
}

impl Id {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes, len) => bytes.get(..*len).unwrap_or(&[]),
            Self::Absent | Self::Malformed => &[],
        }
    }

    fn from_hex(text: &str) -> Self {
        if text.is_empty() {
            return Self::Absent;
        }
        let mut bytes = [0; 16];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || pairs.len() > bytes.len() {
            return Self::Malformed;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
                return Self::Malformed;
            };
            *byte = high << 4 | low;
        }
        Self::Bytes(bytes, pairs.len())
    }
}
