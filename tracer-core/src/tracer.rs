//! Starting spans by the interface of OpenTelemetry.

use std::{borrow::Cow, ptr, sync::Arc};

use opentelemetry::{
    Context,
    trace::{SpanBuilder, SpanContext, TraceContextExt},
};

use crate::{
    context::slot,
    provider::Shared,
    span::Span,
    start::{Native, Request, begin},
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
    shared: Arc<Shared>,
    scope: u32,
}

impl Tracer {
    pub(crate) fn new(shared: Arc<Shared>, scope: u32) -> Self {
        Self { shared, scope }
    }

    pub(crate) fn parts(&self) -> (&Arc<Shared>, u32) {
        (&self.shared, self.scope)
    }

    /// Whether somebody could see a span that is started now (trace/api.md "Enabled"): false where
    /// there is neither a processor nor an exporter, after a shutdown, and inside exporters and
    /// processors. For callers that want to spare the work of collecting attributes.
    pub fn enabled(&self) -> bool {
        self.shared.has_audience()
            && !self.shared.is_closed()
            && !self.shared.processors.are_running()
            && !Context::is_current_telemetry_suppressed()
    }

    // Of its own: the trait's two ways in are generic, so they are compiled in their callers' crates.
    fn start_in(&self, name: &str, context: &Context) -> Span {
        if slot::is_in_use()
            && let Some(span) = self.start_inside(name, context)
        {
            return span;
        }
        self.begin(&named(name), context)
    }

    // Inlined into the ways in, so that what a caller does not ask for costs nothing. For the same
    // reason the request goes to no function that is not: it would have to be in memory.
    #[inline(always)]
    fn begin(&self, request: &Request<'_>, context: &Context) -> Span {
        if context.is_telemetry_suppressed() {
            return Span::non_recording(|context| *context = SpanContext::NONE);
        }
        let active = context.span();
        let parent = active.span_context();
        begin(&self.shared, self.scope, request, parent, &context, true)
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
    fn begin_inside(&self, request: &Request<'_>, context: &Context) -> Option<Span> {
        if context.is_telemetry_suppressed()
            || !Context::map_current(|current| ptr::eq(current, context))
        {
            return None;
        }
        let parent = slot::newest()?;
        let (shared, scope) = (&self.shared, self.scope);
        Some(begin(shared, scope, request, &parent, &Native, true))
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
        if slot::is_in_use()
            && let Some(span) = self.build_inside(&builder, parent_cx)
        {
            return span;
        }
        self.begin(&built(&builder), parent_cx)
    }
}

#[inline(always)]
fn built(builder: &SpanBuilder) -> Request<'_> {
    Request {
        name: &builder.name,
        kind: builder.span_kind.as_ref(),
        start_time: builder.start_time,
        attributes: builder.attributes.as_deref().unwrap_or_default(),
        events: builder.events.as_deref().unwrap_or_default(),
        links: builder.links.as_deref().unwrap_or_default(),
    }
}

#[inline(always)]
fn named(name: &str) -> Request<'_> {
    Request {
        name,
        ..Request::default()
    }
}
