//! The native API: the types and functions that the macros for spans expand to.

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
        providers::ProviderRef,
        thread_stack::{self, EntryPoint, StartContext, Started},
    },
    provider_core::ProviderCore,
    record::{AttributeRef, kind::otlp_kind},
    span::Span,
    start::{NativeParent, ParentContext, StartOptions, start},
    traced::ToAttribute,
};

/// Runs `work` in a span that is a child of the [current](crate::current) one, as
/// [`Tracer::in_span`](opentelemetry::trace::Tracer::in_span) does.
///
/// The instrumentation scope is this crate, because a function does not know its caller's crate. If
/// that matters, use `start_span!(…).in_scope(…)`.
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

/// The call site of a macro. It holds the name of its crate, and the position of that crate's scope
/// in the provider that was used last.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    version: &'static str,
    /// The id of the provider, with the position of the scope in the low bits.
    cached: AtomicU64,
}

/// Enough for the scopes of a provider, of which there are about a thousand.
const SCOPE_BITS: u32 = 16;

impl Site {
    /// Creates the call site of a macro in this crate.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            cached: AtomicU64::new(0),
        }
    }

    pub(crate) fn scope(&self, provider: &ProviderCore) -> u32 {
        // Relaxed: a single value, which includes the id of its provider.
        let cached = self.cached.load(Ordering::Relaxed);
        if cached >> SCOPE_BITS == provider.id {
            return (cached & ((1 << SCOPE_BITS) - 1)) as u32;
        }
        self.look_up(provider)
    }

    #[cold]
    fn look_up(&self, provider: &ProviderCore) -> u32 {
        let scope = InstrumentationScope::builder(self.name).with_version(self.version);
        let scope = provider.scope_index(scope.build());
        let cached = (provider.id << SCOPE_BITS) | u64::from(scope);
        // Relaxed: as in `scope`.
        self.cached.store(cached, Ordering::Relaxed);
        scope
    }

    /// Starts a span that has only a name, and makes it current.
    #[inline(always)]
    pub fn enter_named(&'static self, name: impl Into<Cow<'static, str>>) -> LocalSpan {
        match name.into() {
            Cow::Borrowed(name) => self.enter_static(name),
            name => self.start(name, Options::new()).enter(),
        }
    }

    fn enter_static(&'static self, name: &'static str) -> LocalSpan {
        match LocalSpan::enter_lazy(name, otlp_kind(None), |provider| self.scope(provider)) {
            Some(span) => span,
            None => self.enter_slowly(name),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&'static self, name: &'static str) -> LocalSpan {
        let kind = otlp_kind(None);
        match thread_stack::start(name, kind, |provider| self.scope(provider)) {
            Some(Started { span, provider, .. }) => {
                LocalSpan::enter(span, provider.as_ref().map(|provider| &provider.core))
            }
            None => self.start_slowly(name, &Options::new()).enter(),
        }
    }

    /// Starts a span without attributes, and makes it current.
    pub fn enter(
        &'static self,
        name: impl Into<Cow<'static, str>>,
        options: Options<'_>,
    ) -> LocalSpan {
        let name = name.into();
        if let (Cow::Borrowed(name), Choice::Current) = (&name, &options.parent) {
            let kind = otlp_kind(options.kind.as_ref());
            let entered = LocalSpan::enter_lazy(name, kind, |provider| self.scope(provider));
            if let Some(span) = entered {
                return span;
            }
        }
        self.start(name, options).enter()
    }

    /// Starts a span.
    pub fn start(
        &'static self,
        name: impl Into<Cow<'static, str>>,
        options: Options<'_>,
    ) -> StartedSpan {
        let name = name.into();
        if let (Cow::Borrowed(name), Choice::Current) = (&name, &options.parent) {
            let kind = otlp_kind(options.kind.as_ref());
            let started = thread_stack::start(name, kind, |provider| self.scope(provider));
            if let Some(Started {
                span,
                provider,
                point,
            }) = started
            {
                return StartedSpan {
                    span,
                    provider,
                    point,
                    parent_context: None,
                };
            }
        }
        self.start_slowly(&name, &options)
    }

    #[cold]
    fn start_slowly(&self, name: &str, options: &Options<'_>) -> StartedSpan {
        let StartContext {
            is_suppressed,
            parent: current,
            provider,
        } = thread_stack::start_context();
        let (parent, context, provider) = match &options.parent {
            Choice::Current => (current, None, provider),
            Choice::Root => (SpanContext::NONE, None, thread_stack::default_provider()),
            Choice::Span(span) => (
                SpanContext::clone(span),
                None,
                thread_stack::default_provider(),
            ),
            Choice::Context(context) => {
                let parent = context.span().span_context().clone();
                (parent, Some(*context), thread_stack::default_provider())
            }
        };
        let parent_context = ChosenContext {
            given: context,
            native: NativeParent { is_suppressed },
        };
        let Some(provider) = provider else {
            return StartedSpan::new(Span::non_recording(|context| {
                *context = if parent_context.is_suppressed() {
                    SpanContext::NONE
                } else {
                    parent
                };
            }));
        };
        let core = &provider.core;
        let start_options = StartOptions {
            name,
            kind: options.kind.as_ref(),
            ..StartOptions::default()
        };
        let scope = self.scope(core);
        let span = start(core, scope, &start_options, &parent, &parent_context, false);
        let mut started = StartedSpan::new(span);
        if !core.processors.is_empty() && started.is_recording() {
            started.parent_context = Some(parent_context.with(&parent, Context::clone));
        }
        started.provider = Some(provider);
        started
    }
}

/// The `Context` that is the parent: one that a macro was given, or that of a native parent.
struct ChosenContext<'a> {
    given: Option<&'a Context>,
    native: NativeParent,
}

impl ParentContext for ChosenContext<'_> {
    fn is_suppressed(&self) -> bool {
        self.native.is_suppressed || self.given.is_some_and(Context::is_telemetry_suppressed)
    }

    fn with<T>(&self, parent: &SpanContext, work: impl FnOnce(&Context) -> T) -> T {
        match self.given {
            Some(context) => work(context),
            None => self.native.with(parent, work),
        }
    }
}

/// The options that come before the name in a macro.
#[derive(Debug, Default)]
pub struct Options<'a> {
    kind: Option<SpanKind>,
    parent: Choice<'a>,
}

/// The choice of a parent.
#[derive(Debug, Default)]
enum Choice<'a> {
    #[default]
    Current,
    Root,
    Span(&'a SpanContext),
    Context(&'a Context),
}

impl<'a> Options<'a> {
    /// Returns the options of a span whose caller gives none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the kind.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets the parent.
    #[must_use]
    pub fn parent(mut self, parent: impl IntoParent<'a>) -> Self {
        self.parent = parent.into_parent().0;
        self
    }
}

/// The types that the macros take as `parent`: `&SpanContext`, `&Context`, `None`, or
/// `Some(&SpanContext)`.
pub trait IntoParent<'a> {
    /// Returns the chosen parent.
    fn into_parent(self) -> ChosenParent<'a>;
}

/// The parent that a caller of a macro has chosen.
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

/// A span that was just started. It gets its first attributes before processors are called with it.
#[derive(Debug)]
pub struct StartedSpan {
    span: Span,
    /// The provider, if the span does not record, or if processors are to be called.
    provider: Option<ProviderRef>,
    /// The state with which the span can be entered, without another look-up of the thread's state.
    point: Option<EntryPoint>,
    /// The `Context` of the parent, for processors that are to be called.
    parent_context: Option<Context>,
}

impl StartedSpan {
    fn new(span: Span) -> Self {
        Self {
            span,
            provider: None,
            point: None,
            parent_context: None,
        }
    }

    /// Returns whether the attributes have to be evaluated.
    pub fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    /// Sets an attribute.
    #[inline]
    pub fn set(&mut self, key: impl AsRef<str>, value: &(impl ToAttribute + ?Sized)) {
        let value = value.value();
        let attribute = AttributeRef::new(key.as_ref(), value.as_ref());
        self.span.set_attribute_ref(attribute);
    }

    /// Makes the span current.
    pub fn enter(mut self) -> LocalSpan {
        self.call_processors();
        let span = mem::replace(&mut self.span, Span::gone());
        let provider = self.provider.take();
        let point = self.point;
        // Nothing is left in `self`. Its drop would take a while to find that out.
        mem::forget(self);
        let provider = provider.as_ref().map(|provider| &provider.core);
        match point {
            Some(point) => LocalSpan::enter_started(span, provider, point),
            None => LocalSpan::enter(span, provider),
        }
    }

    /// Returns the span.
    pub fn finish(mut self) -> Span {
        self.call_processors();
        mem::replace(&mut self.span, Span::gone())
    }

    #[inline]
    fn call_processors(&mut self) {
        if self.parent_context.is_some() {
            self.call_processors_slowly();
        }
    }

    #[cold]
    fn call_processors_slowly(&mut self) {
        if let Some(context) = self.parent_context.take()
            && let Some(provider) = &self.provider
        {
            let processors = &provider.core.processors;
            processors.on_start(&mut self.span, &context);
        }
    }
}

/// Calls the processors even if the value of an attribute panicked. So processors that are called
/// for the end of a span were always called for its start.
impl Drop for StartedSpan {
    fn drop(&mut self) {
        self.call_processors();
    }
}
