//! Errors as events of a span.

use std::{any::type_name, error::Error, fmt::Write as _};

use opentelemetry::KeyValue;

use super::Span;

/// An error that is its own source must not be followed for ever.
const MAX_CAUSES: usize = 32;

impl Span {
    /// Records an error as an `exception` event with the semantic conventions' attributes
    /// ("Exceptions on spans"):
    ///
    /// - `exception.type`: the Rust type; left out for a `dyn Error`, which does not know it.
    /// - `exception.message`: the error's `Display`, as far as it goes if it fails.
    /// - `exception.stacktrace`: the `source()` chain, a cause a line, up to 32, where there is one.
    /// - `attributes`, which win over these: so a caller that has a backtrace gives it as
    ///   `exception.stacktrace`.
    ///
    /// An error that was handled is not worth an event, and one that was not is also worth
    /// [`Status::error`](opentelemetry::trace::Status::error), which this leaves to the caller.
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

/// Rust's name of an error's type; none where that is a `dyn Error`, behind a pointer or not, which
/// does not tell.
pub(crate) fn kind<E: ?Sized>() -> Option<&'static str> {
    Some(type_name::<E>()).filter(|name| !name.contains("dyn "))
}

/// The attributes of the event: those of the error, and those that are given.
pub(crate) fn attributes<E: Error + ?Sized>(error: &E, given: &[KeyValue]) -> Vec<KeyValue> {
    let mut all = Vec::new();
    all.extend(kind::<E>().map(|kind| KeyValue::new("exception.type", kind)));
    let mut message = String::new();
    // Not `to_string`, which panics when a `Display` fails.
    let _ = write!(message, "{error}");
    all.push(KeyValue::new("exception.message", message));
    let mut chain = String::new();
    let mut source = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = source else { break };
        // A cause that cannot be written is left out.
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
