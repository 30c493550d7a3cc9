//! Operations that a service performs for its users and that may fail, and events with typed data.
//!
//! [`run`] and [`run_async`] run work in a span and record its error. They take the span from
//! [`start_span!`](crate::start_span), so that its scope is the caller's crate and all options are
//! available. [`emit`] adds an event to the current span, so no span has to be passed through the
//! work. An event is a struct, so that its name, and the names and types of its data, are defined
//! in one place.
//!
//! If no provider is set, the work runs, nothing is recorded, and no event is made.
//!
//! # Errors and panics
//! Errors and panics are recorded as by [`#[traced(err)]`](crate::traced). An `Err` sets the status
//! `Error` with the error's text, sets `error.type`, and adds an `exception` event. A panic is an
//! error of the type `panic`. Its message is not recorded, and the panic continues. Success leaves
//! the status unset, because `Ok` is for callers that overrule an error (trace/api.md "Set
//! Status").
//!
//! # Examples
//! ```
//! use opentelemetry::KeyValue;
//! use tracer_core::{TracerProvider, operation, start_span};
//!
//! struct OrderPlaced {
//!     id: u32,
//!     cents: i64,
//! }
//!
//! impl operation::Event for OrderPlaced {
//!     const NAME: &'static str = "shop.order.placed";
//!
//!     fn attributes(&self) -> Vec<KeyValue> {
//!         vec![
//!             KeyValue::new("shop.order.id", i64::from(self.id)),
//!             KeyValue::new("shop.order.cents", self.cents),
//!         ]
//!     }
//! }
//!
//! fn place(id: u32) -> Result<u32, String> {
//!     if id == 0 {
//!         return Err("an order has a number".to_owned());
//!     }
//!     operation::emit(&OrderPlaced { id, cents: 499 });
//!     Ok(id)
//! }
//!
//! let provider = TracerProvider::builder().build()?;
//! provider.set_global();
//! let placed = operation::run(start_span!("place order", "shop.channel" = "web"), || place(7));
//! assert_eq!(placed, Ok(7));
//! assert_eq!(provider.stats().ended, 1);
//! # Ok::<(), tracer_core::ConfigError>(())
//! ```

use std::{fmt::Display, future::Future};

use opentelemetry::KeyValue;

use crate::{
    context::{InSpan, current},
    span::Span,
    traced::{OutcomeRecorder, display, observe},
};

/// An event in an operation, with its data.
pub trait Event {
    /// The name of the event, of low cardinality: `shop.order.placed` (semantic conventions,
    /// "Events").
    const NAME: &'static str;

    /// Returns the data. Called only if a span records the event.
    fn attributes(&self) -> Vec<KeyValue>;
}

/// Adds an event to the [current](current()) span, if that span records.
///
/// # Examples
/// ```
/// use opentelemetry::KeyValue;
/// use tracer_core::operation;
///
/// struct CartEmptied;
///
/// impl operation::Event for CartEmptied {
///     const NAME: &'static str = "shop.cart.emptied";
///
///     fn attributes(&self) -> Vec<KeyValue> {
///         Vec::new()
///     }
/// }
///
/// operation::emit(&CartEmptied);
/// ```
pub fn emit<E: Event>(event: &E) {
    let current = current();
    if current.is_recording() {
        current.add_event(E::NAME, event.attributes());
    }
}

/// Calls `work` while the span is current, records its error, and ends the span.
///
/// # Panics
/// Panics if `work` does. The span records the panic.
///
/// # Examples
/// ```
/// use tracer_core::{operation, start_span};
///
/// let result = operation::run(start_span!("parse"), || "x".parse::<u8>());
/// assert!(result.is_err());
/// ```
pub fn run<T, E: Display>(span: Span, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let span = span.enter();
    let observed = OutcomeRecorder(&span);
    let result = work();
    observed.err(&result, display);
    result
}

/// Runs a future in a span, as [`run`] does for a function. The span is current during each poll,
/// and ends when the future is ready or dropped. A future that is dropped before it is ready is not
/// an error.
///
/// # Examples
/// ```
/// use tracer_core::{operation, start_span};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let paid = operation::run_async(start_span!("pay"), async { Ok::<_, String>(499) });
/// assert_eq!(paid.await, Ok(499));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn run_async<T, E: Display>(
    span: Span,
    work: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let work = observe(&span, work, |observed, result| {
        observed.err(result, display);
    });
    work.in_span(span)
}
