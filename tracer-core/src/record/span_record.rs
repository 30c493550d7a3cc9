//! One span's record, as processors and exporters read it.

use std::fmt;

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanKind, TraceFlags},
};

use super::{
    head::{HEAD_BYTES, Head},
    kind::span_kind,
};

/// One ended span: the fields that every span has, and the rest as OTLP protobuf.
#[derive(Clone, Copy)]
pub struct SpanRecord<'a> {
    pub(super) head: Head,
    name: &'a [u8],
    trace_state: &'a [u8],
    status_message: &'a [u8],
    fields: &'a [u8],
}

// Sizes and ids only: the contents of a span may be secret.
impl fmt::Debug for SpanRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanRecord")
            .field("trace_id", &self.head.trace_id)
            .field("span_id", &self.head.span_id)
            .field("field_bytes", &self.fields.len())
            .finish_non_exhaustive()
    }
}

impl<'a> SpanRecord<'a> {
    /// A view of a record in parts: name and tracestate as `head` has their lengths, then fields.
    pub(crate) fn of(head: Head, body: &'a [u8], status_message: &'a [u8]) -> Option<Self> {
        let (name, body) = body.split_at_checked(head.name_len as usize)?;
        let (trace_state, fields) = body.split_at_checked(head.trace_state_len as usize)?;
        Some(Self {
            head,
            name,
            trace_state,
            status_message,
            fields,
        })
    }

    /// A view of a copy without a tracestate. The lengths in `head` are those of the original.
    pub(crate) fn from_parts(
        head: Head,
        name: &'a [u8],
        fields: &'a [u8],
        status_message: &'a [u8],
    ) -> Self {
        Self {
            head,
            name,
            trace_state: &[],
            status_message,
            fields,
        }
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let head = Head::read(bytes)?;
        let body = bytes.get(HEAD_BYTES..head.len as usize)?;
        let message_at = body.len().checked_sub(head.status_len as usize)?;
        let (body, status_message) = body.split_at_checked(message_at)?;
        Self::of(head, body, status_message)
    }

    /// The id of the trace, 16 bytes, never zero.
    pub fn trace_id(&self) -> TraceId {
        self.head.trace_id
    }

    /// The id of the span, 8 bytes, never zero.
    pub fn span_id(&self) -> SpanId {
        self.head.span_id
    }

    /// The id of the parent, [`SpanId::INVALID`] for a root.
    pub fn parent_span_id(&self) -> SpanId {
        self.head.parent_span_id
    }

    /// Whether the parent lives in another process.
    pub fn parent_is_remote(&self) -> bool {
        self.head.parent_is_remote()
    }

    /// All eight W3C trace flags.
    pub fn trace_flags(&self) -> TraceFlags {
        TraceFlags::new(self.head.flags)
    }

    /// The `flags` field of an OTLP span: the W3C flags in bits 0 to 7, bit 8 set (it is known
    /// whether the parent is remote), bit 9 set when it is.
    pub fn otlp_flags(&self) -> u32 {
        u32::from(self.head.flags) | 0x100 | (u32::from(self.parent_is_remote()) << 9)
    }

    /// The kind.
    pub fn kind(&self) -> SpanKind {
        span_kind(self.head.kind)
    }

    /// The kind as OTLP numbers it, 1 (internal) to 5 (consumer).
    pub fn otlp_kind(&self) -> u8 {
        self.head.kind
    }

    /// The name.
    pub fn name(&self) -> &'a str {
        text(self.name)
    }

    /// The name as the UTF-8 bytes that it is, which spares checking them.
    pub fn name_bytes(&self) -> &'a [u8] {
        self.name
    }

    /// The `tracestate` header of the span's context, empty if there is none.
    pub fn trace_state(&self) -> &'a str {
        text(self.trace_state)
    }

    /// The same as the ASCII bytes that it is.
    pub fn trace_state_bytes(&self) -> &'a [u8] {
        self.trace_state
    }

    /// Nanoseconds since the epoch.
    pub fn start_unix_nanos(&self) -> u64 {
        self.head.start_unix_nanos
    }

    /// Nanoseconds since the epoch, never before the start: an end that is given earlier, as by a
    /// wall clock that was set back, is moved to the start.
    pub fn end_unix_nanos(&self) -> u64 {
        self.head.end_unix_nanos
    }

    /// The status code as OTLP numbers it: 0 unset, 1 ok, 2 error.
    pub fn otlp_status_code(&self) -> u8 {
        self.head.status_code
    }

    /// The description of an error status, else empty.
    pub fn status_message(&self) -> &'a str {
        text(self.status_message)
    }

    /// The same as the UTF-8 bytes that it is.
    pub fn status_message_bytes(&self) -> &'a [u8] {
        self.status_message
    }

    /// The place of the span's scope in [`SpanBatch::scopes`].
    pub fn scope_index(&self) -> usize {
        self.head.scope as usize
    }

    /// Attributes, events, links and their dropped counts, encoded as the fields 9 to 14 of
    /// `opentelemetry.proto.trace.v1.Span`, ready to be copied into a message. The counts are
    /// there once the span has ended.
    pub fn otlp_fields(&self) -> &'a [u8] {
        self.fields
    }
}

/// The caller's side copied whole strings, so the check never fails; it keeps this file free of
/// unsafe code.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
