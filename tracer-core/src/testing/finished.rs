//! A finished span that a test owns.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceId, Value,
    trace::{Event, Link, SpanContext, SpanKind, Status},
};
use opentelemetry_sdk::Resource;

use crate::{clock::system_time, record::SpanBatch};

/// A span that has ended, as an exporter gets it, to be compared and read.
///
/// Unlike the other types of this crate it prints all it holds, because it is what tests look at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FinishedSpan {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// Ids, flags and tracestate.
    pub span_context: SpanContext,
    /// The parent, [`SpanId::INVALID`] for a root.
    pub parent_span_id: SpanId,
    /// Whether the parent lives in another process.
    pub parent_is_remote: bool,
    /// When it started.
    pub start: SystemTime,
    /// When it ended, never before the start.
    pub end: SystemTime,
    /// How it ended.
    pub status: Status,
    /// What was set, in the order in which it was set last; keys are unique.
    pub attributes: Vec<KeyValue>,
    /// How many attributes were over the limit.
    pub dropped_attributes: u32,
    /// What happened, in the order in which it was added.
    pub events: Vec<Event>,
    /// How many events were over the limit.
    pub dropped_events: u32,
    /// Other spans that it has to do with, in the order in which they were added.
    pub links: Vec<Link>,
    /// How many links were over the limit.
    pub dropped_links: u32,
    /// The library that made the span.
    pub scope: InstrumentationScope,
    /// What the provider describes.
    pub resource: Resource,
}

impl FinishedSpan {
    /// All spans of a batch.
    pub fn of(batch: &SpanBatch) -> impl Iterator<Item = Self> + '_ {
        batch.spans().map(|span| Self {
            name: span.name().to_owned(),
            kind: span.kind(),
            span_context: span.span_context(),
            parent_span_id: span.parent_span_id(),
            parent_is_remote: span.parent_is_remote(),
            start: system_time(span.start_unix_nanos()),
            end: system_time(span.end_unix_nanos()),
            status: span.status(),
            attributes: span.attributes().collect(),
            dropped_attributes: span.dropped_attributes(),
            events: span.events().collect(),
            dropped_events: span.dropped_events(),
            links: span.links().collect(),
            dropped_links: span.dropped_links(),
            scope: batch
                .scopes()
                .get(span.scope_index())
                .cloned()
                .unwrap_or_default(),
            resource: batch.resource().clone(),
        })
    }

    /// The trace it belongs to.
    pub fn trace_id(&self) -> TraceId {
        self.span_context.trace_id()
    }

    /// Its own id.
    pub fn span_id(&self) -> SpanId {
        self.span_context.span_id()
    }

    /// From start to end.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| &attribute.value)
    }
}
