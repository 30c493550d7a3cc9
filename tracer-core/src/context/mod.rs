//! Which span is current: a stack of the thread beside `opentelemetry::Context`.
//!
//! Putting a span into a `Context` takes 48 ns and two allocations, whatever implements the span.
//! So a native span is put into a stack of the thread instead, and both are looked at:
//!
//! > The active span of the current `Context` is the newer one if it is another one than was active
//! > there when the innermost native span was entered. Else the native span is.
//!
//! A `Context` without an active span hides no native span, nor does one that has that very span, as
//! [`current_context`] makes it: so what is attached for others changes nothing here. Its span id is what tells two active
//! spans apart, because the API shows nothing else of a `Context`: one that is attached again while
//! native spans are open that were entered under it does not hide them.
//!
//! A provider may [activate contexts](crate::TracerProviderBuilder::context_activation): then a guard
//! attaches a `Context` with its span, in the order in which it enters the stack, and shares the span
//! with it. The active span of the current `Context` is then the current span without exception, so
//! a `Context` without an active span hides such a span.
//!
//! The stack owns what is in it, so that [`current`] can reach the span without its guard. It is a
//! stack that is addressed by position, as that of `Context` is: a guard that is dropped out of
//! order takes its own span out of the middle, and those entered later stay current.
//!
//! ```text
//! Slot: | entry | entry | entry |  kept for later, written in key
//!          |       |       `- a LazySpan: ids, name, start       the newest, so the parent of the next
//!          |       `- a Span with its recording               something was set on it
//!          `- Attached: the span is that of a `Context`       a future's, or shared with a guard
//! ```
//!
//! No foreign code runs while the stack is borrowed, but for what is dropped with the last of a
//! provider: for that code there is no stack, and it finds nothing current. What else is taken out is
//! dropped after.

mod activation;
mod captured;
mod current;
mod entry;
pub(crate) mod failure;
mod future;
mod guard;
mod lazy;
mod newest;
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
    newest::Moment,
    thread_default::DefaultProvider,
};
