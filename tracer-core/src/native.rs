//! The macros that start native spans, and what they expand to.

use std::{
    borrow::Cow,
    mem,
    sync::atomic::{AtomicU64, Ordering},
};

use opentelemetry::{
    Context, InstrumentationScope, Key, KeyValue, Value,
    trace::{Span as _, SpanContext, SpanKind, TraceContextExt as _},
};

use crate::{
    context::{
        LocalSpan,
        slot::{self, Here, Home},
    },
    provider::Shared,
    span::Span,
    start::{Parent, Request, begin},
};

/// Starts a span that is current on this thread until its guard, a [`LocalSpan`](crate::LocalSpan),
/// is dropped, which ends it.
///
/// ```text
/// span!([kind: SpanKind,] [parent: &SpanContext | &Context | None,] name [, key = value]…)
/// ```
///
/// - `name`: `&'static str` or `String`. Of low cardinality (trace/api.md "Span").
/// - `key = value`: attributes. A key is a literal or the path of a constant, `&'static str` or
///   [`Key`]; a value is what [`Value`] can be made from. Values are evaluated only if the span
///   records, before it becomes current. So a sampler sees none of them: where one decides by
///   attributes, give those to a [`Tracer`](crate::Tracer)'s builder.
/// - `kind`: default [`SpanKind::Internal`].
/// - `parent`: default the [current](crate::current()) span. `None` starts a root.
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
        $crate::__start!([] $($tokens)+).enter()
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
        $crate::__start!([] $($tokens)+).finish()
    };
}

/// Options first, each appended as a call, then name and attributes.
#[doc(hidden)]
#[macro_export]
macro_rules! __start {
    ([$($options:tt)*] kind: $kind:expr, $($rest:tt)+) => {
        $crate::__start!([$($options)* .kind($kind)] $($rest)+)
    };
    ([$($options:tt)*] parent: $parent:expr, $($rest:tt)+) => {
        $crate::__start!([$($options)* .parent($parent)] $($rest)+)
    };
    ([$($options:tt)*] $name:expr $(, $($key:tt)::+ = $value:expr)* $(,)?) => {{
        static SITE: $crate::__private::Site = $crate::__private::Site::new(
            ::core::env!("CARGO_PKG_NAME"),
            ::core::env!("CARGO_PKG_VERSION"),
        );
        #[allow(unused_mut)]
        let mut starting = SITE.start($name, $crate::__private::Options::new() $($options)*);
        $(
            if starting.is_recording() {
                starting.set($($key)::+, $value);
            }
        )*
        starting
    }};
}

/// Runs `work` in a span that is a child of the [current](crate::current) one, as
/// [`Tracer::in_span`](opentelemetry::trace::Tracer::in_span) does.
///
/// A function does not know its caller's crate, so the instrumentation scope is this one; where that
/// matters, `start_span!(…).in_scope(…)` says the same.
///
/// # Examples
/// ```
/// use opentelemetry::KeyValue;
/// use tracer_core::{TracerProvider, in_span};
///
/// let provider = TracerProvider::builder().build()?;
/// provider.set_global();
/// let sum = in_span("add", |span| {
///     span.set_attribute(KeyValue::new("terms", 2));
///     1 + 2
/// });
/// assert_eq!((sum, provider.stats().ended), (3, 1));
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
pub fn in_span<T>(name: impl Into<Cow<'static, str>>, work: impl FnOnce(&LocalSpan) -> T) -> T {
    static SITE: Site = Site::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let span = SITE.start(name, Options::new()).enter();
    work(&span)
}

/// The place of a macro in a program: knows its crate, and that one's place among the scopes of the
/// provider that it used last.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    version: &'static str,
    /// The provider's id, and in the low bits the scope's place.
    cached: AtomicU64,
}

/// Enough for the scopes of a provider, which are some thousand.
const SCOPE_BITS: u32 = 16;

impl Site {
    /// A place in this crate.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            cached: AtomicU64::new(0),
        }
    }

    pub(crate) fn scope(&self, shared: &Shared) -> u32 {
        // Relaxed: a single value, which says whose it is.
        let cached = self.cached.load(Ordering::Relaxed);
        if cached >> SCOPE_BITS == shared.id {
            return (cached & ((1 << SCOPE_BITS) - 1)) as u32;
        }
        self.look_up(shared)
    }

    #[cold]
    fn look_up(&self, shared: &Shared) -> u32 {
        let scope = InstrumentationScope::builder(self.name).with_version(self.version);
        let scope = shared.scope_index(scope.build());
        let cached = (shared.id << SCOPE_BITS) | u64::from(scope);
        // Relaxed: as above.
        self.cached.store(cached, Ordering::Relaxed);
        scope
    }

    /// Starts a span.
    pub fn start(
        &'static self,
        name: impl Into<Cow<'static, str>>,
        options: Options<'_>,
    ) -> Starting {
        let Here {
            is_suppressed,
            parent: current,
            home,
        } = slot::here();
        let (span, context, home) = match options.parent {
            Choice::Current => (current, None, home),
            Choice::Root => (SpanContext::NONE, None, slot::default_home()),
            Choice::Span(span) => (span.clone(), None, slot::default_home()),
            Choice::Context(context) => {
                let span = context.span().span_context().clone();
                (span, Some(context), slot::default_home())
            }
        };
        if is_suppressed || context.is_some_and(Context::is_telemetry_suppressed) {
            return Starting::of(Span::non_recording(|context| *context = SpanContext::NONE));
        }
        let Some(home) = home else {
            return Starting::of(Span::non_recording(|context| *context = span));
        };
        let name = name.into();
        let request = Request {
            name: &name,
            kind: options.kind.as_ref(),
            ..Request::default()
        };
        let parent = Parent {
            span: &span,
            context,
        };
        let started = begin(&home, self.scope(&home), &request, &parent);
        let mut starting = Starting::of(started);
        if !home.processors.is_empty() && starting.is_recording() {
            starting.told = Some(parent.with_context(Context::clone));
        }
        starting.home = Some(home);
        starting
    }
}

/// What a macro is given before the name.
#[derive(Debug, Default)]
pub struct Options<'a> {
    kind: Option<SpanKind>,
    parent: Choice<'a>,
}

/// A parent that was chosen.
#[derive(Debug, Default)]
enum Choice<'a> {
    #[default]
    Current,
    Root,
    Span(&'a SpanContext),
    Context(&'a Context),
}

impl<'a> Options<'a> {
    /// Those of a span whose caller gives none.
    pub fn new() -> Self {
        Self::default()
    }

    /// The kind.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The parent.
    #[must_use]
    pub fn parent(mut self, parent: impl IntoParent<'a>) -> Self {
        self.parent = parent.into_parent().0;
        self
    }
}

/// What the macros take as `parent`: `&SpanContext`, `&Context`, `None`, or `Some(&SpanContext)`.
pub trait IntoParent<'a> {
    /// The choice.
    fn into_parent(self) -> ChosenParent<'a>;
}

/// A parent, as an option of the macros.
#[derive(Debug)]
pub struct ChosenParent<'a>(Choice<'a>);

impl<'a> IntoParent<'a> for &'a SpanContext {
    fn into_parent(self) -> ChosenParent<'a> {
        ChosenParent(Choice::Span(self))
    }
}

impl<'a> IntoParent<'a> for &'a Context {
    fn into_parent(self) -> ChosenParent<'a> {
        ChosenParent(Choice::Context(self))
    }
}

impl<'a> IntoParent<'a> for Option<&'a SpanContext> {
    fn into_parent(self) -> ChosenParent<'a> {
        ChosenParent(self.map_or(Choice::Root, Choice::Span))
    }
}

/// A span that has started, and gets its first attributes before processors see it.
#[derive(Debug)]
pub struct Starting {
    span: Span,
    home: Option<Home>,
    /// What processors are given as its parent; `None` once they were, and where there are none.
    told: Option<Context>,
}

impl Starting {
    fn of(span: Span) -> Self {
        Self {
            span,
            home: None,
            told: None,
        }
    }

    /// Whether to evaluate attributes.
    pub fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    /// Sets an attribute.
    pub fn set(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    /// Makes the span current.
    pub fn enter(mut self) -> LocalSpan {
        self.tell();
        let span = mem::replace(&mut self.span, Span::gone());
        LocalSpan::enter(span, self.home.take())
    }

    /// The span itself.
    pub fn finish(mut self) -> Span {
        self.tell();
        mem::replace(&mut self.span, Span::gone())
    }

    fn tell(&mut self) {
        if let Some(context) = self.told.take()
            && let Some(home) = &self.home
        {
            home.processors.on_start(&mut self.span, &context);
        }
    }
}

/// An attribute that panicked: processors see the start of what they see the end of.
impl Drop for Starting {
    fn drop(&mut self) {
        self.tell();
    }
}
