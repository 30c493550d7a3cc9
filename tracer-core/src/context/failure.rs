//! The marks of failed work on its span (semantic conventions "Recording errors", "Exceptions on
//! spans").

use opentelemetry::{KeyValue, Value, trace::Status};

use super::current::CurrentSpan;
use crate::span::exception;

/// The `error.type` of an error whose type is not known (semantic conventions, "error.type").
const OTHER: &str = "_OTHER";

/// Marks a span whose work has panicked.
///
/// A panic is an exception that escapes, so the span gets the status `Error` and an `exception`
/// event (trace/exceptions.md). A destructor has access to neither the payload nor the type of the
/// panic. The message may hold anything. So the event has only the type `panic`.
#[cold]
#[inline(never)]
pub(super) fn record_panic(span: &CurrentSpan) {
    record(span, Some("panic"), None);
}

/// Marks a span whose work has failed with an error of this type.
pub(crate) fn record(span: &CurrentSpan, kind: Option<&'static str>, message: Option<Value>) {
    if !span.is_recording() {
        return;
    }
    let mut attributes = Vec::with_capacity(2);
    attributes.extend(kind.map(|kind| KeyValue::new("exception.type", kind)));
    let description = message.map(|message| {
        let description = message.as_str().into_owned();
        attributes.push(KeyValue::new("exception.message", message));
        description
    });
    span.add_event(exception::EVENT, attributes);
    span.set_attribute(KeyValue::new("error.type", kind.unwrap_or(OTHER)));
    span.set_status(Status::error(description.unwrap_or_default()));
}
