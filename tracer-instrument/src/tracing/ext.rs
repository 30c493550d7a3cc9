//! The methods of OpenTelemetry on a span of `tracing`.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use ::tracing::Span;
use opentelemetry::{
    Context, Key, KeyValue, Value,
    trace::{Span as _, SpanContext, Status, TraceContextExt as _},
};
use tracing_subscriber::{Registry, registry::LookupSpan as _};

use super::{
    entered,
    error::SetParentError,
    layer::{nearest_recorded, state_of},
    span_state::SpanState,
};

mod sealed {
    pub trait Sealed {}
    impl Sealed for ::tracing::Span {}
}

/// OpenTelemetry's side of a [`tracing::Span`](::tracing::Span). The methods are those of the trait of
/// the same name in `tracing-opentelemetry`.
///
/// They find the span through the [`Registry`], whatever layers and filters are around ours.
pub trait OpenTelemetrySpanExt: sealed::Sealed {
    /// Makes the span a child of the active span of a context, most often that of a request's
    /// headers: its trace, its sampling decision with all the fields that it has, and its baggage.
    ///
    /// Works until other code knows the span's ids: before the span is entered, and inside it, as in the
    /// first line of a function with `#[instrument]`. The layer cannot know of code that only read
    /// `Context::current()` in between, such as a log line or an instrumented call. It keeps the old ids.
    ///
    /// # Errors
    /// If the parent cannot be changed any more, or there is nothing to change: then nothing is.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{Context, trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState}};
    /// use tracer_instrument::tracing::{OpenTelemetrySpanExt, layer_with};
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let subscriber = tracing_subscriber::registry().with(layer_with(provider.tracer("shop")));
    /// let _default = tracing::subscriber::set_default(subscriber);
    ///
    /// // What a propagator makes of a request's headers.
    /// let (trace, span) = (TraceId::from(7), SpanId::from(9));
    /// let caller = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    /// let caller = Context::new().with_remote_span_context(caller);
    ///
    /// let request = tracing::info_span!("request").entered();
    /// request.set_parent(caller)?;
    /// assert_eq!(Context::current().span().span_context().trace_id(), trace);
    /// # use opentelemetry::trace::TracerProvider as _;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn set_parent(&self, parent: Context) -> Result<(), SetParentError>;

    /// Adds a link to another span. One without a valid context is ignored.
    fn add_link(&self, span_context: SpanContext) {
        self.add_link_with_attributes(span_context, Vec::new());
    }

    /// Adds a link with attributes to another span. One without a valid context is ignored.
    fn add_link_with_attributes(&self, span_context: SpanContext, attributes: Vec<KeyValue>);

    /// The context in which the span is the active one, for propagators. Where the layer does not
    /// record the span, that of the nearest span around it which it does record; else the current one.
    fn context(&self) -> Context;

    /// Sets an attribute that is not a field of the span.
    fn set_attribute(&self, key: impl Into<Key>, value: impl Into<Value>);

    /// Sets the status: the last error wins, `Ok` is final.
    fn set_status(&self, status: Status);

    /// Adds an event that is happening now.
    fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>);

    /// Adds an event that happened at a time.
    fn add_event_with_timestamp(
        &self,
        name: impl Into<Cow<'static, str>>,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    );
}

/// Returns the state of the span.
fn state(span: &Span) -> Option<Arc<SpanState>> {
    span.with_subscriber(|(id, dispatch)| state_of(&dispatch.downcast_ref::<Registry>()?.span(id)?))
        .flatten()
}

/// Returns whether the layer made the span the active one of the current context.
fn is_current(state: &Arc<SpanState>) -> bool {
    let ids = state.with(|span| span.span_context().span_id());
    let active = Context::map_current(|context| context.span().span_context().span_id());
    ids == Some(active) && entered::is_innermost(state)
}

impl OpenTelemetrySpanExt for Span {
    fn set_parent(&self, parent: Context) -> Result<(), SetParentError> {
        if self.is_disabled() {
            return Err(SetParentError::SpanDisabled);
        }
        let state = state(self).ok_or(SetParentError::NotRecorded)?;
        if let Some(context) = state.set_parent(parent, is_current(&state))? {
            entered::change_context(context);
        }
        Ok(())
    }

    fn add_link_with_attributes(&self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if let Some(state) = state(self).filter(|_| span_context.is_valid()) {
            state.with(|span| span.add_link(span_context, attributes));
        }
    }

    fn context(&self) -> Context {
        let nearest = self.with_subscriber(|(id, dispatch)| {
            nearest_recorded(Some(dispatch.downcast_ref::<Registry>()?.span(id)?))
        });
        let context = nearest.flatten().and_then(|state| state.context());
        context.unwrap_or_else(tracer_core::current_context)
    }

    fn set_attribute(&self, key: impl Into<Key>, value: impl Into<Value>) {
        if let Some(state) = state(self) {
            let attribute = KeyValue::new(key, value);
            state.with(|span| span.set_attribute(attribute));
        }
    }

    fn set_status(&self, status: Status) {
        if let Some(state) = state(self) {
            state.set_status(status);
        }
    }

    fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        if let Some(state) = state(self) {
            let name = name.into();
            state.with(|span| span.add_event(name, attributes));
        }
    }

    fn add_event_with_timestamp(
        &self,
        name: impl Into<Cow<'static, str>>,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        if let Some(state) = state(self) {
            let name = name.into();
            state.with(|span| span.add_event_with_timestamp(name, timestamp, attributes));
        }
    }
}
