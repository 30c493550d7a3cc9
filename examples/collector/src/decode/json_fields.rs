//! The field types of OTLP/JSON that JSON itself does not have.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::validate::{Counts, bounded_text};
use crate::model::{Kind, Status};

/// Reads `null` as the default, as the JSON mapping of protobuf has it.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Text that is cut when it is taken.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn take(self, counts: &mut Counts) -> String {
        bounded_text(&self.0, counts)
    }
}

/// The bytes of a hex string. A string that is no hex is kept as such, so that only the span it
/// names is refused and not the whole request.
#[derive(Debug, Default)]
pub(super) enum Id {
    #[default]
    Absent,
    Bytes([u8; 16], usize),
    Malformed,
}

#[derive(Debug, Default)]
pub(super) struct HexId(pub(super) Id);

impl HexId {
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Id::Bytes(bytes, len) => bytes.get(..*len).unwrap_or(&[]),
            Id::Absent | Id::Malformed => &[],
        }
    }
}

fn hex_id(text: &str) -> Id {
    if text.is_empty() {
        return Id::Absent;
    }
    let mut bytes = [0; 16];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > bytes.len() {
        return Id::Malformed;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low)) else {
            return Id::Malformed;
        };
        *byte = high << 4 | low;
    }
    Id::Bytes(bytes, pairs.len())
}

/// The value of a hex digit in either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// An unsigned integer, sent as a number or as a string of digits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UnsignedInt(pub(super) u64);

impl UnsignedInt {
    pub(super) fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

/// A signed integer, sent as a number or as a string.
pub(super) struct SignedInt(pub(super) i64);
#[derive(Debug, Default)]
pub(super) struct KindField(pub(super) Kind);
#[derive(Debug, Default)]
pub(super) struct StatusCode(pub(super) Status);
/// A float, sent as a number or, where JSON has none, as its name.
pub(super) struct Double(pub(super) f64);

/// Writes the `Deserialize` of a field that takes a string, an integer or a float.
macro_rules! scalar {
    ($type:ty, $expected:literal, $text:expr, $signed:expr, $unsigned:expr, $float:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Scalar;
                impl Visitor<'_> for Scalar {
                    type Value = $type;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($expected)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        let read: fn(&str) -> Option<$type> = $text;
                        read(text).ok_or_else(|| E::custom($expected))
                    }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<$type, E> {
                        let read: fn(i64) -> Option<$type> = $signed;
                        read(number).ok_or_else(|| E::custom($expected))
                    }
                    fn visit_u64<E: Error>(self, number: u64) -> Result<$type, E> {
                        let read: fn(u64) -> Option<$type> = $unsigned;
                        read(number).ok_or_else(|| E::custom($expected))
                    }
                    fn visit_f64<E: Error>(self, number: f64) -> Result<$type, E> {
                        let read: fn(f64) -> Option<$type> = $float;
                        read(number).ok_or_else(|| E::custom($expected))
                    }
                }
                deserializer.deserialize_any(Scalar)
            }
        }
    };
}

scalar!(
    HexId,
    "a hex string",
    |text| Some(HexId(hex_id(text))),
    |_| None,
    |_| None,
    |_| None
);
scalar!(
    UnsignedInt,
    "an unsigned integer or a string of one",
    |text| text.parse().ok().map(UnsignedInt),
    |number| u64::try_from(number).ok().map(UnsignedInt),
    |number| Some(UnsignedInt(number)),
    |_| None
);
scalar!(
    SignedInt,
    "an integer or a string of one",
    |text| text.parse().ok().map(SignedInt),
    |number| Some(SignedInt(number)),
    |number| i64::try_from(number).ok().map(SignedInt),
    |_| None
);
scalar!(
    KindField,
    "the number or name of a span kind",
    |text| Kind::from_name(text).map(KindField),
    |number| Some(KindField(Kind::from_number(number))),
    |number| Some(KindField(Kind::from_number(
        i64::try_from(number).unwrap_or(0)
    ))),
    |_| None
);
scalar!(
    StatusCode,
    "the number or name of a status code",
    |text| match text {
        "STATUS_CODE_UNSET" => Some(StatusCode(Status::Unset)),
        "STATUS_CODE_OK" => Some(StatusCode(Status::Ok)),
        "STATUS_CODE_ERROR" => Some(StatusCode(Status::Error)),
        _ => None,
    },
    |number| Some(StatusCode(Status::from_number(number))),
    |number| Some(StatusCode(Status::from_number(
        i64::try_from(number).unwrap_or(0)
    ))),
    |_| None
);
scalar!(
    Double,
    "a number or a string of one",
    |text| match text {
        "NaN" => Some(Double(f64::NAN)),
        "Infinity" => Some(Double(f64::INFINITY)),
        "-Infinity" => Some(Double(f64::NEG_INFINITY)),
        _ => text.parse().ok().map(Double),
    },
    |number| Some(Double(number as f64)),
    |number| Some(Double(number as f64)),
    |number| Some(Double(number))
);
