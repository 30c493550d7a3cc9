//! One span's record, as processors and exporters read it.

use std::fmt;

use opentelemetry::{
    SpanId, TraceId,
    trace::{SpanKind, TraceFlags},
};

use super::{
    kind::span_kind,
    layout::{HEAD_BYTES, Head},
};

/// One span: the fields that every span has, and the rest as OTLP protobuf.
#[derive(Clone, Copy)]
pub struct SpanRecord<'a> {
    pub(super) head: Head,
    name: &'a [u8],
    trace_state: &'a [u8],
    status_message: &'a [u8],
    fields: &'a [u8],
}

// Only sizes and ids, because the contents of a span may be secret.
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
    /// Creates a view of a record in parts. `body` holds the name and the tracestate, with their
    /// lengths in `head`, and then the fields.
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

    /// Creates a view of a copy without a tracestate. The lengths in `head` are those of the
    /// original.
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

    /// Returns the id of the trace: 16 bytes, never zero.
    pub fn trace_id(&self) -> TraceId {
        self.head.trace_id
    }

    /// Returns the id of the span: 8 bytes, never zero.
    pub fn span_id(&self) -> SpanId {
        self.head.span_id
    }

    /// Returns the id of the parent, or [`SpanId::INVALID`] for a root.
    pub fn parent_span_id(&self) -> SpanId {
        self.head.parent_span_id
    }

    /// Returns whether the parent is in another process.
    pub fn parent_is_remote(&self) -> bool {
        self.head.parent_is_remote()
    }

    /// Returns all eight W3C trace flags.
    pub fn trace_flags(&self) -> TraceFlags {
        TraceFlags::new(self.head.flags)
    }

    /// Returns the `flags` field of an OTLP span. Bits 0 to 7 are the W3C flags, and bit 8 is set,
    /// because it is known whether the parent is remote. Bit 9 is set if the parent is remote.
    pub fn otlp_flags(&self) -> u32 {
        u32::from(self.head.flags) | 0x100 | (u32::from(self.parent_is_remote()) << 9)
    }

    /// Returns the kind.
    pub fn kind(&self) -> SpanKind {
        span_kind(self.head.kind)
    }

    /// Returns the kind's number in OTLP, 1 (internal) to 5 (consumer).
    pub fn otlp_kind(&self) -> u8 {
        self.head.kind
    }

    /// Returns the name.
    pub fn name(&self) -> &'a str {
        text(self.name)
    }

    /// Returns the name as UTF-8 bytes, without the cost of checking them.
    pub fn name_bytes(&self) -> &'a [u8] {
        self.name
    }

    /// Returns the `tracestate` header of the span's context, empty if there is none.
    pub fn trace_state(&self) -> &'a str {
        text(self.trace_state)
    }

    /// Returns the `tracestate` header as ASCII bytes.
    pub fn trace_state_bytes(&self) -> &'a [u8] {
        self.trace_state
    }

    /// Returns the start in nanoseconds since the epoch.
    pub fn start_unix_nanos(&self) -> u64 {
        self.head.start_unix_nanos
    }

    /// Returns the end in nanoseconds since the epoch. It is never before the start: an earlier
    /// end, as from a wall clock that was set back, is moved to the start.
    pub fn end_unix_nanos(&self) -> u64 {
        self.head.end_unix_nanos
    }

    /// Returns the status code's number in OTLP: 0 unset, 1 ok, 2 error.
    pub fn otlp_status_code(&self) -> u8 {
        self.head.status_code
    }

    /// Returns the description of an error status; otherwise it is empty.
    pub fn status_message(&self) -> &'a str {
        text(self.status_message)
    }

    /// Returns the description as UTF-8 bytes.
    pub fn status_message_bytes(&self) -> &'a [u8] {
        self.status_message
    }

    /// Returns the position of the span's scope in [`SpanBatch::scopes`](crate::SpanBatch::scopes).
    pub fn scope_index(&self) -> usize {
        self.head.scope as usize
    }

    /// Returns attributes, events, links and their dropped counts, encoded as the fields 9 to 14 of
    /// `opentelemetry.proto.trace.v1.Span` and ready to be copied into a message. The counts are
    /// present once the span has ended.
    pub fn otlp_fields(&self) -> &'a [u8] {
        self.fields
    }
}

/// Converts bytes to text. The caller's thread copied whole strings, so the check never fails. It
/// avoids unsafe code here.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
