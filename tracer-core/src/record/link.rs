//! Encodes links as `opentelemetry.proto.trace.v1.Span.Link` messages (trace.proto, 1.11).

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, TraceState},
};

use super::{
    attributes::put_distinct,
    buffer::Buffer,
    limit_counters::{Limit, Limits},
    trace_state::put_trace_state,
    wire::{BYTES, FIXED32, VARINT, tag},
};

const LINKS: u8 = tag(13, BYTES);
const TRACE_ID: u8 = tag(1, BYTES);
const SPAN_ID: u8 = tag(2, BYTES);
const TRACE_STATE: u8 = tag(3, BYTES);
const ATTRIBUTES: u8 = tag(4, BYTES);
const DROPPED: u8 = tag(5, VARINT);
const FLAGS: u8 = tag(6, FIXED32);

/// Returns whether a link has an invalid context, no attributes and no `tracestate`. Such a link
/// need not be recorded (trace/api.md "Link").
pub(crate) fn is_empty(context: &SpanContext, attributes: &[KeyValue]) -> bool {
    !context.is_valid() && attributes.is_empty() && *context.trace_state() == TraceState::NONE
}

/// Appends a link. `dropped` is the number of attributes that were already left out.
pub(crate) fn put_link(
    out: &mut Buffer,
    context: &SpanContext,
    attributes: &[KeyValue],
    dropped: u32,
    limits: &Limits,
) {
    out.nest(LINKS, |out| {
        out.put_bytes(TRACE_ID, &context.trace_id().to_bytes());
        out.put_bytes(SPAN_ID, &context.span_id().to_bytes());
        if *context.trace_state() != TraceState::NONE {
            out.nest(TRACE_STATE, |out| {
                put_trace_state(out, context.trace_state())
            });
        }
        let max = limits.max_attributes_per_link;
        let more = put_distinct(out, ATTRIBUTES, attributes, max, limits);
        if more > 0 {
            limits.count_dropped(Limit::LinkAttributes, more);
        }
        out.put_count(DROPPED, dropped.saturating_add(more));
        // trace.proto SpanFlags: the W3C flags, bit 8 "has is_remote", bit 9 "is_remote".
        let flags = u32::from(context.trace_flags().to_u8())
            | 0x100
            | (u32::from(context.is_remote()) << 9);
        out.push(FLAGS);
        out.extend(&flags.to_le_bytes());
    });
}
