//! OTLP/JSON: the JSON form of `ExportTraceServiceRequest`.
//!
//! The rules are those of ProtoJSON, which are in `json_fields`. The OTLP specification, section
//! "JSON Protobuf Encoding", changes two of them: ids are in hex, and unknown keys are ignored.
//! Spans are checked while their list is read, so rejected spans are never kept.

use std::sync::Arc;

use super::json_fields::{Fields, Id, Read};
use super::json_reader::{Malformed, Shape};
use super::validate::{
    Counts, InvalidSpan, MAX_EVENTS, MAX_LINKS, parent_id, span_id, times, trace_id,
};
use super::{DecodeError, Decoded};
use crate::model::{Event, Group, Kind, Link, Resource, Scope, Span, Status};

/// Decodes a request. Invalid spans are counted and left out; malformed JSON refuses it all.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut fields = Fields::new(bytes).map_err(|error| at(bytes, error))?;
    let groups = fields.request().map_err(|error| at(bytes, error))?;
    let Some(groups) = groups else {
        let reason = "it is not an object";
        return Err(DecodeError::NotARequest { reason });
    };
    let counts = fields.counts;
    // A success would mean that the request held no span.
    if counts.received == 0 && counts.unreadable > 0 {
        let reason = "it has no spans, and parts of it have a wrong type";
        return Err(DecodeError::NotARequest { reason });
    }
    Ok(Decoded { groups, counts })
}

/// Lines and columns count from one, columns in bytes.
fn at(bytes: &[u8], error: Malformed) -> DecodeError {
    let before = bytes.get(..error.at).unwrap_or(bytes);
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    DecodeError::Json {
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        column: 1 + before.len() - line_start,
    }
}

impl Fields<'_> {
    /// Reads the groups of a request. Returns `None` if the body is not an object.
    fn request(&mut self) -> Read<Option<Vec<Group>>> {
        let is_object = self.reader.shape()? == Shape::Object;
        let mut groups = Vec::new();
        if is_object {
            let mut place = self.reader.enter();
            while let Some(key) = self.key(&mut place)? {
                match key.as_ref() {
                    "resourceSpans" => self.resource_spans(&mut groups)?,
                    _ => self.skip()?,
                }
            }
        } else {
            self.skip()?;
        }
        self.reader.end()?;
        Ok(is_object.then_some(groups))
    }

    fn resource_spans(&mut self, groups: &mut Vec<Group>) -> Read {
        let Some(mut list) = self.list("resourceSpans")? else {
            return Ok(());
        };
        replace(groups, |group| group.spans.len(), &mut self.counts);
        while self.element(&mut list)? {
            let Some(mut place) = self.element_message("resourceSpans")? else {
                continue;
            };
            let mut resource = Resource::default();
            let mut scopes = Vec::new();
            while let Some(key) = self.key(&mut place)? {
                match key.as_ref() {
                    "resource" => self.resource(&mut resource)?,
                    "scopeSpans" => self.scope_spans(&mut scopes)?,
                    "schemaUrl" => self.name("schemaUrl", &mut resource.schema_url)?,
                    _ => self.skip()?,
                }
            }
            let resource = Arc::new(resource);
            groups.extend(scopes.into_iter().map(|(scope, spans)| Group {
                resource: Arc::clone(&resource),
                scope: Arc::new(scope),
                spans,
            }));
        }
        Ok(())
    }

    fn resource(&mut self, into: &mut Resource) -> Read {
        let Some(mut place) = self.message("resource")? else {
            return Ok(());
        };
        let (replaced, mut sent) = (self.replace(&mut into.attributes.items), 0);
        into.attributes.dropped = 0;
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "attributes" => self.attributes(&mut into.attributes)?,
                "droppedAttributesCount" => self.number("droppedAttributesCount", &mut sent)?,
                _ => self.skip()?,
            }
        }
        add(&mut into.attributes.dropped, replaced);
        add(&mut into.attributes.dropped, sent);
        Ok(())
    }

    /// Only scopes with spans are kept: empty ones cost three bytes to send.
    fn scope_spans(&mut self, scopes: &mut Vec<(Scope, Vec<Span>)>) -> Read {
        let Some(mut list) = self.list("scopeSpans")? else {
            return Ok(());
        };
        replace(scopes, |(_, spans)| spans.len(), &mut self.counts);
        while self.element(&mut list)? {
            let Some(mut place) = self.element_message("scopeSpans")? else {
                continue;
            };
            let (mut scope, mut spans) = (Scope::default(), Vec::new());
            while let Some(key) = self.key(&mut place)? {
                match key.as_ref() {
                    "scope" => self.scope(&mut scope)?,
                    "spans" => self.spans(&mut spans)?,
                    "schemaUrl" => self.name("schemaUrl", &mut scope.schema_url)?,
                    _ => self.skip()?,
                }
            }
            if !spans.is_empty() {
                scopes.push((scope, spans));
            }
        }
        Ok(())
    }

    fn scope(&mut self, into: &mut Scope) -> Read {
        let Some(mut place) = self.message("scope")? else {
            return Ok(());
        };
        let (replaced, mut sent) = (self.replace(&mut into.attributes.items), 0);
        // The schema URL stands beside the scope, not in it.
        *into = Scope {
            schema_url: std::mem::take(&mut into.schema_url),
            ..Scope::default()
        };
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "name" => self.name("name", &mut into.name)?,
                "version" => self.name("version", &mut into.version)?,
                "attributes" => self.attributes(&mut into.attributes)?,
                "droppedAttributesCount" => self.number("droppedAttributesCount", &mut sent)?,
                _ => self.skip()?,
            }
        }
        add(&mut into.attributes.dropped, replaced);
        add(&mut into.attributes.dropped, sent);
        Ok(())
    }

    fn spans(&mut self, spans: &mut Vec<Span>) -> Read {
        let Some(mut list) = self.list("spans")? else {
            return Ok(());
        };
        replace(spans, |_| 1, &mut self.counts);
        while self.element(&mut list)? {
            self.counts.received += 1;
            if self.reader.shape()? != Shape::Object {
                self.skip()?;
                self.counts.reject(InvalidSpan::Unreadable);
                continue;
            }
            match self.span()? {
                Ok(span) => spans.push(span),
                Err(reason) => self.counts.reject(reason),
            }
        }
        Ok(())
    }

    /// Reads a span. The outer error is about the text, the inner one about this span alone.
    fn span(&mut self) -> Read<Result<Span, InvalidSpan>> {
        let mut span = Span::default();
        let [mut trace, mut own, mut parent] = [const { Id::Absent }; 3];
        let [mut attributes, mut events, mut links] = [0; 3];
        let mut place = self.reader.enter();
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "traceId" => self.id(&mut trace)?,
                "spanId" => self.id(&mut own)?,
                "parentSpanId" => self.id(&mut parent)?,
                "traceState" => self.name("traceState", &mut span.trace_state)?,
                "flags" => self.number("flags", &mut span.flags)?,
                "name" => self.name("name", &mut span.name)?,
                "kind" => {
                    if let Some(number) = self.enumeration("kind", Kind::number_of)? {
                        let kind = Kind::known(number.into());
                        span.kind = self.counts.known("kind", kind);
                    }
                }
                "startTimeUnixNano" => self.number("startTimeUnixNano", &mut span.start_nanos)?,
                "endTimeUnixNano" => self.number("endTimeUnixNano", &mut span.end_nanos)?,
                "attributes" => self.attributes(&mut span.attributes)?,
                "droppedAttributesCount" => {
                    self.number("droppedAttributesCount", &mut attributes)?
                }
                "events" => {
                    let into = (&mut span.events, &mut span.dropped_events);
                    self.parts("events", MAX_EVENTS, into, Self::event)?;
                }
                "droppedEventsCount" => self.number("droppedEventsCount", &mut events)?,
                "links" => {
                    let into = (&mut span.links, &mut span.dropped_links);
                    self.parts("links", MAX_LINKS, into, Self::link)?;
                }
                "droppedLinksCount" => self.number("droppedLinksCount", &mut links)?,
                "status" => self.status(&mut span)?,
                _ => self.skip()?,
            }
        }
        add(&mut span.attributes.dropped, attributes);
        add(&mut span.dropped_events, events);
        add(&mut span.dropped_links, links);
        Ok(check(span, &trace, &own, &parent))
    }

    /// Reads the events or links of a span. A part that `read` refuses, or beyond the `most` that a
    /// span may have, is dropped and counted.
    fn parts<T>(
        &mut self,
        name: &'static str,
        most: usize,
        (parts, total): (&mut Vec<T>, &mut u32),
        read: impl Fn(&mut Self) -> Read<Option<T>>,
    ) -> Read {
        let Some(mut list) = self.list(name)? else {
            return Ok(());
        };
        let mut dropped = self.replace(parts);
        while self.element(&mut list)? {
            if parts.len() >= most {
                self.skip()?;
                self.counts.drop_over_limit();
                dropped += 1;
                continue;
            }
            match read(self)? {
                Some(part) => parts.push(part),
                None => dropped += 1,
            }
        }
        add(total, dropped);
        Ok(())
    }

    /// Reads an event. Returns `None`, and counts the loss, if it is not an object.
    fn event(&mut self) -> Read<Option<Event>> {
        let Some(mut place) = self.element_message("events")? else {
            self.counts.dropped += 1;
            return Ok(None);
        };
        let (mut event, mut dropped) = (Event::default(), 0);
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "timeUnixNano" => self.number("timeUnixNano", &mut event.time_nanos)?,
                "name" => self.name("name", &mut event.name)?,
                "attributes" => self.attributes(&mut event.attributes)?,
                "droppedAttributesCount" => self.number("droppedAttributesCount", &mut dropped)?,
                _ => self.skip()?,
            }
        }
        add(&mut event.attributes.dropped, dropped);
        Ok(Some(event))
    }

    /// Reads a link. Returns `None`, and counts the loss, if its ids are invalid: it points
    /// nowhere.
    fn link(&mut self) -> Read<Option<Link>> {
        let Some(mut place) = self.element_message("links")? else {
            self.counts.dropped += 1;
            return Ok(None);
        };
        let (mut link, mut dropped) = (Link::default(), 0);
        let [mut trace, mut own] = [const { Id::Absent }; 2];
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "traceId" => self.id(&mut trace)?,
                "spanId" => self.id(&mut own)?,
                "traceState" => self.name("traceState", &mut link.trace_state)?,
                "attributes" => self.attributes(&mut link.attributes)?,
                "droppedAttributesCount" => self.number("droppedAttributesCount", &mut dropped)?,
                "flags" => self.number("flags", &mut link.flags)?,
                _ => self.skip()?,
            }
        }
        add(&mut link.attributes.dropped, dropped);
        let (Ok(trace_id), Ok(span_id)) = (trace_id(trace.bytes()), span_id(own.bytes())) else {
            self.counts.drop_invalid_link();
            return Ok(None);
        };
        (link.trace_id, link.span_id) = (trace_id, span_id);
        Ok(Some(link))
    }

    fn status(&mut self, span: &mut Span) -> Read {
        let Some(mut place) = self.message("status")? else {
            return Ok(());
        };
        span.status = Status::Unset;
        span.status_message.clear();
        while let Some(key) = self.key(&mut place)? {
            match key.as_ref() {
                "code" => {
                    if let Some(number) = self.enumeration("code", Status::number_of)? {
                        let status = Status::known(number.into());
                        span.status = self.counts.known("code", status);
                    }
                }
                "message" => self.name("message", &mut span.status_message)?,
                _ => self.skip()?,
            }
        }
        Ok(())
    }
}

/// Empties a list that the request repeats. The last list is kept, and the spans of earlier lists
/// are rejected.
fn replace<T>(list: &mut Vec<T>, spans: impl Fn(&T) -> usize, counts: &mut Counts) {
    for _ in 0..list.iter().map(spans).sum() {
        counts.reject(InvalidSpan::Repeated);
    }
    list.clear();
}

fn add(total: &mut u32, more: u32) {
    *total = total.saturating_add(more);
}

fn check(mut span: Span, trace: &Id, own: &Id, parent: &Id) -> Result<Span, InvalidSpan> {
    span.trace_id = trace_id(trace.bytes())?;
    span.span_id = span_id(own.bytes())?;
    span.parent = match parent {
        Id::Malformed => return Err(InvalidSpan::ParentId),
        _ => parent_id(parent.bytes())?,
    };
    times(&span)?;
    Ok(span)
}

#[cfg(test)]
mod protojson;
#[cfg(test)]
mod tests;
