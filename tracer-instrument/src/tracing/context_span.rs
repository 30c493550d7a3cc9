//! The span of a `Context`: OpenTelemetry code that works on the active span works on ours.

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{Span, SpanContext, Status},
};

use super::node::Node;

/// A span of `tracing` as one of OpenTelemetry.
pub(super) struct ContextSpan {
    node: Arc<Node>,
    context: SpanContext,
}

impl ContextSpan {
    pub(super) fn new(node: &Arc<Node>, context: &SpanContext) -> Self {
        Self {
            node: Arc::clone(node),
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
        self.node
            .with(|span| span.add_event_with_timestamp(name, timestamp, attributes));
    }

    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        self.node.with(|span| span.add_event(name, attributes));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.node.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.node.with(|span| span.set_attribute(attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.node.set_status(status);
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = new_name.into();
        self.node.with(|span| span.update_name(name));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.node
            .with(|span| span.add_link(span_context, attributes));
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.node.end(timestamp);
    }
}
