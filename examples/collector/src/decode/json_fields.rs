//! The rules of ProtoJSON that hold for every field, in one place.
//!
//! A `null` member is read as an absent one. Of repeated members the last one counts. A value of a
//! wrong type, or outside of its type's range, is counted and leaves its field as it was. Only bytes
//! that are not JSON end the reading.
//! <https://protobuf.dev/programming-guides/json/>

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

    /// Goes into a message, for [`key`](Self::key); `None` if it is not there.
    pub(super) fn message(&mut self, field: &'static str) -> Read<Option<Place>> {
        self.inside(Shape::Object, field)
    }

    /// Goes into a repeated field, for [`element`](Self::element); `None` if it is not there.
    pub(super) fn list(&mut self, field: &'static str) -> Read<Option<Place>> {
        self.inside(Shape::Array, field)
    }

    /// Goes into an element of a repeated message, which may not be `null`; `None` if it is none.
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

    /// The name of the next field of a message, in lowerCamelCase. OTLP asks senders for this form.
    /// ProtoJSON has its parsers take the names of the `.proto` files as well, such as `trace_id`.
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

    /// Whether a repeated field has another element.
    pub(super) fn element(&mut self, place: &mut Place) -> Read<bool> {
        self.reader.element(place)
    }

    /// Skips an unknown field.
    pub(super) fn skip(&mut self) -> Read {
        self.reader.skip()
    }

    /// Reads a scalar field; `None` if it is not there or `read` finds it unreadable.
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

    /// A name, key or message, cut at its limit.
    pub(super) fn name(&mut self, field: &'static str, into: &mut String) -> Read {
        if let Some(text) = self.text(field)? {
            *into = bounded_text(&text, &mut self.counts);
        }
        Ok(())
    }

    /// An integer within the range of `T`.
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

    /// An enum. OTLP asks for numbers; names are taken too, as ProtoJSON has them.
    pub(super) fn enumeration(
        &mut self,
        field: &'static str,
        by_name: impl FnOnce(&str) -> Option<i32>,
    ) -> Read<Option<i32>> {
        self.scalar(field, |scalar| enumeration(scalar, by_name))
    }

    /// An id, which OTLP writes in hex instead of base64. A malformed one is kept as such, because its
    /// span is refused for a reason of its own.
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

/// The name that ProtoJSON makes of a name in a `.proto` file: without underscores, and with a capital
/// letter after each.
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

/// The bytes of an id, and how many of them there are.
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
