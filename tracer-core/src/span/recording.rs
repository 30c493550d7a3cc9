//! The contents of a span while it records: a pooled buffer with the record in its queued form.
//!
//! ```text
//! buffer: | head | name | tracestate | OTLP fields, in the order of the calls |
//! ```
//!
//! Attributes, events and links are encoded when they are set, so ending a span is one copy.

use std::{fmt, mem, sync::Arc};

use opentelemetry::{
    SpanId,
    trace::{SpanContext, Status, TraceFlags, TraceState},
};

use super::live_observer::LiveKey;
use crate::{
    clock::Anchor,
    fork,
    provider_core::ProviderCore,
    record::{
        SpanRecord,
        attribute_index::AttributeIndex,
        buffer::{Buffer, copy_short},
        layout::{End, HEAD_BYTES, Head, len_u32, otlp_status},
        limit_counters::Limit,
        trace_state::put_trace_state,
        wire::{VARINT, tag},
    },
};

// Counts of opentelemetry.proto.trace.v1.Span (trace.proto, 1.11).
const DROPPED: [(Limit, u8); 3] = [
    (Limit::Attributes, tag(10, VARINT)),
    (Limit::Events, tag(12, VARINT)),
    (Limit::Links, tag(14, VARINT)),
];

/// The state of a span.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
pub(crate) enum SpanState {
    /// It records, but has no ids yet.
    Deferred,
    Open,
    /// Its end time is set, and processors are being called. It can still be changed.
    Ending,
    /// The sampler dropped it. A deferred span keeps its contents for another parent.
    Dropped,
    /// Its record is queued, or the span is counted as dropped or not sampled.
    Ended,
}

/// The contents of a span that records. Recordings are pooled by thread, so a span allocates only
/// while the pool is empty or its buffer grows.
pub(crate) struct Recording {
    /// The provider. A spare recording keeps it, so that a new span updates no reference count.
    pub(crate) provider: Arc<ProviderCore>,
    /// The generation of the process that created this. A forked child uses none of its parent's.
    generation: u64,
    /// Invariant: starts with a head, the name and the tracestate.
    pub(super) buffer: Buffer,
    pub(super) index: AttributeIndex,
    pub(super) context: SpanContext,
    pub(crate) state: SpanState,
    pub(super) status: Status,
    /// Converts monotonic readings of this span into wall time.
    pub(crate) anchor: Anchor,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    pub(super) name_len: u32,
    pub(super) counts: Counts,
    /// Set if the span is not exported although it is sampled. Invariant: false in spare
    /// recordings.
    pub(crate) discarded: bool,
    /// Its position in the live view. Invariant: `None` in spare recordings.
    pub(super) live_key: Option<LiveKey>,
}

/// The numbers of events and links of a span, and of the data that its limits dropped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) events: u32,
    pub(super) links: u32,
    pub(super) dropped_attributes: u32,
    pub(super) dropped_events: u32,
    pub(super) dropped_links: u32,
}

/// The contents that a span starts with.
pub(crate) struct SpanStart<'a> {
    pub(crate) parent: Option<&'a SpanContext>,
    pub(crate) scope: u32,
    pub(crate) kind: u8,
    pub(crate) name: &'a str,
    pub(crate) start_unix_nanos: u64,
    pub(crate) anchor: Anchor,
}

impl Recording {
    pub(crate) fn new(provider: Arc<ProviderCore>) -> Self {
        Self {
            provider,
            generation: fork::generation(),
            buffer: Buffer::new(),
            index: AttributeIndex::default(),
            context: SpanContext::NONE,
            state: SpanState::Open,
            status: Status::Unset,
            anchor: Anchor::default(),
            start_unix_nanos: 0,
            end_unix_nanos: 0,
            name_len: 0,
            counts: Counts::default(),
            discarded: false,
            live_key: None,
        }
    }

    /// Returns whether the span started before a fork, in a parent of this process.
    #[inline]
    pub(crate) fn is_from_parent_process(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Begins a new span in a reused recording, whose context is already set.
    #[inline(always)]
    pub(crate) fn begin(&mut self, start: &SpanStart<'_>) {
        let context = &self.context;
        let (parent_span_id, parent_is_remote) =
            start.parent.map_or((SpanId::INVALID, false), |parent| {
                (parent.span_id(), parent.is_remote())
            });
        let mut head = Head {
            scope: start.scope,
            flags: context.trace_flags().to_u8(),
            kind: start.kind,
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            parent_span_id,
            start_unix_nanos: start.start_unix_nanos,
            ..Head::default()
        };
        head.set_parent_is_remote(parent_is_remote);
        self.begin_with(head, start.name, start.anchor);
    }

    /// Begins a new span with a head that is complete except for the lengths. Its ids are those of
    /// the context, which is already set.
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
        self.state = SpanState::Open;
        self.index.clear();
        self.counts = Counts::default();
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

    /// Writes the counts of dropped data and resets them, so that a second call writes nothing.
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
        for ((limit, field), count) in DROPPED.into_iter().zip(counts) {
            self.buffer.put_count(field, count);
            self.provider.limits.count_dropped(limit, count);
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

    /// Returns the record so far. In it, a discarded span appears as not sampled.
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

    /// Drops values that the next span does not need, so that spare recordings take no more memory
    /// than [`bytes`](Self::bytes) returns.
    #[inline]
    pub(crate) fn clear(&mut self) {
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

    /// Returns whether the span records: it has neither ended, nor has the sampler dropped it.
    pub(crate) fn is_open(&self) -> bool {
        self.state < SpanState::Dropped
    }

    pub(crate) fn set_ended(&mut self) {
        self.state = SpanState::Ended;
    }

    /// Returns approximately how much memory the recording takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.buffer.capacity() + self.index.bytes()
    }

    /// Sets the end, at the earliest to the start: a wall clock that was set back must not produce
    /// a negative duration.
    #[inline]
    pub(crate) fn set_end(&mut self, unix_nanos: u64) {
        self.end_unix_nanos = unix_nanos.max(self.start_unix_nanos);
    }

    /// Returns the end that was set before, or 0.
    #[inline]
    pub(crate) fn noted_end(&self) -> u64 {
        self.end_unix_nanos
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only counts, because values may be secret.
        f.debug_struct("Recording")
            .field("name_bytes", &self.name_len)
            .field("attributes", &self.index.len())
            .field("events", &self.counts.events)
            .field("links", &self.counts.links)
            .finish_non_exhaustive()
    }
}
