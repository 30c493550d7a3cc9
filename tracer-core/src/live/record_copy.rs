//! A bounded copy of the contents of a span.

use std::{fmt, time::Duration};

use opentelemetry::InstrumentationScope;

use super::{bucket::latency, thread::ThreadTag};
use crate::record::{SpanRecord, layout::Head, wire::next_field};

/// The maximum number of bytes that are kept of a name or a status description.
pub(super) const MAX_TEXT_BYTES: usize = 256;

/// The maximum number of attributes, events and links that are considered, so that a copy takes a
/// bounded time.
const MAX_FIELDS: usize = 128;

/// A copy of a record without its tracestate: name, fields and status description, one after the
/// other.
#[derive(Clone, Default)]
pub(super) struct RecordCopy {
    head: Head,
    bytes: Vec<u8>,
    name_len: usize,
    fields_len: usize,
    is_truncated: bool,
}

impl RecordCopy {
    /// Replaces this copy with a copy of another record, with at most `max_field_bytes` of its
    /// fields.
    pub(super) fn fill(&mut self, record: &SpanRecord<'_>, max_field_bytes: usize) {
        let name = cut(record.name());
        let status = cut(record.status_message());
        self.head = record.head();
        self.is_truncated = name.len() < record.name_bytes().len()
            || status.len() < record.status_message_bytes().len();
        self.name_len = name.len();
        self.bytes.clear();
        self.bytes.extend_from_slice(name.as_bytes());
        let fields = record.otlp_fields();
        if fields.len() <= max_field_bytes {
            self.bytes.extend_from_slice(fields);
        } else {
            self.is_truncated = true;
            self.put_what_fits(fields, max_field_bytes);
        }
        self.fields_len = self.bytes.len() - self.name_len;
        self.bytes.extend_from_slice(status.as_bytes());
    }

    fn put_what_fits(&mut self, fields: &[u8], max_bytes: usize) {
        let (mut rest, mut left) = (fields, max_bytes);
        for _ in 0..MAX_FIELDS {
            let before = rest;
            if next_field(&mut rest).is_none() {
                return;
            }
            let field = before.get(..before.len() - rest.len()).unwrap_or_default();
            if field.len() <= left {
                left -= field.len();
                self.bytes.extend_from_slice(field);
            }
        }
    }

    pub(super) fn record(&self) -> SpanRecord<'_> {
        let split = self.bytes.split_at_checked(self.name_len);
        let (name, rest) = split.unwrap_or_default();
        let (fields, status) = rest.split_at_checked(self.fields_len).unwrap_or_default();
        SpanRecord::from_parts(self.head, name, fields, status)
    }

    pub(super) fn scope_index(&self) -> usize {
        self.record().scope_index()
    }
}

/// Returns the beginning of a text, at most [`MAX_TEXT_BYTES`] of it.
pub(super) fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES))
        .unwrap_or_default()
}

/// A span that had not ended when the view was read.
#[derive(Clone)]
pub struct RunningSpan {
    pub(super) copy: RecordCopy,
    pub(super) scope: Option<InstrumentationScope>,
    pub(super) age: Duration,
    pub(super) thread: Option<ThreadTag>,
}

impl RunningSpan {
    /// Returns the contents of the span when the view was read. They have no end, no tracestate and
    /// no counts of dropped items.
    pub fn record(&self) -> SpanRecord<'_> {
        self.copy.record()
    }

    /// Returns the instrumentation scope of the span's tracer. `None` if the provider is gone.
    pub fn scope(&self) -> Option<&InstrumentationScope> {
        self.scope.as_ref()
    }

    /// Returns how long the span had been running, by the clock of its provider.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns the thread on which the span started. `None` if that thread was ending.
    pub fn thread_id(&self) -> Option<std::thread::ThreadId> {
        self.thread.as_ref().map(ThreadTag::id)
    }

    /// Returns the name of that thread.
    pub fn thread_name(&self) -> Option<&str> {
        self.thread.as_ref()?.name()
    }

    /// Returns whether parts of the span were left out because of their size.
    pub fn is_truncated(&self) -> bool {
        self.copy.is_truncated
    }
}

/// A span that has ended, as far as the view has kept it.
#[derive(Clone)]
pub struct EndedSpan {
    pub(super) copy: RecordCopy,
    pub(super) scope: InstrumentationScope,
}

impl EndedSpan {
    /// Returns the contents of the span, except for its tracestate. A span that was
    /// [discarded](crate::Span::discard) is marked as not sampled.
    pub fn record(&self) -> SpanRecord<'_> {
        self.copy.record()
    }

    /// Returns the instrumentation scope of the span's tracer.
    pub fn scope(&self) -> &InstrumentationScope {
        &self.scope
    }

    /// Returns the time from the span's start to its end.
    pub fn latency(&self) -> Duration {
        latency(&self.record())
    }

    /// Returns whether parts of the span were left out because of their size.
    pub fn is_truncated(&self) -> bool {
        self.copy.is_truncated
    }
}

// Ids only: attributes and names may be secret.
impl fmt::Debug for RunningSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningSpan")
            .field("record", &self.record())
            .field("age", &self.age)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EndedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndedSpan")
            .field("record", &self.record())
            .finish_non_exhaustive()
    }
}
