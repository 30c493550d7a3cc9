//! Encodes events as `opentelemetry.proto.trace.v1.Span.Event` messages (trace.proto, 1.11).

use super::{
    attribute_ref::Attribute,
    attributes::put_distinct,
    buffer::Buffer,
    limit_counters::{Limit, Limits},
    wire::{BYTES, FIXED64, VARINT, tag},
};

const EVENTS: u8 = tag(11, BYTES);
const TIME: u8 = tag(1, FIXED64);
const NAME: u8 = tag(2, BYTES);
const ATTRIBUTES: u8 = tag(3, BYTES);
const DROPPED: u8 = tag(4, VARINT);

/// Appends an event. `dropped` is the number of attributes that were already left out.
pub(crate) fn put_event<A: Attribute>(
    out: &mut Buffer,
    name: &str,
    unix_nanos: u64,
    attributes: &[A],
    dropped: u32,
    limits: &Limits,
) {
    out.nest(EVENTS, |out| {
        let time = out.append(9);
        if let Some((tag, time)) = time.split_first_mut()
            && let Some(time) = time.first_chunk_mut()
        {
            *tag = TIME;
            *time = unix_nanos.to_le_bytes();
        }
        out.put_bytes(NAME, name.as_bytes());
        let max = limits.max_attributes_per_event;
        let more = put_distinct(out, ATTRIBUTES, attributes, max, limits);
        if more > 0 {
            limits.count_dropped(Limit::EventAttributes, more);
        }
        out.put_count(DROPPED, dropped.saturating_add(more));
    });
}
