//! Spans: the handle, and the contents that it records.

mod end;
pub(crate) mod exception;
mod live_hook;
pub(crate) mod live_observer;
pub(crate) mod recording;
mod setters;

use std::{borrow::Cow, error::Error, sync::Arc, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanKind, Status},
};

use self::{live_observer::LiveObserver, recording::Recording};
use crate::{
    clock::{Anchor, unix_nanos},
    provider_core::ProviderCore,
    record::{AttributeRef, SpanRecord, kind::otlp_kind},
    thread_state,
};

/// A span of a [`Tracer`](crate::Tracer), which implements [`opentelemetry::trace::Span`].
///
/// The span ends when [`end`](opentelemetry::trace::Span::end) is called or the handle is dropped,
/// whichever comes first. It may move to another thread and end there.
///
/// # Cost
/// Setting an attribute encodes it into a buffer that the thread reuses. Ending reads the clock
/// once and copies the buffer into the thread's ring: no lock, no allocation, no wake-up.
#[derive(Debug)]
pub struct Span {
    inner: Inner,
}

/// A single pointer, so that a span is cheap to move: into a `Context`, into a future, out of a
/// function.
#[derive(Debug)]
enum Inner {
    /// A span that only carries a context.
    Context(Box<SpanContext>),
    Recording(Box<Recording>),
    /// A span that was taken out of the handle, or is being dropped.
    Gone,
}

impl Span {
    /// Creates a span that only carries a context.
    #[inline(always)]
    pub(crate) fn non_recording(write_context: impl FnOnce(&mut SpanContext)) -> Self {
        let mut context = thread_state::take_context();
        write_context(&mut context);
        Self::of_context(context)
    }

    #[inline]
    pub(crate) fn of_context(context: Box<SpanContext>) -> Self {
        Self {
            inner: Inner::Context(context),
        }
    }

    #[inline]
    pub(crate) fn recording(recording: Box<Recording>) -> Self {
        Self {
            inner: Inner::Recording(recording),
        }
    }

    /// Creates the handle that replaces a span that was taken out.
    #[inline]
    pub(crate) fn gone() -> Self {
        Self { inner: Inner::Gone }
    }

    /// Returns the provider of a span that records, or recorded before it ended.
    #[inline]
    pub(crate) fn provider(&self) -> Option<&Arc<ProviderCore>> {
        match &self.inner {
            Inner::Recording(recording) => Some(&recording.provider),
            _ => None,
        }
    }

    /// Returns the provider and the anchor of a span that records.
    pub(crate) fn clock(&self) -> Option<(Arc<ProviderCore>, Anchor)> {
        match &self.inner {
            Inner::Recording(recording) if recording.is_open() => {
                Some((Arc::clone(&recording.provider), recording.anchor))
            }
            _ => None,
        }
    }

    /// Returns a view of the contents so far. Returns `None` once the span has ended, or if it does
    /// not record. Before the end, the record does not have the counts of dropped data. It has no
    /// end time before [`on_ending`](crate::SpanProcessor::on_ending).
    ///
    /// # Cost
    /// No allocation. Attributes are decoded when they are read.
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{KeyValue, trace::{Span as _, Tracer as _, TracerProvider as _}};
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let mut span = provider.tracer("shop").start("checkout");
    /// span.set_attribute(KeyValue::new("cart.items", 3));
    /// let items = span.record().and_then(|record| record.attribute("cart.items"));
    /// assert_eq!(items, Some(3.into()));
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn record(&self) -> Option<SpanRecord<'_>> {
        match &self.inner {
            Inner::Recording(recording) if recording.is_open() => recording.record(),
            _ => None,
        }
    }

    /// Returns the instrumentation scope of the tracer that started the span. Returns `None` once
    /// the span has ended, or if it does not record.
    pub fn scope(&self) -> Option<&InstrumentationScope> {
        let Inner::Recording(recording) = &self.inner else {
            return None;
        };
        recording.provider.scope(self.record()?.scope_index())
    }

    /// Sets an attribute with a borrowed key and value.
    #[inline]
    pub fn set_attribute_ref(&mut self, attribute: AttributeRef<'_>) {
        if let Some(recording) = self.open_recording() {
            recording.set_attribute_ref(attribute);
        }
    }

    /// Adds an event with borrowed parts and the current time.
    pub fn add_event_ref(&mut self, name: &str, attributes: &[AttributeRef<'_>]) {
        if let Some(recording) = self.open_recording() {
            let now = Self::wall_now(recording);
            recording.add_event(name, now, attributes, 0);
        }
    }

    /// Sets the status of an error event. A status without a text does not replace an earlier
    /// status.
    pub(crate) fn set_event_status(&mut self, status: Status) {
        if let Some(recording) = self.open_recording() {
            recording.set_event_status(status);
        }
    }

    /// Changes the kind, which the API lets only a builder set. The sampler has already seen the
    /// old kind.
    pub fn set_kind(&mut self, kind: &SpanKind) {
        if let Some(recording) = self.open_recording() {
            recording.set_kind(otlp_kind(Some(kind)));
        }
    }

    /// Removes an attribute, and returns whether it was set.
    pub fn remove_attribute(&mut self, key: &str) -> bool {
        self.open_recording()
            .is_some_and(|recording| recording.remove_attribute(key))
    }

    /// Excludes the span from export: when it ends, it is counted as
    /// [`discarded`](crate::Dropped::discarded). Its context stays sampled, because it may already
    /// have been passed on. So the backend receives the children of a discarded span without their
    /// parent. This has no effect on a span that is recorded but not sampled, because no exporter
    /// receives it.
    pub fn discard(&mut self) {
        if let Some(recording) = self.open_recording() {
            recording.discarded = recording.is_sampled();
        }
    }

    /// Lists the span in the live view until it ends.
    pub(crate) fn show_in(&mut self, view: &dyn LiveObserver) {
        if let Some(recording) = self.open_recording() {
            recording.show_in(view);
        }
    }

    /// Returns the recording until the span has ended.
    #[inline]
    pub(crate) fn open_recording(&mut self) -> Option<&mut Recording> {
        match &mut self.inner {
            Inner::Recording(recording) if recording.is_open() => Some(recording),
            _ => None,
        }
    }

    /// Returns the recording, even if the span has ended.
    pub(crate) fn recording_mut(&mut self) -> Option<&mut Recording> {
        match &mut self.inner {
            Inner::Recording(recording) => Some(recording),
            _ => None,
        }
    }

    pub(crate) fn wall_now(recording: &Recording) -> u64 {
        recording
            .anchor
            .wall(recording.provider.clock.monotonic_nanos())
    }
}

impl opentelemetry::trace::Span for Span {
    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = self.open_recording() {
            let now = Self::wall_now(recording);
            recording.add_event(&name.into(), now, &attributes, 0);
        }
    }

    /// Adds an `exception` event with the message of the error and its causes. The trait hides the
    /// type of the error; [`record_exception`](Span::record_exception) records it.
    fn record_error(&mut self, err: &dyn Error) {
        self.record_exception(err, &[]);
    }

    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = self.open_recording() {
            recording.add_event(&name.into(), unix_nanos(timestamp), &attributes, 0);
        }
    }

    fn span_context(&self) -> &SpanContext {
        static NONE: SpanContext = SpanContext::NONE;
        match &self.inner {
            Inner::Context(context) => context,
            Inner::Recording(recording) => recording.context(),
            Inner::Gone => &NONE,
        }
    }

    fn is_recording(&self) -> bool {
        matches!(&self.inner, Inner::Recording(recording) if recording.is_open())
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(recording) = self.open_recording() {
            recording.set_attribute(&attribute);
        }
    }

    fn set_attributes(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Some(recording) = self.open_recording() {
            for attribute in attributes {
                recording.set_attribute(&attribute);
            }
        }
    }

    fn set_status(&mut self, status: Status) {
        if let Some(recording) = self.open_recording() {
            recording.set_status(status);
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = self.open_recording() {
            recording.update_name(&new_name.into());
        }
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if let Some(recording) = self.open_recording() {
            recording.add_link(&span_context, &attributes, 0);
        }
    }

    fn end(&mut self) {
        self.finish(None);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.finish(Some(timestamp));
    }
}
