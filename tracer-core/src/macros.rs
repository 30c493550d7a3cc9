//! The macros that start native spans.

/// Starts a span that is current on this thread until its guard, a [`LocalSpan`](crate::LocalSpan),
/// is dropped, which ends it.
///
/// ```text
/// span!([kind: SpanKind,] [parent: PARENT,] name [, key = value]…)
/// ```
///
/// - `name`: `&'static str` or `String`. Of low cardinality (trace/api.md "Span").
/// - `key = value`: attributes. A key is a literal or the path of a constant, `&'static str` or
///   [`Key`](opentelemetry::Key). A value is a boolean, a number, a text, a
///   [`Value`](opentelemetry::Value) or an array of the API, or a pointer to one. It is borrowed, so
///   text of any lifetime does, and evaluated only if the span records, before that becomes current.
///   So a sampler sees none of them: where one decides by attributes, give those to a
///   [`Tracer`](crate::Tracer)'s builder.
/// - `kind`: default [`SpanKind::Internal`](opentelemetry::trace::SpanKind::Internal).
/// - `parent`: a `&SpanContext`, an `Option` of one, or a `&Context`; default the
///   [current](crate::current()) span. `None` starts a root. The parent is all that is taken of a
///   `Context`: to have its baggage and the rest of it in the span too, attach it, and name none.
///
/// The instrumentation scope is the calling crate with its version. The provider is that of the
/// current span if that is a native one and the parent; else the
/// [thread's](crate::TracerProvider::set_thread_default), else the
/// [global](crate::TracerProvider::set_global) one; where there is none, the span only carries its
/// parent's context.
///
/// # Cost
/// No allocation on a warm thread, a parent's `tracestate` apart, and no lock. Where the provider has
/// processors or a sampler of its own, one or two allocations for the `Context` that they are given.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{SpanContext, SpanKind};
/// use tracer_core::{TracerProvider, span};
///
/// const ROUTE: &str = "http.route";
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
///
/// let _request = span!(kind: SpanKind::Server, "GET /orders/{id}", ROUTE = "/orders/{id}");
/// {
///     let _query = span!("query", "db.system.name" = "postgresql", "rows" = 3);
/// }
/// let job = span!(parent: None, "background job");
/// let _step = span!(parent: &job.span_context(), format!("step {}", 1));
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[macro_export]
macro_rules! span {
    ($($tokens:tt)+) => {
        $crate::__start!(enter [] $($tokens)+)
    };
}

/// Starts a span as [`span!`](crate::span) does, without making it current: a
/// [`Span`](crate::Span), which may move to other threads.
///
/// # Examples
/// ```
/// use opentelemetry::trace::Span as _;
/// use tracer_core::{TracerProvider, start_span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let mut span = start_span!("send", "bytes" = 512);
/// std::thread::spawn(move || span.end()).join().expect("no panic");
/// assert_eq!(provider.stats().ended, 1);
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[macro_export]
macro_rules! start_span {
    ($($tokens:tt)+) => {
        $crate::__start!(finish [] $($tokens)+)
    };
}

/// Options first, each appended as a call, then name and attributes.
#[doc(hidden)]
#[macro_export]
macro_rules! __start {
    ($how:ident [$($options:tt)*] kind: $kind:expr, $($rest:tt)+) => {
        $crate::__start!($how [$($options)* .kind($kind)] $($rest)+)
    };
    ($how:ident [$($options:tt)*] parent: $parent:expr, $($rest:tt)+) => {
        $crate::__start!($how [$($options)* .parent($parent)] $($rest)+)
    };
    (enter [] $name:expr $(,)?) => {
        $crate::__site!().enter_named($name)
    };
    (enter [$($options:tt)*] $name:expr $(,)?) => {
        $crate::__site!().enter($name, $crate::__private::Options::new() $($options)*)
    };
    ($how:ident [$($options:tt)*] $name:expr $(, $($key:tt)::+ = $value:expr)* $(,)?) => {{
        #[allow(unused_mut)]
        let mut starting =
            $crate::__site!().start($name, $crate::__private::Options::new() $($options)*);
        if starting.is_recording() {
            $(starting.set($($key)::+, &$value);)*
        }
        starting.$how()
    }};
    ($how:ident [$($options:tt)*] $($rest:tt)*) => {
        ::core::compile_error!(
            "expected options, name, attributes: span!(kind: …, parent: …, \"name\", \"key\" = value)"
        )
    };
}

/// The place in the program, which knows the crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    () => {{
        static SITE: $crate::__private::Site = $crate::__private::Site::new(
            ::core::env!("CARGO_PKG_NAME"),
            ::core::env!("CARGO_PKG_VERSION"),
        );
        &SITE
    }};
}
