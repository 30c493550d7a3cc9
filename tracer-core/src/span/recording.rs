//! A span while it records: a pooled buffer that holds the record as it will cross the ring.
//!
//! ```text
//! buffer: | head | name | tracestate | OTLP fields, in the order of the calls |
//! ```
//!
//! Attributes, events and links are encoded when they are set, so ending a span is one copy.

use std::{fmt, mem, sync::Arc};

use opentelemetry::{
    KeyValue, SpanId,
    trace::{SpanContext, Status, TraceFlags, TraceState},
};

use super::{
    attribute_index::{AttributeIndex, Mark},
    attribute_ref::Attribute,
    attributes::put_attribute,
    buffer::{Buffer, copy_short},
    end::State,
    event::put_event,
    link::{is_empty, put_link},
    over_limit::{Kind, Limits},
    record::{End, HEAD_BYTES, Head, len_u32, otlp_status},
    trace_state::put_trace_state,
    wire::{BYTES, VARINT, tag},
};
use crate::{clock::Anchor, fork, live::Watch, pipeline::SpanRecord, provider::Shared};

// Fields of opentelemetry.proto.trace.v1.Span (trace.proto, 1.11).
const ATTRIBUTES: u8 = tag(9, BYTES);
const DROPPED: [(Kind, u8); 3] = [
    (Kind::Attributes, tag(10, VARINT)),
    (Kind::Events, tag(12, VARINT)),
    (Kind::Links, tag(14, VARINT)),
];

/// What a recording span holds. Kept in a pool of the thread, so a span allocates only while the
/// pool is empty or its buffer grows.
pub(crate) struct Recording {
    /// The provider's part; here, so that a span costs no reference count of its own.
    pub(crate) shared: Arc<Shared>,
    /// The process it was made in: a forked child takes none over.
    born: u64,
    /// Invariant: starts with a head, the name and the tracestate.
    pub(super) buffer: Buffer,
    pub(super) index: AttributeIndex,
    pub(super) context: SpanContext,
    pub(crate) state: State,
    pub(super) status: Status,
    /// What makes monotonic readings wall time, for this span.
    pub(crate) anchor: Anchor,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    pub(super) name_len: u32,
    counts: Counts,
    /// Not for exporters, although it is sampled. Invariant: false in spare recordings.
    pub(crate) discarded: bool,
    /// Where a live view lists it. Invariant: nowhere, in spare recordings.
    pub(super) watch: Option<Watch>,
}

/// What was added, and what was left out.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    events: u32,
    links: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

/// What a span is born with.
pub(crate) struct Birth<'a> {
    pub(crate) parent: Option<&'a SpanContext>,
    pub(crate) scope: u32,
    pub(crate) kind: u8,
    pub(crate) name: &'a str,
    pub(crate) start_unix_nanos: u64,
    pub(crate) anchor: Anchor,
}

impl Recording {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            born: fork::generation(),
            buffer: Buffer::new(),
            index: AttributeIndex::default(),
            context: SpanContext::NONE,
            state: State::Live,
            status: Status::Unset,
            anchor: Anchor::default(),
            start_unix_nanos: 0,
            end_unix_nanos: 0,
            name_len: 0,
            counts: Counts::default(),
            discarded: false,
            watch: None,
        }
    }

    /// Whether the span started before a fork, in a parent of this process.
    #[inline]
    pub(crate) fn is_the_parents(&self) -> bool {
        self.born != fork::generation()
    }

    /// Makes a used recording ready for a new span. Its context is set before.
    #[inline(always)]
    pub(crate) fn begin(&mut self, birth: &Birth<'_>) {
        let context = &self.context;
        let (parent_span_id, parent_is_remote) =
            birth.parent.map_or((SpanId::INVALID, false), |parent| {
                (parent.span_id(), parent.is_remote())
            });
        let mut head = Head {
            scope: birth.scope,
            flags: context.trace_flags().to_u8(),
            kind: birth.kind,
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            parent_span_id,
            start_unix_nanos: birth.start_unix_nanos,
            ..Head::default()
        };
        head.set_parent_is_remote(parent_is_remote);
        self.begin_with(head, birth.name, birth.anchor);
    }

    /// The same with a head that is complete but for the lengths. Its ids are those of the context,
    /// which is set before.
    #[inline(always)]
    pub(crate) fn begin_with(&mut self, mut head: Head, name: &str, anchor: Anchor) {
        let context = &self.context;
        head.name_len = len_u32(name.len());
        let name = name.as_bytes();
        let space = self.buffer.restart(HEAD_BYTES + name.len());
        if let Some((head_space, name_space)) = space.split_first_chunk_mut() {
            head.write(head_space);
            copy_short(name_space, name);
        }
        if *context.trace_state() != TraceState::NONE {
            let len = put_trace_state(&mut self.buffer, context.trace_state());
            head.trace_state_len = len_u32(len);
            if let Some(space) = self.buffer.as_mut_slice().first_chunk_mut() {
                head.write(space);
            }
        }
        self.name_len = head.name_len;
        self.anchor = anchor;
        self.start_unix_nanos = head.start_unix_nanos;
        self.end_unix_nanos = 0;
        self.state = State::Live;
        self.index.clear();
        self.counts = Counts::default();
    }

    /// Sets an attribute; a key set before gets the new value (common/README.md "Attribute
    /// Collections": keys are unique, the last value wins).
    #[inline]
    pub(crate) fn set_attribute<A: Attribute>(&mut self, attribute: &A) {
        self.put(attribute);
    }

    #[inline(always)]
    pub(super) fn put<A: Attribute>(&mut self, attribute: &A) {
        let key = attribute.key();
        // common/README.md "Attribute": the key must be a non-empty string.
        let Some(mark) = Mark::of(key) else {
            return self.drop_attribute();
        };
        let replaced = self.index.remove(key, mark, &mut self.buffer);
        if !replaced && self.index.len() >= self.limits().max_attributes as usize {
            return self.drop_attribute();
        }
        self.index.push(mark, self.buffer.len());
        let limits = &self.shared.limits;
        let value = attribute.value();
        put_attribute(&mut self.buffer, ATTRIBUTES, key, value, limits);
        self.changed();
    }

    #[cold]
    fn drop_attribute(&mut self) {
        let dropped = &mut self.counts.dropped_attributes;
        *dropped = dropped.saturating_add(1);
    }

    pub(crate) fn add_event<A: Attribute>(
        &mut self,
        name: &str,
        unix_nanos: u64,
        attributes: &[A],
        dropped: u32,
    ) {
        let limits = &self.shared.limits;
        if self.counts.events >= limits.max_events {
            let dropped = &mut self.counts.dropped_events;
            *dropped = dropped.saturating_add(1);
            return;
        }
        self.counts.events += 1;
        put_event(
            &mut self.buffer,
            name,
            unix_nanos,
            attributes,
            dropped,
            limits,
        );
        self.changed();
    }

    pub(crate) fn add_link(
        &mut self,
        context: &SpanContext,
        attributes: &[KeyValue],
        dropped: u32,
    ) {
        if is_empty(context, attributes) {
            return;
        }
        let limits = &self.shared.limits;
        if self.counts.links >= limits.max_links {
            let dropped = &mut self.counts.dropped_links;
            *dropped = dropped.saturating_add(1);
            return;
        }
        self.counts.links += 1;
        put_link(&mut self.buffer, context, attributes, dropped, limits);
        self.changed();
    }

    /// The last error wins, `Ok` is final, and `Unset` is ignored (trace/api.md "Set Status").
    pub(crate) fn set_status(&mut self, status: Status) {
        if status != Status::Unset && self.status != Status::Ok {
            self.status = status;
            self.changed();
        }
    }

    /// Completes the record. Its bytes are the buffer, then the status message.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> [&[u8]; 2] {
        self.put_counts();
        let end = self.end();
        if let Some(space) = self.buffer.as_mut_slice().first_chunk_mut() {
            end.write(space);
        }
        [
            self.buffer.as_slice(),
            otlp_status(&self.status).1.as_bytes(),
        ]
    }

    /// Writes what was left out, which then counts no more: a second call writes nothing.
    #[inline]
    pub(crate) fn put_counts(&mut self) {
        let counts = mem::take(&mut self.counts);
        if counts.dropped_attributes | counts.dropped_events | counts.dropped_links != 0 {
            self.put_dropped(counts);
        }
    }

    #[cold]
    fn put_dropped(&mut self, counts: Counts) {
        let (attributes, events) = (counts.dropped_attributes, counts.dropped_events);
        let counts = [attributes, events, counts.dropped_links];
        for ((kind, field), count) in DROPPED.into_iter().zip(counts) {
            put_count(&mut self.buffer, field, count);
            self.shared.limits.kept_out(kind, count);
        }
    }

    #[inline]
    fn end(&self) -> End {
        let (status_code, message) = otlp_status(&self.status);
        End {
            len: len_u32(self.buffer.len() + message.len()),
            name_len: self.name_len,
            status_len: len_u32(message.len()),
            status_code,
            end_unix_nanos: self.end_unix_nanos,
        }
    }

    /// What is recorded so far. A span that is discarded counts as not sampled here.
    pub(crate) fn record(&self) -> Option<SpanRecord<'_>> {
        let (head, body) = self.buffer.as_slice().split_first_chunk::<HEAD_BYTES>()?;
        let mut head = *head;
        self.end().write(&mut head);
        let mut head = Head::read(&head)?;
        if self.discarded {
            head.flags &= !TraceFlags::SAMPLED.to_u8();
        }
        SpanRecord::of(head, body, otlp_status(&self.status).1.as_bytes())
    }

    /// Counts what somebody else left out.
    pub(crate) fn add_dropped(&mut self, attributes: u32, events: u32, links: u32) {
        let counts = &mut self.counts;
        for (dropped, more) in [
            (&mut counts.dropped_attributes, attributes),
            (&mut counts.dropped_events, events),
            (&mut counts.dropped_links, links),
        ] {
            *dropped = dropped.saturating_add(more);
        }
    }

    pub(crate) fn remove_attribute(&mut self, key: &str) -> bool {
        let removed =
            Mark::of(key).is_some_and(|mark| self.index.remove(key, mark, &mut self.buffer));
        self.changed();
        removed
    }

    /// Drops what the next span does not need, so that spare recordings hold no more than
    /// [`bytes`](Self::bytes).
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.status = Status::Unset;
        if *self.context.trace_state() != TraceState::NONE {
            self.context = SpanContext::NONE;
        }
    }

    pub(crate) fn context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn context_mut(&mut self) -> &mut SpanContext {
        &mut self.context
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.context.is_sampled()
    }

    /// Whether it records: it has not ended, and is not refused.
    pub(crate) fn is_open(&self) -> bool {
        self.state < State::Refused
    }

    pub(crate) fn set_ended(&mut self) {
        self.state = State::Ended;
    }

    /// The memory this takes, near enough.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.buffer.capacity() + self.index.bytes()
    }

    /// Sets the end, but never before the start: a wall clock that was set back must not give a
    /// negative duration.
    #[inline]
    pub(crate) fn set_end(&mut self, unix_nanos: u64) {
        self.end_unix_nanos = unix_nanos.max(self.start_unix_nanos);
    }

    /// The end that is set already; 0 if none is.
    #[inline]
    pub(crate) fn noted_end(&self) -> u64 {
        self.end_unix_nanos
    }

    fn limits(&self) -> &Limits {
        &self.shared.limits
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counts only: values may be secret.
        f.debug_struct("Recording")
            .field("name_bytes", &self.name_len)
            .field("attributes", &self.index.len())
            .field("events", &self.counts.events)
            .field("links", &self.counts.links)
            .finish_non_exhaustive()
    }
}

/// Zero is protobuf's default and is left out.
#[inline]
pub(super) fn put_count(out: &mut Buffer, tag: u8, count: u32) {
    if count != 0 {
        out.push(tag);
        out.put_varint(u64::from(count));
    }
}
