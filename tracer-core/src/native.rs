//! What the macros that start native spans expand to.

use std::{
    borrow::Cow,
    mem,
    sync::atomic::{AtomicU64, Ordering},
};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{Span as _, SpanContext, SpanKind, TraceContextExt as _},
};

use crate::{
    context::{
        LocalSpan,
        homes::Home,
        slot::{self, Here},
    },
    provider::Shared,
    span::{AttributeRef, Span},
    start::{Around as _, Request, begin, otlp_kind},
    traced::Typed,
};

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
    let span = SITE.enter_named(name);
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

    /// Starts a span with nothing but a name, and makes it current.
    #[inline(always)]
    pub fn enter_named(&'static self, name: impl Into<Cow<'static, str>>) -> LocalSpan {
        match name.into() {
            Cow::Borrowed(name) => self.enter_static(name),
            name => self.start(name, Options::new()).enter(),
        }
    }

    fn enter_static(&'static self, name: &'static str) -> LocalSpan {
        match self.enter_light(name, otlp_kind(None)) {
            Some(span) => span,
            None => self.enter_slowly(name),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&'static self, name: &'static str) -> LocalSpan {
        self.start(name, Options::new()).enter()
    }

    /// Starts a span without attributes, and makes it current.
    pub fn enter(
        &'static self,
        name: impl Into<Cow<'static, str>>,
        options: Options<'_>,
    ) -> LocalSpan {
        let name = name.into();
        if let (Cow::Borrowed(name), Choice::Current) = (&name, &options.parent)
            && let Some(span) = self.enter_light(name, otlp_kind(options.kind.as_ref()))
        {
            return span;
        }
        self.start(name, options).enter()
    }

    #[inline(always)]
    fn enter_light(&self, name: &'static str, kind: u8) -> Option<LocalSpan> {
        LocalSpan::enter_light(name, kind, |shared| self.scope(shared))
    }

    /// Starts a span.
    pub fn start(
        &'static self,
        name: impl Into<Cow<'static, str>>,
        options: Options<'_>,
    ) -> Starting {
        let name = name.into();
        if let (Cow::Borrowed(name), Choice::Current) = (&name, &options.parent) {
            let kind = otlp_kind(options.kind.as_ref());
            if let Some((span, home)) = slot::start(name, kind, |shared| self.scope(shared)) {
                return Starting {
                    span,
                    home,
                    told: None,
                };
            }
        }
        self.start_slowly(&name, &options)
    }

    #[cold]
    fn start_slowly(&self, name: &str, options: &Options<'_>) -> Starting {
        let Here {
            is_suppressed,
            parent: current,
            home,
        } = slot::here();
        let (span, context, home) = match &options.parent {
            Choice::Current => (current, None, home),
            Choice::Root => (SpanContext::NONE, None, slot::default_home()),
            Choice::Span(span) => (SpanContext::clone(span), None, slot::default_home()),
            Choice::Context(context) => {
                let span = context.span().span_context().clone();
                (span, Some(*context), slot::default_home())
            }
        };
        if is_suppressed || context.is_some_and(Context::is_telemetry_suppressed) {
            return Starting::of(Span::non_recording(|context| *context = SpanContext::NONE));
        }
        let Some(home) = home else {
            return Starting::of(Span::non_recording(|context| *context = span));
        };
        let request = Request {
            name,
            kind: options.kind.as_ref(),
            ..Request::default()
        };
        let scope = self.scope(&home.shared);
        let started = begin(&home.shared, scope, &request, &span, &context, false);
        let mut starting = Starting::of(started);
        if !home.shared.processors.is_empty() && starting.is_recording() {
            starting.told = Some(context.with(&span, Context::clone));
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
    /// The provider, if the span does not record or processors are to see it.
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
    #[inline]
    pub fn set(&mut self, key: impl AsRef<str>, value: &(impl Typed + ?Sized)) {
        let value = value.value();
        let attribute = AttributeRef::new(key.as_ref(), value.as_ref());
        self.span.set_attribute_ref(attribute);
    }

    /// Makes the span current.
    pub fn enter(mut self) -> LocalSpan {
        self.tell();
        let span = mem::replace(&mut self.span, Span::gone());
        let home = self.home.take();
        // Nothing is left in it, which its drop takes a while to find out.
        mem::forget(self);
        LocalSpan::enter(span, home.as_ref().map(|home| &home.shared))
    }

    /// The span itself.
    pub fn finish(mut self) -> Span {
        self.tell();
        mem::replace(&mut self.span, Span::gone())
    }

    #[inline]
    fn tell(&mut self) {
        if self.told.is_some() {
            self.tell_slowly();
        }
    }

    #[cold]
    fn tell_slowly(&mut self) {
        if let Some(context) = self.told.take()
            && let Some(home) = &self.home
        {
            home.shared.processors.on_start(&mut self.span, &context);
        }
    }
}

/// An attribute that panicked: processors see the start of what they see the end of.
impl Drop for Starting {
    fn drop(&mut self) {
        self.tell();
    }
}
