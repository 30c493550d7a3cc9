//! What a span can change of that with which it was born: it stands at the front of its buffer. And
//! attributes that are borrowed.

use opentelemetry::{
    SpanId,
    trace::{SpanContext, Status, TraceState},
};

use super::{
    attribute_ref::{AttributeRef, ValueRef},
    record::{HEAD_BYTES, Head, KIND_AT, len_u32},
    recording::Recording,
};

impl Recording {
    /// Writes the context, and the parent, of a draft that was adopted.
    pub(super) fn take_place(&mut self, parent: Option<&SpanContext>) {
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

    /// Sets a borrowed attribute. The two most usual types travel in registers: through memory, their
    /// parts would be read as a whole before they are there.
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

    /// Sets the status of an error event.
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
