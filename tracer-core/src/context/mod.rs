//! The current span: a stack of native spans on each thread, beside `opentelemetry::Context`.
//!
//! Putting a span into a `Context` takes 48 ns and two allocations, whatever implements the span.
//! So a native span is put on a stack of its thread instead. The current span is the newer one of
//! two, by this rule:
//!
//! > The active span of the current `Context` is newer if another span was active there when the
//! > innermost native span was entered. Otherwise the native span is newer.
//!
//! A `Context` without an active span hides no native span. A `Context` whose active span is the
//! native span itself does not hide it either; [`current_context`] makes such a `Context`. So
//! attaching such a `Context` for other code does not change the current span.
//!
//! Active spans are compared by span id, because the API exposes nothing else to identify a
//! `Context`. So if a `Context` is attached again while native spans that were entered under it are
//! open, it does not hide them.
//!
//! A provider may [activate contexts](crate::TracerProviderBuilder::context_activation). Then a
//! guard also attaches a `Context` and shares its span with it. The contexts are attached in the
//! order in which the spans enter the stack. The active span of the current `Context` is then
//! always the current span, so a `Context` without an active span hides such a native span.
//!
//! The stack owns its spans, so that [`current`] reaches a span without its guard. Entries are
//! addressed by position, as in the API's stack of contexts. A guard that is dropped out of order
//! takes its own span out of the middle. The spans that were entered later stay current.
//!
//! ```text
//!  entries below `len`               spare entries, filled in place later
//! | Entry | Entry | Entry |         | Entry | ...
//!     |       |       `- EntryKind::Lazy: ids, name and start; the parent of the next span
//!     |       `- EntryKind::Span: a `Span` with its recording, because something was set on it
//!     `- EntryKind::InContext: the active span of a `Context`, of a future or shared with a guard
//! ```
//!
//! No user code runs while the stack is borrowed, with one exception: code that is dropped with the
//! last reference to a provider. That code finds no stack, and so no current span. Everything else
//! that is taken off the stack is dropped after the borrow.

mod activation;
mod captured;
mod current;
mod entry;
pub(crate) mod failure;
mod future;
mod guard;
mod lazy;
mod newest_span;
pub(crate) mod providers;
mod shared_span;
mod span_stack;
mod thread_default;
pub(crate) mod thread_stack;

pub mod task;

pub use self::{
    captured::with_current_context,
    current::{CurrentSpan, current, current_context},
    future::{InSpan, StreamInSpan, WithSpan},
    guard::LocalSpan,
    newest_span::Moment,
    thread_default::DefaultProvider,
};
