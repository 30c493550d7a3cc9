//! One span, with its events, links and status, from protobuf.

use super::DecodeError;
use super::any_value::push_attribute;
use super::protobuf::add_dropped;
use super::validate::{
    Counts, InvalidSpan, MAX_EVENTS, MAX_LINKS, bounded_text, parent_id, span_id, times, trace_id,
};
use super::wire::{Field, Slice};
use crate::model::{Event, Kind, Link, Span, Status};

/// Reads a span. The outer error is about the bytes, the inner one about this span alone.
pub(super) fn span(
    message: Slice<'_>,
    counts: &mut Counts,
) -> Result<Result<Span, InvalidSpan>, DecodeError> {
    let mut span = Span::default();
    let mut ids: [&[u8]; 3] = [&[]; 3];
    for field in message.fields() {
        match field? {
            (1, Field::Bytes(id)) => ids[0] = id.bytes(),
            (2, Field::Bytes(id)) => ids[1] = id.bytes(),
            (3, Field::Bytes(state)) => span.trace_state = bounded_text(&state.text(), counts),
            (4, Field::Bytes(id)) => ids[2] = id.bytes(),
            (5, Field::Bytes(name)) => span.name = bounded_text(&name.text(), counts),
            (6, Field::Varint(kind)) => {
                span.kind = counts.known("kind", Kind::known(kind.cast_signed()));
            }
            (7, Field::Fixed64(nanos)) => span.start_nanos = nanos,
            (8, Field::Fixed64(nanos)) => span.end_nanos = nanos,
            (9, Field::Bytes(attribute)) => {
                push_attribute(&mut span.attributes, attribute, counts)?
            }
            (10, Field::Varint(count)) => add_dropped(&mut span.attributes.dropped, count),
            (11, Field::Bytes(encoded)) => {
                if span.events.len() < MAX_EVENTS {
                    span.events.push(event(encoded, counts)?);
                } else {
                    add_dropped(&mut span.dropped_events, 1);
                    counts.drop_over_limit();
                }
            }
            (12, Field::Varint(count)) => add_dropped(&mut span.dropped_events, count),
            (13, Field::Bytes(encoded)) => {
                if span.links.len() < MAX_LINKS {
                    push_link(&mut span, encoded, counts)?;
                } else {
                    add_dropped(&mut span.dropped_links, 1);
                    counts.drop_over_limit();
                }
            }
            (14, Field::Varint(count)) => add_dropped(&mut span.dropped_links, count),
            (15, Field::Bytes(status)) => {
                for field in status.fields() {
                    match field? {
                        (2, Field::Bytes(text)) => {
                            span.status_message = bounded_text(&text.text(), counts);
                        }
                        (3, Field::Varint(code)) => {
                            let status = Status::known(code.cast_signed());
                            span.status = counts.known("code", status);
                        }
                        _ => {}
                    }
                }
            }
            (16, Field::Fixed32(flags)) => span.flags = flags,
            _ => {}
        }
    }
    Ok(check(span, ids))
}

fn check(mut span: Span, [trace, own, parent]: [&[u8]; 3]) -> Result<Span, InvalidSpan> {
    span.trace_id = trace_id(trace)?;
    span.span_id = span_id(own)?;
    span.parent = parent_id(parent)?;
    times(&span)?;
    Ok(span)
}

fn event(message: Slice<'_>, counts: &mut Counts) -> Result<Event, DecodeError> {
    let mut event = Event::default();
    for field in message.fields() {
        match field? {
            (1, Field::Fixed64(nanos)) => event.time_nanos = nanos,
            (2, Field::Bytes(name)) => event.name = bounded_text(&name.text(), counts),
            (3, Field::Bytes(attribute)) => {
                push_attribute(&mut event.attributes, attribute, counts)?
            }
            (4, Field::Varint(count)) => add_dropped(&mut event.attributes.dropped, count),
            _ => {}
        }
    }
    Ok(event)
}

/// Adds a link. One whose ids are not ids points nowhere: it is dropped and counted, as the span
/// itself is still whole.
fn push_link(span: &mut Span, message: Slice<'_>, counts: &mut Counts) -> Result<(), DecodeError> {
    let mut link = Link::default();
    let mut ids: [&[u8]; 2] = [&[]; 2];
    for field in message.fields() {
        match field? {
            (1, Field::Bytes(id)) => ids[0] = id.bytes(),
            (2, Field::Bytes(id)) => ids[1] = id.bytes(),
            (3, Field::Bytes(state)) => link.trace_state = bounded_text(&state.text(), counts),
            (4, Field::Bytes(attribute)) => {
                push_attribute(&mut link.attributes, attribute, counts)?
            }
            (5, Field::Varint(count)) => add_dropped(&mut link.attributes.dropped, count),
            (6, Field::Fixed32(flags)) => link.flags = flags,
            _ => {}
        }
    }
    let [trace, own] = ids;
    if let (Ok(trace_id), Ok(span_id)) = (trace_id(trace), span_id(own)) {
        link.trace_id = trace_id;
        link.span_id = span_id;
        span.links.push(link);
    } else {
        add_dropped(&mut span.dropped_links, 1);
        counts.drop_invalid_link();
    }
    Ok(())
}
