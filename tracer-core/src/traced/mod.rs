//! `#[traced]`, and what the code calls that it writes.

mod outcome;
mod run;
mod value;

pub use opentelemetry::trace::SpanKind;

/// Runs a function in a span: `fn`, `async fn`, methods, and functions that return a future.
///
/// **Arguments are recorded**, as `tracing`'s `#[instrument]` does: numbers, booleans, characters and
/// strings as what they are, everything else by its `Debug`. What must not leave the process (a
/// password, a token, a personal record) is left out with `skip(name)` or `skip_all`. `self` is never
/// recorded, nor is an argument whose name starts with `_`.
///
/// ```
/// use tracer_core::traced;
///
/// # struct Card; #[derive(Debug)] struct Declined;
/// # impl std::fmt::Display for Declined {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("declined") }
/// # }
/// #[traced(kind = Client, skip(card), fields("payment.currency" = "EUR"), err)]
/// async fn charge(card: &Card, cents: u64) -> Result<(), Declined> {
///     if cents > 100_000 {
///         return Err(Declined);
///     }
///     Ok(())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = tracer_core::TracerProvider::builder().build()?;
/// provider.set_global();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// charge(&Card, 200_000).await.expect_err("too much");
/// # });
/// assert_eq!(provider.stats().ended, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Options
/// | option | what |
/// | --- | --- |
/// | `name = "…"`, `name = CONST` | the span's name. Default: the function's, without path or type, as the conventions want a name that groups and `tracing` users expect it; the scope names the crate |
/// | `kind = Client` | `Internal` (default), `Server`, `Client`, `Producer`, `Consumer` |
/// | `fields(…)` | attributes: `"order.id" = expr`, `order.id = expr`, `CONST = expr`, `path::CONST = expr`, `variable`. Values as for arguments, of types that attributes have; `%value` records by `Display`, `?value` by `Debug`. A field takes the place of the argument of its name |
/// | `skip(a, b)`, `skip_all` | arguments that are not recorded. Fields still are |
/// | `err`, `err(Debug)` | records an `Err`, see below, with the text of its `Display` or `Debug`, which must hold no secret then |
/// | `ret`, `ret(Display)` | records what is returned as the attribute `return`; with `err`, what is in `Ok` |
/// | `parent = expr` | `&SpanContext`, `&Context`, or `None` for a root. Default: the current span |
/// | `crate = path` | where `tracer_core` is found, if not under this name |
///
/// Fields and `parent` may use the arguments. They are evaluated before the body, fields only if the
/// span records; they borrow, so the body still owns what they name. An integer beyond 64 bits with a
/// sign is recorded in decimals; text ends at the provider's limit (4096 characters), and what is
/// formatted at 16 KiB if that is less.
///
/// # When the span starts and ends
/// - `fn`: with the call and the return, an early one too.
/// - `async fn`: with the first poll, and when it is ready or dropped. It is current at each poll.
/// - A function that returns `impl Future`, `Pin<Box<dyn Future>>` (so a method under `async-trait`),
///   `BoxFuture` or `LocalBoxFuture`: with the call, current during the call and each poll, until
///   the future is ready or dropped. Under another name for such a type the span is that of the call.
///
/// A future stays `Send` if it was. One that is dropped before it is ready is no error.
///
/// Arguments are dropped in the order of a plain function (Rust Reference, "Destructors"), whatever
/// the options: in the span where it is a future's, or looks at the result (`err`, `ret`), else after
/// the span has ended.
///
/// # Errors and panics
/// `err` sets the status `Error` with the text as its description, `error.type`, and adds an
/// `exception` event with `exception.type` and `exception.message` (semantic conventions, "Recording
/// errors", "Exceptions on spans"). The type is Rust's name for it; for a `dyn Error`, which does not
/// tell, `error.type` is `_OTHER`.
///
/// A panic ends the span as an error, with or without `err`, as it ends every span that is current:
/// `error.type` and `exception.type` are `panic`. Its message, which may hold anything, is not
/// recorded, and it goes on as it was. `exception.escaped`, which the conventions have given up, is
/// not set.
///
/// # Cost
/// That of [`span!`](crate::span) in a function, of [`InSpan`](crate::InSpan) in a future: for
/// arguments and fields that are numbers, booleans or text no allocation; what `Debug` and `Display`
/// take for the others. A result that is text takes one. If the span does not record, nothing is formatted.
///
/// # From tracing's `#[instrument]`
/// Most attributes work when the name is changed. What is different:
///
/// | `#[instrument]` | `#[traced]` |
/// | --- | --- |
/// | records `self` by `Debug` | never does; `skip(self)` is allowed, `fields(?self)` records it |
/// | records `_unused` | does not |
/// | `char` by `Debug` | as text |
/// | `level`, `target` | none: samplers decide, and the scope is the crate |
/// | `follows_from` | a link: [`Span::add_link`](opentelemetry::trace::Span::add_link) on a span of `start_span!` |
/// | `parent = span.id()` | `parent = &span_context`; `None` is a root as well |
/// | `fields(later = Empty)` | no field: `current().set_attribute(…)` when the value is there |
/// | `fields({CONST} = v)` | `fields(CONST = v)` |
/// | `name = CONST`, `"name"` first | `name = CONST`, `name = "name"` |
/// | `err` and `ret` are events of a level | the status, an `exception` event; an attribute |
/// | a method under `async-trait` starts at the first poll | with the call, so a spawned one keeps its parent |
/// | `otel.kind`, `otel.name` as fields | `kind`, `name` |
/// | a panic leaves no mark | is an error |
pub use tracer_core_macros::traced;

pub use self::{
    outcome::{Fallible, FutureSpan, OutcomeFuture, OutcomeRecorder, SpanLookup, observe},
    run::{Enter, Running, enter, exit, run},
    value::{
        Argument, AttributeValue, DebuggedResult, DisplayedError, ToAttribute, argument, debug,
        debugged_result, display, displayed_error, typed,
    },
};

/// Calls a closure once. The bound tells the compiler that it is called once, so that it may return
/// what it owns, such as a reference out of a `&mut self`. In an `unsafe fn` it may do what that may:
///
/// ```
/// #![allow(unsafe_op_in_unsafe_fn)]
///
/// #[tracer_core::traced(skip_all, err)]
/// unsafe fn read(pointer: *const u8) -> Result<u8, std::fmt::Error> {
///     Ok(*pointer)
/// }
///
/// assert_eq!(unsafe { read(&7) }, Ok(7));
/// ```
#[inline]
pub fn call<T>(work: impl FnOnce() -> T) -> T {
    work()
}
