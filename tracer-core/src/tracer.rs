//! The tracer, which starts spans through the traits of OpenTelemetry.

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

/// A tracer that starts spans of one instrumentation scope. It implements
/// [`opentelemetry::trace::Tracer`].
///
/// If no context is given, the parent is the [current](crate::current) span: that of the current
/// `Context`, or the native span that was entered since. If a context is given, its span is the
/// parent, whichever span is current.
///
/// Give attributes that are known when a span starts to its builder, because a sampler gets only
/// those (trace/api.md "Span Creation"). An attribute always has a value, because the API has no
/// null.
///
/// # Cost
/// Starting a sampled span reads the clock once and takes a buffer from the thread's pool. It takes
/// no lock, and allocates nothing once the pool is warm. A span that is not sampled costs only its
/// ids and a call of the sampler.
///
/// # Panics
/// In destructors of thread locals, the API's own current context may be gone. In that case `start`
/// panics. `start_with_context` does not use the current context.
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

    /// Returns whether a span that is started now could reach a processor or an exporter
    /// (trace/api.md "Enabled").
    ///
    /// Returns `false` if there is neither of them, after a shutdown, and inside exporters and
    /// processors. Callers may then skip the collection of attributes.
    pub fn enabled(&self) -> bool {
        self.provider.has_consumers()
            && !self.provider.is_closed()
            && !self.provider.processors.are_running()
            && !Context::is_current_telemetry_suppressed()
    }

    // Outside of the trait's methods, which are generic and so are compiled in their callers'
    // crates.
    fn start_in(&self, name: &str, context: &Context) -> Span {
        if thread_stack::is_in_use()
            && let Some(span) = self.start_inside(name, context)
        {
            return span;
        }
        self.begin(&named(name), context)
    }

    // Inlined, so that options that a caller does not give take no time. For the same reason the
    // options are passed to inlined functions only: otherwise they would have to be in memory.
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

    /// Starts a span as a child of a newer native span, if `context` is the current context itself.
    /// The trait's `start` and `build`, and a builder's `start`, pass that context if the caller
    /// gives none.
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

    // The default methods of the trait go through a builder, which takes longer than starting the
    // span.
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
