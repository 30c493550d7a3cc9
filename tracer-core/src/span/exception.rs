//! Errors as events of a span.

use std::error::Error;

use opentelemetry::KeyValue;

use super::Span;

/// An error that is its own source must not be followed for ever.
const MAX_CAUSES: usize = 32;

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
