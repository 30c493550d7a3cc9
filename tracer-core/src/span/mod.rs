//! One span: the handle, and what it records.

mod attribute_index;
mod attributes;
mod buffer;
mod event;
mod limits;
mod link;
pub(crate) mod record;
pub(crate) mod recording;
pub(crate) mod wire;

use std::{borrow::Cow, error::Error, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, Status},
};

pub use self::limits::SpanLimits;
use self::recording::Recording;
use crate::{clock::unix_nanos, local};

/// An error that is its own source must not be followed for ever.
const MAX_CAUSES: usize = 32;

/// A span of [`Tracer`](crate::Tracer): implements [`opentelemetry::trace::Span`].
///
/// Ends when [`end`](opentelemetry::trace::Span::end) is called or the handle is dropped,
/// whichever comes first. It may move to another thread and end there.
///
/// # Cost
/// Setting an attribute encodes it into a buffer that the thread reuses. Ending reads the clock
/// once and copies the buffer into the thread's ring: no lock, no allocation, no wake-up.
#[derive(Debug)]
pub struct Span {
    context: SpanContext,
    recording: Option<Box<Recording>>,
}

impl Span {
    /// A span that only carries a context.
    pub(crate) fn non_recording(context: SpanContext) -> Self {
        Self {
            context,
            recording: None,
        }
    }

    pub(crate) fn recording(context: SpanContext, recording: Box<Recording>) -> Self {
        Self {
            context,
            recording: Some(recording),
        }
    }

    fn finish(&mut self, end: Option<SystemTime>) {
        let Some(mut recording) = self.recording.take() else {
            return;
        };
        let end = match end {
            Some(end) => unix_nanos(end),
            None => Self::wall_now(&recording),
        };
        // A wall clock that was set back must not give a negative duration.
        let end = end.max(recording.start_unix_nanos());
        recording.set_end(end);
        local::end(recording, self.context.is_sampled());
    }

    fn wall_now(recording: &Recording) -> u64 {
        recording
            .offset
            .apply(recording.shared.clock.monotonic_nanos())
    }
}

impl opentelemetry::trace::Span for Span {
    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = &mut self.recording {
            let now = Self::wall_now(recording);
            recording.add_event(&name.into(), now, &attributes, 0);
        }
    }

    /// Adds an `exception` event with the message of the error. The trait gives the error without
    /// its type; [`record_exception`](Span::record_exception) keeps it.
    fn record_error(&mut self, err: &dyn Error) {
        if self.recording.is_some() {
            self.add_event(
                "exception",
                vec![KeyValue::new("exception.message", err.to_string())],
            );
        }
    }

    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = &mut self.recording {
            recording.add_event(&name.into(), unix_nanos(timestamp), &attributes, 0);
        }
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(recording) = &mut self.recording {
            recording.set_attribute(&attribute);
        }
    }

    fn set_attributes(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Some(recording) = &mut self.recording {
            for attribute in attributes {
                recording.set_attribute(&attribute);
            }
        }
    }

    fn set_status(&mut self, status: Status) {
        if let Some(recording) = &mut self.recording {
            recording.set_status(status);
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(recording) = &mut self.recording {
            recording.update_name(&new_name.into());
        }
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        if let Some(recording) = &mut self.recording {
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

impl Span {
    /// Records an error as an `exception` event with `exception.type` (the Rust type),
    /// `exception.message`, up to 32 causes of the `source()` chain as `exception.stacktrace` where there is one, and
    /// the given attributes, which win over these (semantic conventions, "Exceptions on spans").
    ///
    /// # Examples
    /// ```
    /// use opentelemetry::{KeyValue, trace::{Tracer, TracerProvider as _}};
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let mut span = provider.tracer("shop").start("charge");
    /// if let Err(error) = "x".parse::<u8>() {
    ///     span.record_exception(&error, &[KeyValue::new("exception.escaped", false)]);
    /// }
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn record_exception<E: Error>(&mut self, error: &E, attributes: &[KeyValue]) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        let mut all = vec![
            KeyValue::new("exception.type", std::any::type_name::<E>()),
            KeyValue::new("exception.message", error.to_string()),
        ];
        let mut chain = String::new();
        let mut source = error.source();
        for _ in 0..MAX_CAUSES {
            let Some(cause) = source else { break };
            chain.push_str("caused by: ");
            chain.push_str(&cause.to_string());
            chain.push('\n');
            source = cause.source();
        }
        if !chain.is_empty() {
            all.push(KeyValue::new("exception.stacktrace", chain));
        }
        all.retain(|own| attributes.iter().all(|given| given.key != own.key));
        all.extend_from_slice(attributes);
        let now = Self::wall_now(recording);
        recording.add_event("exception", now, &all, 0);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish(None);
    }
}
