//! The tracer of this crate's spans, from a given provider or the global one.

use std::fmt;
use std::sync::{LazyLock, OnceLock};

use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, global};

use crate::semconv::SCHEMA_URL;

/// The tracer of this crate's scope.
///
/// Without a given provider, each span looks up the global one until a provider makes spans. That provider is then kept.
/// A look-up would cost too much for every request: it took 0.02 µs without a provider, 0.2 µs with that of
/// `opentelemetry_sdk` and 0.8 µs with that of `tracer-core`, where a whole span took 0.15 µs, 1.0 µs and 0.24 µs.
/// `opentelemetry` has no cheaper way to notice that its global provider was replaced.
#[derive(Default)]
pub(crate) struct ScopedTracer(OnceLock<Box<dyn StartSpan>>);

impl ScopedTracer {
    pub(crate) fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        let tracer = provider.tracer_with_scope(SCOPE.clone());
        Self(OnceLock::from(Box::new(tracer) as Box<dyn StartSpan>))
    }

    /// Starts a span and returns its context.
    pub(crate) fn start(&self, builder: SpanBuilder, parent: &Context) -> Context {
        match self.0.get() {
            Some(tracer) => tracer.start(builder, parent),
            None => self.start_with_global(builder, parent),
        }
    }

    #[cold]
    fn start_with_global(&self, builder: SpanBuilder, parent: &Context) -> Context {
        let tracer = global::tracer_with_scope(SCOPE.clone());
        let context = StartSpan::start(&tracer, builder, parent);
        if is_new_span(&context, parent) {
            // Another thread may have kept a tracer meanwhile; either one makes spans.
            self.0.get_or_init(|| Box::new(tracer));
        }
        context
    }
}

impl fmt::Debug for ScopedTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTracer")
            .field("resolved", &self.0.get().is_some())
            .finish()
    }
}

/// `Tracer` without its span type. The span moves from the tracer into a `Context`, with the one box that a context needs.
trait StartSpan: Send + Sync {
    fn start(&self, builder: SpanBuilder, parent: &Context) -> Context;
}

impl<T> StartSpan for T
where
    T: Tracer + Send + Sync,
    T::Span: Send + Sync + 'static,
{
    fn start(&self, builder: SpanBuilder, parent: &Context) -> Context {
        parent.with_span(self.build_with_context(builder, parent))
    }
}

/// Returns whether the span of `context` has an id of its own, sampled or not. The span of a provider that makes no spans,
/// because it is none or is shut down, is not valid or has the ids of its parent (trace/api.md, "Behavior of the API in
/// the absence of an installed SDK").
fn is_new_span(context: &Context, parent: &Context) -> bool {
    let (span, parent) = (context.span(), parent.span());
    let span = span.span_context();
    span.is_valid() && span.span_id() != parent.span_context().span_id()
}

static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
});
