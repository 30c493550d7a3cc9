//! Where the spans come from: a provider that was given, or the global one.

use std::fmt;
use std::sync::OnceLock;

use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, global};

use crate::semconv::SCHEMA_URL;

/// The tracer of this crate's scope, of any provider.
#[derive(Default)]
pub(crate) struct ScopedTracer(OnceLock<Box<dyn StartSpan>>);

impl ScopedTracer {
    pub(crate) fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Send + Sync + 'static,
        <P::Tracer as Tracer>::Span: Send + Sync + 'static,
    {
        Self(OnceLock::from(boxed(provider.tracer_with_scope(scope()))))
    }

    /// Starts a span and returns its context. Without a given provider the first call settles on the global one.
    pub(crate) fn start(&self, builder: SpanBuilder, parent: &Context) -> Context {
        self.0
            .get_or_init(|| boxed(global::tracer_with_scope(scope())))
            .start(builder, parent)
    }
}

impl fmt::Debug for ScopedTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedTracer")
            .field("resolved", &self.0.get().is_some())
            .finish()
    }
}

/// `Tracer` without its span type: the span goes from the tracer into a `Context` with the one box that needs.
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

fn boxed<T>(tracer: T) -> Box<dyn StartSpan>
where
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    Box::new(tracer)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
}
