//! The setters of a recording. They append attributes, events and links to its buffer in encoded
//! form, and change the name and the kind at the front of the buffer.

use opentelemetry::{
    KeyValue, SpanId,
    trace::{SpanContext, Status, TraceState},
};

use super::recording::Recording;
use crate::record::{
    Attribute, AttributeRef, ValueRef,
    attribute_index::Mark,
    attributes::put_attribute,
    event::put_event,
    layout::{HEAD_BYTES, Head, KIND_AT, len_u32},
    limit_counters::Limits,
    link::{is_empty, put_link},
    wire::{BYTES, tag},
};

/// The tag of the attributes in opentelemetry.proto.trace.v1.Span (trace.proto, 1.11).
const ATTRIBUTES: u8 = tag(9, BYTES);

impl Recording {
    /// Sets an attribute. A key that was set before gets the new value (common/README.md "Attribute
    /// Collections": keys are unique, the last value wins).
    // Not inlined: inlining into the trait's method would add 10 instructions to 250.
    #[inline(never)]
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
        let limits = &self.provider.limits;
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
        let limits = &self.provider.limits;
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
        let limits = &self.provider.limits;
        if self.counts.links >= limits.max_links {
            let dropped = &mut self.counts.dropped_links;
            *dropped = dropped.saturating_add(1);
            return;
        }
        self.counts.links += 1;
        put_link(&mut self.buffer, context, attributes, dropped, limits);
        self.changed();
    }

    /// Sets the status. The last error wins, `Ok` is final, and `Unset` is ignored (trace/api.md
    /// "Set Status").
    pub(crate) fn set_status(&mut self, status: Status) {
        if status != Status::Unset && self.status != Status::Ok {
            self.status = status;
            self.changed();
        }
    }

    /// Adds counts of data that the caller has already dropped.
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

    fn limits(&self) -> &Limits {
        &self.provider.limits
    }

    /// Writes the ids of the context, and the parent, into a record that began without them.
    pub(crate) fn write_parent(&mut self, parent: Option<&SpanContext>) {
        let bytes = self.buffer.as_slice();
        let Some(mut head) = Head::written(bytes) else {
            return;
        };
        head.flags = self.context.trace_flags().to_u8();
        head.trace_id = self.context.trace_id();
        head.span_id = self.context.span_id();
        head.parent_span_id = parent.map_or(SpanId::INVALID, SpanContext::span_id);
        head.set_parent_is_remote(parent.is_some_and(SpanContext::is_remote));
        let before = head.trace_state_len as usize;
        if before > 0 || *self.context.trace_state() != TraceState::NONE {
            let header = self.context.trace_state().header();
            let at = HEAD_BYTES + self.name_len as usize;
            self.buffer.replace(at..at + before, header.as_bytes());
            self.index.shift(0, before, header.len());
            head.trace_state_len = len_u32(header.len());
        }
        if let Some(space) = self.buffer.as_mut_slice().first_chunk_mut() {
            head.write(space);
        }
    }

    /// Sets a borrowed attribute. Values of the two most common types are passed in registers. If
    /// they were passed through memory, they would be read as a whole before the writes of their
    /// parts are done.
    #[inline(always)]
    pub(super) fn set_attribute_ref(&mut self, attribute: AttributeRef<'_>) {
        match attribute.value {
            ValueRef::I64(int) => self.set_i64(attribute.key, int),
            ValueRef::Str(string) => self.set_str(attribute.key, string),
            _ => self.set_attribute(&attribute),
        }
    }

    fn set_i64(&mut self, key: &str, int: i64) {
        self.put(&AttributeRef::new(key, ValueRef::I64(int)));
    }

    fn set_str(&mut self, key: &str, string: &str) {
        self.put(&AttributeRef::new(key, ValueRef::Str(string)));
    }

    /// Sets the status of an error event. A status without a text does not replace an earlier
    /// status.
    pub(super) fn set_event_status(&mut self, status: Status) {
        let has_text = matches!(&status, Status::Error { description } if !description.is_empty());
        if has_text || self.status == Status::Unset {
            self.set_status(status);
        }
    }

    pub(crate) fn set_kind(&mut self, kind: u8) {
        if let Some(place) = self.buffer.as_mut_slice().get_mut(KIND_AT) {
            *place = kind;
        }
        self.changed();
    }

    pub(crate) fn update_name(&mut self, name: &str) {
        let before = self.name_len as usize;
        self.buffer
            .replace(HEAD_BYTES..HEAD_BYTES + before, name.as_bytes());
        self.name_len = len_u32(name.len());
        self.index.shift(0, before, name.len());
        self.changed();
    }
}
