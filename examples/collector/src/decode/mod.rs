//! From request bytes to validated spans, for both encodings of OTLP.
//!
//! The decoders are the collector's own and share nothing with the exporter's encoder, so that a
//! mistake there is not mirrored here. They do not build the message as a tree of structs first:
//! two bytes of request can ask for a span or an attribute of several hundred bytes, so limits are
//! applied while reading and what is refused or cut is never kept.

pub(crate) mod any_value;
pub(crate) mod json;
mod json_fields;
mod json_reader;
pub(crate) mod json_scalar;
mod json_value;
pub(crate) mod protobuf;
mod protobuf_span;
pub(crate) mod validate;
pub(crate) mod wire;

use thiserror::Error;

use crate::model::Group;
use validate::Counts;

/// A request after decoding: what is kept, and what was not.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) groups: Vec<Group>,
    pub(crate) counts: Counts,
}

/// Why a whole request cannot be read. Says where, never what: the bytes are untrusted.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub(crate) enum DecodeError {
    #[error("malformed JSON at line {line} column {column}")]
    Json { line: usize, column: usize },
    #[error("JSON is not an OTLP request: {reason}")]
    NotARequest { reason: &'static str },
    #[error("malformed protobuf at byte {offset}: {reason}")]
    Protobuf { offset: usize, reason: &'static str },
}
