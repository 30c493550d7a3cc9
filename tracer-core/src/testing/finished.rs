//! A finished span, owned by a test.

use std::time::{Duration, SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceId, Value,
    trace::{Event, Link, SpanContext, SpanKind, Status},
};
use opentelemetry_sdk::Resource;

use crate::{clock::system_time, record::SpanBatch};

/// A span that has ended, as an exporter gets it, for comparison in tests.
///
/// Unlike the other types of this crate, its `Debug` prints all its contents, because tests compare
/// them.
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
    /// True if the parent is in another process.
    pub parent_is_remote: bool,
    /// The time at which the span started.
    pub start: SystemTime,
    /// The time at which the span ended, never before the start.
    pub end: SystemTime,
    /// The status.
    pub status: Status,
    /// The attributes, in the order in which they were last set. Keys are unique.
    pub attributes: Vec<KeyValue>,
    /// The number of attributes over the limit.
    pub dropped_attributes: u32,
    /// The events, in the order in which they were added.
    pub events: Vec<Event>,
    /// The number of events over the limit.
    pub dropped_events: u32,
    /// The links to other spans, in the order in which they were added.
    pub links: Vec<Link>,
    /// The number of links over the limit.
    pub dropped_links: u32,
    /// The instrumentation scope of the span's tracer.
    pub scope: InstrumentationScope,
    /// The resource of the provider.
    pub resource: Resource,
}

impl FinishedSpan {
    /// Returns all spans of a batch.
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

    /// Returns the id of the span's trace.
    pub fn trace_id(&self) -> TraceId {
        self.span_context.trace_id()
    }

    /// Returns the span's own id.
    pub fn span_id(&self) -> SpanId {
        self.span_context.span_id()
    }

    /// Returns the time from the start to the end.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }

    /// Returns the value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| &attribute.value)
    }
}
