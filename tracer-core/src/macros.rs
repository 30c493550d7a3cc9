//! The macros that start native spans.

/// Starts a span that is current on this thread until its guard, a [`LocalSpan`](crate::LocalSpan),
/// is dropped, which ends the span.
///
/// ```text
/// span!([kind: SpanKind,] [parent: PARENT,] name [, key = value]…)
/// ```
///
/// - `name`: `&'static str` or `String`, of low cardinality (trace/api.md "Span").
/// - `key = value`: attributes. A key is a literal, or the path of a constant of type
///   `&'static str` or [`Key`](opentelemetry::Key). A value is a boolean, a number, a string, a
///   [`Value`](opentelemetry::Value) or an array of the API, or a pointer to one. The value is
///   borrowed, so a string may have any lifetime. It is evaluated only if the span records, before
///   the span becomes current. A sampler does not get these attributes. Give attributes for a
///   sampler to the builder of a [`Tracer`](crate::Tracer).
/// - `kind`: default [`SpanKind::Internal`](opentelemetry::trace::SpanKind::Internal).
/// - `parent`: a `&SpanContext`, an `Option` of one, or a `&Context`; default the
///   [current](crate::current()) span. `None` starts a root. Only the parent is taken from a
///   `Context`. To have its baggage and other values in the span too, attach it and give no parent.
///
/// The instrumentation scope is the calling crate with its version. The provider is the first of
/// these that exists:
///
/// - the provider of the current span, if that is a native span and the parent;
/// - the [thread's default](crate::TracerProvider::set_thread_default);
/// - the [global](crate::TracerProvider::set_global) provider.
///
/// Without a provider, the span only passes its parent's context on.
///
/// # Cost
/// On a warm thread, no lock, and no allocation except for a parent's `tracestate`. If the provider
/// has processors or a custom sampler, one or two allocations for the `Context` that is passed to
/// them.
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

/// Starts a span as [`span!`](crate::span) does, without making it current. Returns a
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

/// Parses the options first, each appended as a call, then the name and the attributes.
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

/// Returns the call site, which holds the name of its crate.
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
