//! Converts records into the SDK's `SpanData`.

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::{
    clock::system_time,
    record::{SpanBatch, SpanRecord},
};

impl SpanBatch {
    /// Converts the spans into the SDK's type, for code that uses it.
    ///
    /// # Cost
    /// Allocates every string again.
    pub fn to_span_data(&self) -> Vec<SpanData> {
        self.spans()
            .map(|span| {
                let scope = self.scopes().get(span.scope_index()).cloned();
                span_data(&span, scope.unwrap_or_default())
            })
            .collect()
    }
}

pub(super) fn span_data(span: &SpanRecord<'_>, scope: InstrumentationScope) -> SpanData {
    let mut events = SpanEvents::default();
    events.events.extend(span.events());
    events.dropped_count = span.dropped_events();
    let mut links = SpanLinks::default();
    links.links.extend(span.links());
    links.dropped_count = span.dropped_links();
    SpanData {
        span_context: span.span_context(),
        parent_span_id: span.parent_span_id(),
        parent_span_is_remote: span.parent_is_remote(),
        span_kind: span.kind(),
        name: span.name().to_owned().into(),
        start_time: system_time(span.start_unix_nanos()),
        end_time: system_time(span.end_unix_nanos()),
        attributes: span.attributes().collect(),
        dropped_attributes_count: span.dropped_attributes(),
        events,
        links,
        status: span.status(),
        instrumentation_scope: scope,
    }
}
