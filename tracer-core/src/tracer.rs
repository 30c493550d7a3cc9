//! The tracer: starts spans by the traits of OpenTelemetry.

use std::{borrow::Cow, ptr, sync::Arc};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{SpanBuilder, TraceContextExt},
};

use crate::{
    context::thread_stack,
    provider::TracerProvider,
    provider_core::ProviderCore,
    span::Span,
    start::{NativeParent, StartOptions, start},
};

/// Starts spans of one instrumentation scope: implements [`opentelemetry::trace::Tracer`].
///
/// Where no context is given, the parent is the [current](crate::current) span: that of the current
/// `Context`, or the native one that was entered since. A context that is given is the parent as it
/// is, whatever is current.
///
/// # Cost
/// Starting a sampled span reads the clock once and takes a buffer from the thread's pool: no
/// lock, no allocation once the pool is warm. A span that is not sampled costs its ids and the
/// sampler.
///
/// Attributes that are known when a span starts are best given to its builder: only those does a
/// sampler see (trace/api.md "Span Creation"). An attribute has a value always; the API has no null.
///
/// # Panics
/// In destructors of thread locals, `start` may find the API's own current context gone, which
/// panics there; `start_with_context` asks for no current context.
#[derive(Clone, Debug)]
pub struct Tracer {
    provider: Arc<ProviderCore>,
    scope: u32,
}

impl Tracer {
    pub(crate) fn new(provider: Arc<ProviderCore>, scope: u32) -> Self {
        Self { provider, scope }
    }

    pub(crate) fn parts(&self) -> (&Arc<ProviderCore>, u32) {
        (&self.provider, self.scope)
    }

    /// Returns whether a span that is started now could be seen (trace/api.md "Enabled"). Returns false
    /// if there is neither a processor nor an exporter, after a shutdown, and inside exporters and
    /// processors. Callers may skip the collection of attributes then.
    pub fn enabled(&self) -> bool {
        self.provider.has_consumers()
            && !self.provider.is_closed()
            && !self.provider.processors.are_running()
            && !Context::is_current_telemetry_suppressed()
    }

    // Not in the trait's methods, which are generic and so compiled in the crates of their callers.
    fn start_in(&self, name: &str, context: &Context) -> Span {
        if thread_stack::is_in_use()
            && let Some(span) = self.start_inside(name, context)
        {
            return span;
        }
        self.begin(&named(name), context)
    }

    // Inlined into its callers, so that options that a caller does not give cost nothing. For the same
    // reason the options are passed to inlined functions only: they would have to be in memory.
    #[inline(always)]
    fn begin(&self, options: &StartOptions<'_>, context: &Context) -> Span {
        let active = context.span();
        let parent = active.span_context();
        start(&self.provider, self.scope, options, parent, &context, true)
    }

    #[cold]
    #[inline(never)]
    fn start_inside(&self, name: &str, context: &Context) -> Option<Span> {
        self.begin_inside(&named(name), context)
    }

    #[cold]
    #[inline(never)]
    fn build_inside(&self, builder: &SpanBuilder, context: &Context) -> Option<Span> {
        self.begin_inside(&built(builder), context)
    }

    /// Starts a span where a native span is newer, if the context is the current one itself: so do
    /// this trait's `start` and `build`, and a builder's `start`, ask for the current span.
    #[inline(always)]
    fn begin_inside(&self, options: &StartOptions<'_>, context: &Context) -> Option<Span> {
        if context.is_telemetry_suppressed()
            || !Context::map_current(|current| ptr::eq(current, context))
        {
            return None;
        }
        let parent = thread_stack::newest()?;
        let native = NativeParent {
            is_suppressed: false,
        };
        let (provider, scope) = (&self.provider, self.scope);
        Some(start(provider, scope, options, &parent, &native, true))
    }
}

impl opentelemetry::trace::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        let core = self.core();
        Tracer::new(Arc::clone(core), core.scope_index(scope))
    }
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    // The trait's own two go through a builder, which costs more than starting the span.
    fn start<T: Into<Cow<'static, str>>>(&self, name: T) -> Span {
        let name = name.into();
        Context::map_current(|current| self.start_in(&name, current))
    }

    fn start_with_context<T: Into<Cow<'static, str>>>(&self, name: T, parent_cx: &Context) -> Span {
        self.start_in(&name.into(), parent_cx)
    }

    fn build_with_context(&self, builder: SpanBuilder, parent_cx: &Context) -> Span {
        if thread_stack::is_in_use()
            && let Some(span) = self.build_inside(&builder, parent_cx)
        {
            return span;
        }
        self.begin(&built(&builder), parent_cx)
    }
}

#[inline(always)]
fn built(builder: &SpanBuilder) -> StartOptions<'_> {
    StartOptions {
        name: &builder.name,
        kind: builder.span_kind.as_ref(),
        start_time: builder.start_time,
        attributes: builder.attributes.as_deref().unwrap_or_default(),
        events: builder.events.as_deref().unwrap_or_default(),
        links: builder.links.as_deref().unwrap_or_default(),
    }
}

#[inline(always)]
fn named(name: &str) -> StartOptions<'_> {
    StartOptions {
        name,
        ..StartOptions::default()
    }
}
