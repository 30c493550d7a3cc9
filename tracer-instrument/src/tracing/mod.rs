//! Spans of `tracing`: code that is instrumented with `#[tracing::instrument]` needs one layer more.
//!
//! ```
//! use opentelemetry::trace::TracerProvider as _;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! #[tracing::instrument]
//! fn charge(cents: u64) {
//!     tracing::info!("charged");
//! }
//!
//! // Applications call `tracer_export::init()`, which makes the provider the global one.
//! let provider = tracer_core::TracerProvider::builder().build()?;
//! provider.set_global();
//!
//! let subscriber = tracing_subscriber::registry().with(tracer_instrument::tracing::layer());
//! tracing::subscriber::with_default(subscriber, || charge(995));
//! assert_eq!(provider.stats().ended, 1);
//! # Ok::<(), tracer_core::ConfigError>(())
//! ```
//!
//! - A span is a child of what is current where it is made: a span of `tracing`, of OpenTelemetry, or
//!   a native one of `tracer-core`, whichever is newest; `parent:` decides otherwise. While it is
//!   entered it is the active span of `opentelemetry::Context`, so it is the parent of all of them.
//! - It starts when it is made and ends when it was left last, or, never entered, when it is closed.
//! - Fields are attributes, also those that are recorded later. Whole numbers are numbers where they
//!   fit 64 bits with sign. A `dyn Error` is its text, its sources as `<field>.chain`, and an exception.
//! - `otel.name`, `otel.kind`, `otel.status_code` and `otel.status_description` say what the span of
//!   OpenTelemetry has in these places.
//! - Events become events of the newest span, with `level` and `target`; one of the level `ERROR` sets
//!   an error status. The newest span may be one of `tracing`, a native guard, or the active span of
//!   `Context`; `parent:` decides otherwise. If the newest span does not record, the event is dropped.
//!   `follows_from` makes links.
//! - [`OpenTelemetrySpanExt`] sets parents from headers, adds links, attributes and events.
//! - A field whose `Debug` panics is left out; one that writes more than
//!   256 KiB is cut. Its `Debug` may log and make spans.
//! - A span that a filter keeps from the layer is passed over: its children have its parent.
//!
//! Install at most one `TracingLayer` per registry; a second one records nothing. [`migration`] lists the
//! differences from `tracing-opentelemetry`.
//!
//! # DuplicateLayer `tracing-opentelemetry`
//! Both layers on one registry record each span twice and mix the trees. Use one of them. The layer
//! logs one warning if it finds the other: below itself by the type, above itself by the contexts of
//! the first spans that are left. It cannot see a boxed layer below itself, one that is joined by
//! `and_then`, or one above that attaches no contexts, because the types of that crate are private.
//! This finds it in every case, where a dependency brings it in too:
//!
//! ```text
//! cargo tree -i tracing-opentelemetry   # "did not match any packages" if it is not there
//! ```

mod layer;
mod options;

mod error;
mod ext;

mod context_span;
mod duplicate_layer;
mod entered;
mod event;
mod fields;
mod metadata;
mod span_state;
mod visitor;

pub mod migration;

pub use self::{error::SetParentError, ext::OpenTelemetrySpanExt, layer::TracingLayer};

/// A layer whose spans belong to the default provider at the time: that of the thread, else the global
/// one. Without a provider, spans are not recorded.
pub fn layer() -> TracingLayer {
    TracingLayer::new(None)
}

/// A layer whose spans belong to this tracer.
///
/// # Examples
/// ```
/// use opentelemetry::trace::TracerProvider as _;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let provider = tracer_core::TracerProvider::builder().build()?;
/// let layer = tracer_instrument::tracing::layer_with(provider.tracer("shop")).with_location(true);
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || drop(tracing::info_span!("checkout")));
/// assert_eq!(provider.stats().ended, 1);
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn layer_with(tracer: tracer_core::Tracer) -> TracingLayer {
    TracingLayer::new(Some(tracer))
}
