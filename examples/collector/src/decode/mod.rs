//! Decodes request bytes into validated spans, for both encodings of OTLP.
//!
//! The decoders are the collector's own and share nothing with the exporter's encoder, so that a
//! mistake there is not mirrored here. They do not build the message as a tree of structs first:
//! two bytes of request can ask for a span or an attribute of several hundred bytes, so limits are
//! applied while reading, and what is rejected or cut is never kept.

mod any_value;
mod item_count;
mod json;
mod json_fields;
mod json_reader;
mod json_scalar;
mod json_value;
mod protobuf;
mod protobuf_span;
mod validate;
mod wire;

use thiserror::Error;

use crate::model::Group;

pub(crate) use item_count::MAX_ITEMS;
pub(crate) use validate::Counts;

/// An encoding of OTLP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Json,
    Protobuf,
}

/// The spans of a request that are kept, and the counts of everything that is not.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) groups: Vec<Group>,
    pub(crate) counts: Counts,
}

/// An error that makes a whole request unreadable. It names positions and never repeats the
/// untrusted bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub(crate) enum DecodeError {
    #[error("malformed JSON at line {line} column {column}")]
    Json { line: usize, column: usize },
    #[error("JSON is not an OTLP request: {reason}")]
    NotARequest { reason: &'static str },
    #[error("malformed protobuf at byte {offset}: {reason}")]
    Protobuf { offset: usize, reason: &'static str },
}

/// Decodes a request. Invalid spans are counted and left out.
///
/// # Errors
/// The body is malformed.
pub(crate) fn decode(body: &[u8], format: Format) -> Result<Decoded, DecodeError> {
    match format {
        Format::Json => json::decode(body),
        Format::Protobuf => protobuf::decode(body),
    }
}

/// Returns how many items a body holds, without decoding it: attributes, events, links and parts of
/// values. The count is exact up to [`MAX_ITEMS`] for protobuf, and may be too high for JSON.
pub(crate) fn item_count(body: &[u8], format: Format) -> usize {
    match format {
        Format::Json => item_count::json_items(body),
        Format::Protobuf => item_count::protobuf_items(body),
    }
}
