//! Events of `tracing` as events of a span.

use ::tracing::{Event, Level};
use opentelemetry::trace::Status;
use tracer_core::{AttributeRef, CurrentSpan, ValueRef};
use tracing_log::NormalizeEvent;

use super::{
    fields::{self, Fields},
    layer::Options,
    metadata,
    span_state::SpanState,
    visitor::EventVisitor,
};

/// Up to this many attributes of an event are collected without an allocation.
const FEW: usize = 8;

/// A span to which an event is added.
pub(super) trait EventTarget {
    /// Returns whether the span records events.
    fn is_recording(&self) -> bool;
    /// Adds an event. An error event also sets `status`.
    fn event(&self, status: Option<Status>, name: &str, attributes: &[AttributeRef<'_>]);
    /// Sets the exception attributes of an error value of an event.
    fn record_exception(&self, fields: &Fields);
}

impl EventTarget for SpanState {
    fn is_recording(&self) -> bool {
        SpanState::is_recording(self)
    }

    fn event(&self, status: Option<Status>, name: &str, attributes: &[AttributeRef<'_>]) {
        SpanState::event(self, status, name, attributes);
    }

    fn record_exception(&self, fields: &Fields) {
        SpanState::record_exception(self, fields);
    }
}

/// A span that this layer did not make: the span of a native guard, or of a `Context`.
impl EventTarget for CurrentSpan {
    fn is_recording(&self) -> bool {
        self.takes_events()
    }

    fn event(&self, status: Option<Status>, name: &str, attributes: &[AttributeRef<'_>]) {
        self.add_event_ref(status, name, attributes);
    }

    fn record_exception(&self, fields: &Fields) {
        if fields.exception.is_some() {
            self.set_attribute_refs(fields.exception_attributes());
        }
    }
}

/// Adds the event to its span.
// Not inlined: inlined into the function of the layer, it takes more instructions.
#[inline(never)]
pub(super) fn add(state: &impl EventTarget, event: &Event<'_>, options: &Options) {
    if !state.is_recording() {
        return;
    }
    // A log record of the `log` crate. Its location is in its fields, and its target is always this one.
    let is_log = event.metadata().target() == "log";
    let normalized = is_log.then(|| event.normalized_metadata()).flatten();
    let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
    fields::with(|fields| {
        event.record(&mut EventVisitor(fields));
        if options.error_fields_to_exceptions {
            fields.push_exception();
        }
        if options.error_records_to_exceptions {
            state.record_exception(fields);
        }
        let error = fields.error.clone();
        if let Some(error) = error.clone() {
            let name = if options.error_events_to_exceptions {
                "exception.message"
            } else {
                "error"
            };
            fields.push_text(name, error);
        }
        if options.location {
            metadata::locate(fields, metadata);
        }
        let status = match &error {
            Some(error) if options.error_events_to_status => {
                Some(Status::error(fields.text(error).to_owned()))
            }
            _ if *metadata.level() == Level::ERROR => Some(Status::error("")),
            _ => None,
        };
        let name = match (&fields.message, &error) {
            (Some(message), _) => fields.text(message),
            (None, Some(_)) if options.error_events_to_exceptions => "exception",
            _ => event.metadata().name(),
        };
        let mut few = [const { AttributeRef::EMPTY }; FEW];
        let [level, target, rest @ ..] = &mut few;
        *level = AttributeRef::new("level", ValueRef::Str(metadata.level().as_str()));
        *target = AttributeRef::new("target", ValueRef::Str(metadata.target()));
        let mut count = 2;
        let mut all = fields.attributes();
        for (place, attribute) in rest.iter_mut().zip(&mut all) {
            *place = attribute;
            count += 1;
        }
        let few = few.get(..count).unwrap_or_default();
        match all.next() {
            None => state.event(status, name, few),
            Some(next) => {
                let mut many = few.to_vec();
                many.push(next);
                many.extend(all);
                state.event(status, name, &many);
            }
        }
    });
}
