//! A span while it records: a pooled buffer that holds the record as it will cross the ring.
//!
//! ```text
//! buffer: | head (filled at the end) | name | tracestate | OTLP fields, in the order of the calls |
//! ```
//!
//! Attributes, events and links are encoded when they are set, so ending a span is one copy.

use std::{borrow::Cow, fmt, sync::Arc};

use opentelemetry::{
    KeyValue, SpanId,
    trace::{SpanContext, Status, TraceState},
};

use super::{
    attribute_index::AttributeIndex,
    attributes::{attribute_field_len, put_attribute},
    limits::SpanLimits,
    record::{HEAD_BYTES, Head},
    wire::{
        BYTES, FIXED32, FIXED64, VARINT, bytes_field_len, put_bytes, put_len, put_varint, tag,
        varint_len,
    },
};
use crate::{clock::Offset, provider::Shared};

// Fields of opentelemetry.proto.trace.v1.Span and of its Event and Link (trace.proto, 1.11).
const ATTRIBUTES: u8 = tag(9, BYTES);
const DROPPED_ATTRIBUTES: u8 = tag(10, VARINT);
const EVENTS: u8 = tag(11, BYTES);
const DROPPED_EVENTS: u8 = tag(12, VARINT);
const LINKS: u8 = tag(13, BYTES);
const DROPPED_LINKS: u8 = tag(14, VARINT);
const EVENT_TIME: u8 = tag(1, FIXED64);
const EVENT_NAME: u8 = tag(2, BYTES);
const EVENT_ATTRIBUTES: u8 = tag(3, BYTES);
const EVENT_DROPPED: u8 = tag(4, VARINT);
const LINK_TRACE_ID: u8 = tag(1, BYTES);
const LINK_SPAN_ID: u8 = tag(2, BYTES);
const LINK_TRACE_STATE: u8 = tag(3, BYTES);
const LINK_ATTRIBUTES: u8 = tag(4, BYTES);
const LINK_DROPPED: u8 = tag(5, VARINT);
const LINK_FLAGS: u8 = tag(6, FIXED32);

/// What a recording span holds. Kept in a pool of the thread, so a span allocates only while the
/// pool is empty or its buffer grows.
pub(crate) struct Recording {
    /// The provider's part; here, so that a span costs no reference count of its own.
    pub(crate) shared: Arc<Shared>,
    /// Invariant: starts with `HEAD_BYTES` spare bytes, then name and tracestate.
    pub(crate) buffer: Vec<u8>,
    head: Head,
    index: AttributeIndex,
    status: Status,
    /// What makes monotonic readings wall time, for this span.
    pub(crate) offset: Offset,
    events: u32,
    links: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

/// What a span is born with.
pub(crate) struct Birth<'a> {
    pub(crate) context: &'a SpanContext,
    pub(crate) parent: Option<(SpanId, bool)>,
    pub(crate) scope: u32,
    pub(crate) kind: u8,
    pub(crate) name: &'a str,
    pub(crate) start_unix_nanos: u64,
    pub(crate) offset: Offset,
}

impl Recording {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let mut buffer = Vec::with_capacity(512);
        buffer.resize(HEAD_BYTES, 0);
        Self {
            shared,
            buffer,
            head: Head::default(),
            index: AttributeIndex::default(),
            status: Status::Unset,
            offset: Offset::default(),
            events: 0,
            links: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }

    /// Makes a used recording ready for a new span.
    pub(crate) fn begin(&mut self, birth: &Birth<'_>) {
        self.buffer.truncate(HEAD_BYTES);
        self.buffer.extend_from_slice(birth.name.as_bytes());
        let mut trace_state_len = 0;
        if *birth.context.trace_state() != TraceState::NONE {
            let header = birth.context.trace_state().header();
            self.buffer.extend_from_slice(header.as_bytes());
            trace_state_len = header.len();
        }
        let (parent, remote) = birth.parent.unwrap_or((SpanId::INVALID, false));
        self.head = Head {
            name_len: len_u32(birth.name.len()),
            trace_state_len: len_u32(trace_state_len),
            scope: birth.scope,
            flags: birth.context.trace_flags().to_u8(),
            kind: birth.kind,
            trace_id: birth.context.trace_id().to_bytes(),
            span_id: birth.context.span_id().to_bytes(),
            parent_span_id: parent.to_bytes(),
            start_unix_nanos: birth.start_unix_nanos,
            ..Head::default()
        };
        self.head.set_parent_is_remote(remote);
        self.offset = birth.offset;
        self.index.clear();
        self.status = Status::Unset;
        self.events = 0;
        self.links = 0;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }

    /// Sets an attribute; a key set before gets the new value (common/README.md "Attribute
    /// Collections": keys are unique, the last value wins).
    pub(crate) fn set_attribute(&mut self, attribute: &KeyValue) {
        let key = attribute.key.as_str();
        if key.is_empty() {
            // common/README.md "Attribute": the key must be a non-empty string.
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        let replaced = self.index.remove(key, &mut self.buffer);
        if !replaced && self.index.len() >= self.limits().max_attributes as usize {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return;
        }
        self.index.push(key, self.buffer.len());
        let max_length = self.limits().max_value_length;
        put_attribute(&mut self.buffer, ATTRIBUTES, attribute, max_length);
    }

    pub(crate) fn add_event(
        &mut self,
        name: &str,
        unix_nanos: u64,
        attributes: &[KeyValue],
        dropped: u32,
    ) {
        if self.events >= self.limits().max_events {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        self.events += 1;
        let max = self.limits().max_attributes_per_event;
        let kept = kept(attributes, max);
        let dropped = dropped.saturating_add(dropped_of(attributes, max));
        let max_length = self.limits().max_value_length;
        let len = 9
            + bytes_field_len(name.len())
            + attributes_len(kept.clone(), max_length)
            + count_len(dropped);
        put_len(&mut self.buffer, EVENTS, len);
        self.buffer.push(EVENT_TIME);
        self.buffer.extend_from_slice(&unix_nanos.to_le_bytes());
        put_bytes(&mut self.buffer, EVENT_NAME, name.as_bytes());
        for attribute in kept {
            put_attribute(&mut self.buffer, EVENT_ATTRIBUTES, attribute, max_length);
        }
        put_count(&mut self.buffer, EVENT_DROPPED, dropped);
    }

    pub(crate) fn add_link(
        &mut self,
        context: &SpanContext,
        attributes: &[KeyValue],
        dropped: u32,
    ) {
        // trace/api.md "Link": one that points nowhere and says nothing need not be recorded.
        if !context.is_valid()
            && attributes.is_empty()
            && *context.trace_state() == TraceState::NONE
        {
            return;
        }
        if self.links >= self.limits().max_links {
            self.dropped_links = self.dropped_links.saturating_add(1);
            return;
        }
        self.links += 1;
        let max = self.limits().max_attributes_per_link;
        let kept = kept(attributes, max);
        let dropped = dropped.saturating_add(dropped_of(attributes, max));
        let max_length = self.limits().max_value_length;
        let trace_state = context.trace_state().header();
        let trace_state_len = if trace_state.is_empty() {
            0
        } else {
            bytes_field_len(trace_state.len())
        };
        let len = bytes_field_len(16)
            + bytes_field_len(8)
            + trace_state_len
            + attributes_len(kept.clone(), max_length)
            + count_len(dropped)
            + 5;
        put_len(&mut self.buffer, LINKS, len);
        put_bytes(
            &mut self.buffer,
            LINK_TRACE_ID,
            &context.trace_id().to_bytes(),
        );
        put_bytes(
            &mut self.buffer,
            LINK_SPAN_ID,
            &context.span_id().to_bytes(),
        );
        if trace_state_len > 0 {
            put_bytes(&mut self.buffer, LINK_TRACE_STATE, trace_state.as_bytes());
        }
        for attribute in kept {
            put_attribute(&mut self.buffer, LINK_ATTRIBUTES, attribute, max_length);
        }
        put_count(&mut self.buffer, LINK_DROPPED, dropped);
        // trace.proto SpanFlags: the W3C flags, bit 8 "has is_remote", bit 9 "is_remote".
        let flags = u32::from(context.trace_flags().to_u8())
            | 0x100
            | (u32::from(context.is_remote()) << 9);
        self.buffer.push(LINK_FLAGS);
        self.buffer.extend_from_slice(&flags.to_le_bytes());
    }

    /// The last error wins, `Ok` is final, and `Unset` is ignored (trace/api.md "Set Status").
    pub(crate) fn set_status(&mut self, status: Status) {
        if status != Status::Unset && self.status != Status::Ok {
            self.status = status;
        }
    }

    pub(crate) fn update_name(&mut self, name: &str) {
        let old = HEAD_BYTES..HEAD_BYTES + self.head.name_len as usize;
        let (before, after) = (old.len(), name.len());
        self.buffer.splice(old, name.bytes());
        self.head.name_len = len_u32(after);
        self.index.shift(before, after);
    }

    /// Completes the record. Its bytes are the buffer, then the status message.
    pub(crate) fn finish(&mut self) -> [&[u8]; 2] {
        put_count(
            &mut self.buffer,
            DROPPED_ATTRIBUTES,
            self.dropped_attributes,
        );
        put_count(&mut self.buffer, DROPPED_EVENTS, self.dropped_events);
        put_count(&mut self.buffer, DROPPED_LINKS, self.dropped_links);
        let (code, message) = match &self.status {
            Status::Unset => (0, ""),
            Status::Ok => (1, ""),
            Status::Error { description } => (2, description.as_ref()),
        };
        self.head.status_code = code;
        self.head.status_len = len_u32(message.len());
        self.head.len = len_u32(self.buffer.len() + message.len());
        if let Some(head) = self.buffer.first_chunk_mut::<HEAD_BYTES>() {
            *head = self.head.write();
        }
        [&self.buffer, message.as_bytes()]
    }

    /// Drops what the next span does not need, so that spare recordings hold no more than
    /// [`bytes`](Self::bytes).
    pub(crate) fn forget(&mut self) {
        self.status = Status::Unset;
    }

    /// The memory this takes, near enough.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.buffer.capacity() + self.index.bytes()
    }

    pub(crate) fn set_end(&mut self, unix_nanos: u64) {
        self.head.end_unix_nanos = unix_nanos;
    }

    pub(crate) fn start_unix_nanos(&self) -> u64 {
        self.head.start_unix_nanos
    }

    pub(crate) fn name(&self) -> Cow<'_, str> {
        let name = HEAD_BYTES..HEAD_BYTES + self.head.name_len as usize;
        String::from_utf8_lossy(self.buffer.get(name).unwrap_or_default())
    }

    fn limits(&self) -> &SpanLimits {
        &self.shared.limits
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counts only: values may be secret.
        f.debug_struct("Recording")
            .field("name", &self.name())
            .field("attributes", &self.index.len())
            .field("events", &self.events)
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

/// The attributes of an event or link that are kept: up to `max`, with keys that are not empty and
/// unique, the last value of a key winning, as those of a span.
fn kept(attributes: &[KeyValue], max: u32) -> impl Iterator<Item = &KeyValue> + Clone {
    distinct(attributes).take(max as usize)
}

/// How many are not, replaced ones apart.
fn dropped_of(attributes: &[KeyValue], max: u32) -> u32 {
    let keyless = attributes.iter().filter(|one| one.key.as_str().is_empty());
    let over = distinct(attributes).skip(max as usize);
    len_u32(keyless.count() + over.count())
}

fn distinct(attributes: &[KeyValue]) -> impl Iterator<Item = &KeyValue> + Clone {
    attributes.iter().enumerate().filter_map(|(at, one)| {
        let mut later = attributes.iter().skip(at + 1);
        let replaced = later.any(|other| other.key == one.key);
        (!replaced && !one.key.as_str().is_empty()).then_some(one)
    })
}

fn attributes_len<'a>(attributes: impl Iterator<Item = &'a KeyValue>, max_length: usize) -> usize {
    attributes
        .map(|attribute| attribute_field_len(attribute, max_length))
        .sum()
}

/// Zero is protobuf's default and is left out.
fn count_len(count: u32) -> usize {
    if count == 0 {
        0
    } else {
        1 + varint_len(u64::from(count))
    }
}

fn put_count(out: &mut Vec<u8>, tag: u8, count: u32) {
    if count != 0 {
        out.push(tag);
        put_varint(out, u64::from(count));
    }
}

/// Lengths of what fits in memory; a record over 4 GiB is refused by the ring anyway.
fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
