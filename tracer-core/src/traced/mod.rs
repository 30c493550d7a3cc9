//! `#[traced]`, and the functions that its expansion calls.

mod outcome;
mod run;
mod value;

pub use opentelemetry::trace::SpanKind;

/// Runs a function in a span: `fn`, `async fn`, methods, and functions that return a future.
///
/// **Arguments are recorded**, as `tracing`'s `#[instrument]` does. Numbers, booleans, characters
/// and strings are recorded by their types, all others by `Debug`. Leave out data that must not
/// leave the process (a password, a token, a personal record) with `skip(name)` or `skip_all`.
/// `self` is never recorded, nor is an argument whose name starts with `_`.
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
/// | option | effect |
/// | --- | --- |
/// | `name = "…"`, `name = CONST` | sets the span's name. Default: the function's name, without path or type. The conventions ask for a name that groups spans, `tracing` does the same, and the scope names the crate |
/// | `kind = Client` | sets the kind: `Internal` (default), `Server`, `Client`, `Producer`, `Consumer` |
/// | `fields(…)` | adds attributes: `"order.id" = expr`, `order.id = expr`, `CONST = expr`, `path::CONST = expr`, `variable`. Values must have a type that attributes support; `%value` records by `Display`, `?value` by `Debug`. A field replaces the argument of the same name |
/// | `skip(a, b)`, `skip_all` | does not record these arguments. Fields are still recorded |
/// | `err`, `err(Debug)` | records an `Err`, see below, with the text of its `Display` or `Debug`, which then must not hold a secret |
/// | `ret`, `ret(Display)` | records the returned value as the attribute `return`; with `err`, the value in `Ok` |
/// | `parent = expr` | sets the parent: `&SpanContext`, `&Context`, or `None` for a root. Default: the current span |
/// | `crate = path` | sets the path of `tracer_core`, if the crate was renamed |
///
/// Fields and `parent` may use the arguments. They are evaluated before the body, and fields only
/// if the span records. They borrow, so the body still owns the values that they name.
///
/// An integer that does not fit into an `i64` is recorded as decimal text. Text is cut at the
/// provider's limit (4096 characters), and formatted text at 16 KiB if that is less.
///
/// # When the span starts and ends
/// - `fn`: the span starts with the call and ends with the return, even an early one.
/// - `async fn`: it starts with the first poll, and ends when the future is ready or dropped. It is
///   current during each poll.
/// - A function that returns `impl Future`, `Pin<Box<dyn Future>>` (as a method under `async-trait`
///   does), `BoxFuture` or `LocalBoxFuture`: it starts with the call, and ends when the future is
///   ready or dropped. It is current during the call and each poll. If the type has another name,
///   the span covers only the call.
///
/// A future that is `Send` stays `Send`. A future that is dropped before it is ready is not an
/// error.
///
/// Arguments are dropped in the order of a plain function (Rust Reference, "Destructors"), whatever
/// the options. They are dropped inside the span of a future, and inside a span that records the
/// result (`err`, `ret`). Otherwise they are dropped after the span has ended.
///
/// # Errors and panics
/// `err` sets the status `Error` with the text as its description, sets `error.type`, and adds an
/// `exception` event. The event has `exception.type` and `exception.message` (semantic conventions,
/// "Recording errors", "Exceptions on spans"). The type is Rust's name of the error type. For a
/// `dyn Error`, whose type is unknown, `error.type` is `_OTHER`.
///
/// A panic ends the span as an error, with or without `err`, as it does for every current span.
/// `error.type` and `exception.type` are then `panic`. The panic's message is not recorded, because
/// it may hold anything, and the panic continues unchanged. `exception.escaped` is not set, because
/// the conventions have deprecated it.
///
/// # Cost
/// A function costs the same as [`span!`](crate::span), a future the same as
/// [`InSpan`](crate::InSpan).
/// Arguments and fields that are numbers, booleans or text take no allocation. Others take the time
/// and memory of their `Debug` or `Display`. A result that is text takes one allocation. If the
/// span does not record, nothing is formatted.
///
/// # From tracing's `#[instrument]`
/// Most attributes work once the macro's name is changed. The differences are:
///
/// | `#[instrument]` | `#[traced]` |
/// | --- | --- |
/// | records `self` by `Debug` | does not record it; `skip(self)` is allowed, `fields(?self)` records it |
/// | records `_unused` | does not record it |
/// | records `char` by `Debug` | records it as text |
/// | `level`, `target` | not available: samplers decide, and the scope is the crate |
/// | `follows_from` | a link: [`Span::add_link`](opentelemetry::trace::Span::add_link) on a span of `start_span!` |
/// | `parent = span.id()` | `parent = &span_context`; `None` starts a root too |
/// | `fields(later = Empty)` | no field: call `current().set_attribute(…)` when the value is known |
/// | `fields({CONST} = v)` | `fields(CONST = v)` |
/// | `name = CONST`, or `"name"` as the first argument | `name = CONST`, `name = "name"` |
/// | `err` and `ret` add events with a level | `err` sets the status and adds an `exception` event; `ret` sets an attribute |
/// | a method under `async-trait` starts at the first poll | starts with the call, so a spawned one keeps its parent |
/// | `otel.kind`, `otel.name` as fields | `kind`, `name` |
/// | a panic is not recorded | a panic is recorded as an error |
pub use tracer_core_macros::traced;

pub use self::{
    outcome::{Fallible, FutureSpan, OutcomeFuture, OutcomeRecorder, SpanLookup, observe},
    run::{Enter, Running, enter, exit, run},
    value::{
        Argument, AttributeValue, DebuggedResult, DisplayedError, ToAttribute, argument, debug,
        debugged_result, display, displayed_error, typed,
    },
};

/// Calls a closure once, as its bound tells the compiler. So the closure may return a value that it
/// owns, such as a reference out of a `&mut self`. In an `unsafe fn` the closure may contain unsafe
/// operations too:
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
