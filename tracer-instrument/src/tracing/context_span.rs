//! The span in a `Context`, through which OpenTelemetry code changes a span of `tracing`.

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Span, SpanContext, Status},
};

use super::span_state::SpanState;

/// An OpenTelemetry span that forwards to a span of `tracing`.
pub(super) struct ContextSpan {
    state: Arc<SpanState>,
    context: SpanContext,
}

impl ContextSpan {
    pub(super) fn new(state: &Arc<SpanState>, context: &SpanContext) -> Self {
        Self {
            state: Arc::clone(state),
            context: context.clone(),
        }
    }
}

impl fmt::Debug for ContextSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContextSpan").field(&self.context).finish()
    }
}

impl Span for ContextSpan {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        self.state
            .with(|span| span.add_event_with_timestamp(name, timestamp, attributes));
    }

    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        self.state.with(|span| span.add_event(name, attributes));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.state.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.state.with(|span| span.set_attribute(attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.state.set_status(status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        self.state.with(|span| span.update_name(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.state
            .with(|span| span.add_link(span_context, attributes));
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.state.end(timestamp);
    }
}
