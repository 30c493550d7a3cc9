//! Records errors as events of a span.

use std::{any::type_name, error::Error, fmt::Write as _};

use opentelemetry::KeyValue;

use super::Span;

/// The maximum number of causes, because an error may be its own source.
const MAX_CAUSES: usize = 32;

impl Span {
    /// Records an error as an `exception` event with the attributes of the semantic conventions
    /// ("Exceptions on spans"):
    ///
    /// - `exception.type`: the Rust type, except for a `dyn Error`, whose type is not known.
    /// - `exception.message`: the error's `Display` output, up to the point where it fails, if it
    ///   does.
    /// - `exception.stacktrace`: the `source()` chain with one cause per line, up to 32, if there
    ///   is one.
    /// - `attributes`, which replace these. A caller that has a backtrace can pass it as
    ///   `exception.stacktrace`.
    ///
    /// Do not record an error that was handled. For one that was not, also set
    /// [`Status::error`](opentelemetry::trace::Status::error): this method does not change the
    /// status.
    ///
    /// # Examples
    /// ```
    /// use std::backtrace::Backtrace;
    ///
    /// use opentelemetry::{KeyValue, trace::{Tracer, TracerProvider as _}};
    ///
    /// let provider = tracer_core::TracerProvider::builder().build()?;
    /// let mut span = provider.tracer("shop").start("charge");
    /// if let Err(error) = "x".parse::<u8>() {
    ///     let here = Backtrace::force_capture().to_string();
    ///     span.record_exception(&error, &[KeyValue::new("exception.stacktrace", here)]);
    /// }
    /// let event = span.record().and_then(|record| record.events().next());
    /// assert_eq!(event.map(|event| event.name), Some("exception".into()));
    /// # Ok::<(), tracer_core::ConfigError>(())
    /// ```
    pub fn record_exception<E: Error + ?Sized>(&mut self, error: &E, attributes: &[KeyValue]) {
        if self.open_recording().is_none() {
            return;
        }
        let attributes = self::attributes(error, attributes);
        if let Some(recording) = self.open_recording() {
            let now = Self::wall_now(recording);
            recording.add_event(EVENT, now, &attributes, 0);
        }
    }
}

/// The name of the event.
pub(crate) const EVENT: &str = "exception";

/// Returns Rust's name of an error's type. Returns `None` for a `dyn Error`, behind a pointer or
/// not, because its type is not known.
pub(crate) fn kind<E: ?Sized>() -> Option<&'static str> {
    Some(type_name::<E>()).filter(|name| !name.contains("dyn "))
}

/// Returns the attributes of the event: those of the error, and the given ones.
pub(crate) fn attributes<E: Error + ?Sized>(error: &E, given: &[KeyValue]) -> Vec<KeyValue> {
    let mut all = Vec::new();
    all.extend(kind::<E>().map(|kind| KeyValue::new("exception.type", kind)));
    let mut message = String::new();
    // Not `to_string`, which panics if a `Display` impl fails.
    let _ = write!(message, "{error}");
    all.push(KeyValue::new("exception.message", message));
    let mut chain = String::new();
    let mut source = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = source else { break };
        // A cause that cannot be formatted is left out.
        let _ = writeln!(chain, "caused by: {cause}");
        source = cause.source();
    }
    if !chain.is_empty() {
        all.push(KeyValue::new("exception.stacktrace", chain));
    }
    all.retain(|own| given.iter().all(|given| given.key != own.key));
    all.extend_from_slice(given);
    all
}
