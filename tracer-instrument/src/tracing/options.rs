//! What the layer records beside names, fields and events. Names of `tracing-opentelemetry`.

use super::layer::TracingLayer;

impl TracingLayer {
    /// Whether a span that is entered is the active one of `opentelemetry::Context`, so that OpenTelemetry
    /// code inside sees it and native spans are its children. Default: yes. Without, entering a span
    /// costs next to nothing, and only spans of `tracing` find each other. Events go to the newest
    /// span in both cases.
    #[must_use]
    pub fn with_context_activation(mut self, activate: bool) -> Self {
        self.options.context_activation = activate;
        self
    }

    /// Whether an event with a field `error` and no message is named `exception` and has that text as
    /// `exception.message`. `#[instrument(err)]` makes such events. Default: yes.
    #[must_use]
    pub fn with_error_events_to_exceptions(mut self, map: bool) -> Self {
        self.options.error_events_to_exceptions = map;
        self
    }

    /// Whether the text of such an event describes the error status of its span. An event of the level
    /// `ERROR` sets an error status, without a text, in any case. Default: yes.
    #[must_use]
    pub fn with_error_events_to_status(mut self, map: bool) -> Self {
        self.options.error_events_to_status = map;
        self
    }

    /// Whether a field that is a `dyn Error` also sets `exception.message` and
    /// `exception.stacktrace`, its sources, where it is recorded: on the span or the event. Default: yes.
    #[must_use]
    pub fn with_error_fields_to_exceptions(mut self, map: bool) -> Self {
        self.options.error_fields_to_exceptions = map;
        self
    }

    /// Whether such a field of an event sets them on the event's span too. Default: yes.
    #[must_use]
    pub fn with_error_records_to_exceptions(mut self, map: bool) -> Self {
        self.options.error_records_to_exceptions = map;
        self
    }

    /// Whether spans have an attribute `level`. Default: no. Events always have it.
    #[must_use]
    pub fn with_level(mut self, level: bool) -> Self {
        self.options.level = level;
        self
    }

    /// Whether spans and events have `code.file.path`, `code.module.name` and `code.line.number`.
    /// Default: no; they are three attributes on every span and event.
    #[must_use]
    pub fn with_location(mut self, location: bool) -> Self {
        self.options.location = location;
        self
    }

    /// Whether spans have an attribute `target`. Default: no. Events always have it.
    #[must_use]
    pub fn with_target(mut self, target: bool) -> Self {
        self.options.target = target;
        self
    }

    /// Whether spans have `thread.id` and `thread.name` of the thread that makes them. Default: no.
    #[must_use]
    pub fn with_threads(mut self, threads: bool) -> Self {
        self.options.threads = threads;
        self
    }

    /// Whether spans have `busy_ns`, the nanoseconds in which they were entered, and `idle_ns`, those
    /// in which they were not. Default: no; each way in and out reads the clock once more.
    #[must_use]
    pub fn with_tracked_inactivity(mut self, track: bool) -> Self {
        self.options.tracked_inactivity = track;
        self
    }
}
