//! Processors written for the SDK, in a provider of this crate.

use std::{cell::RefCell, fmt, time::Duration};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, SpanId, TraceId,
    trace::{
        Link, Span as _, SpanBuilder, SpanContext, SpanKind, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    Resource,
    trace::{
        IdGenerator, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample, SpanLimits,
        SpanProcessor as SdkSpanProcessor,
    },
};

use super::{from_sdk, span_data::span_data};
use crate::{
    clock::system_time, error::FlushError, processor::SpanProcessor, record::SpanRecord, span::Span,
};

/// An adapter for any [`opentelemetry_sdk::trace::SpanProcessor`].
///
/// The SDK passes a span to `on_start` as its own type, which only a provider of the SDK can
/// create. So the adapter has such a provider, without processors and exporters. For each span that
/// starts, that provider creates a stand-in with the same data. The adapter applies to the span
/// whatever `on_start` adds to the stand-in or changes in it. The SDK has no `on_ending`.
///
/// The stand-in has the ids, name, kind, start, attributes, events, links, scope and parent of the
/// span. Of the trace flags, it has the sampled flag and those of the parent; the random flag of a
/// root is missing.
///
/// `on_end` is also called for a span that is recorded but not sampled, or is
/// [discarded](Span::discard); its sampled flag is not set. A processor that exports must check
/// that flag. `BatchSpanProcessor` of `opentelemetry_sdk` 0.33 does not, so pass its exporter to
/// [`SdkExporter`](super::SdkExporter) instead.
///
/// # Forks
/// A child calls its copy of the processor. A `BatchSpanProcessor` has no thread in the child, so
/// its queue fills and its spans are lost. A processor that works on the caller's thread continues
/// to work.
///
/// # Cost
/// Each span is rebuilt twice, with all its strings.
///
/// # Examples
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider as _};
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor};
/// use tracer_core::{TracerProvider, sdk::SdkProcessor};
///
/// let memory = InMemorySpanExporter::default();
/// let provider = TracerProvider::builder()
///     .processor(SdkProcessor::new(SimpleSpanProcessor::new(memory.clone())))
///     .build()?;
/// provider.tracer("shop").start("checkout");
/// assert_eq!(memory.get_finished_spans()?[0].name, "checkout");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SdkProcessor<P> {
    processor: P,
    /// Creates the stand-ins.
    provider: SdkTracerProvider,
}

impl<P> fmt::Debug for SdkProcessor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The SDK's types would print the resource.
        f.debug_struct("SdkProcessor").finish_non_exhaustive()
    }
}

impl<P: SdkSpanProcessor + 'static> SdkProcessor<P> {
    /// Wraps a processor.
    pub fn new(processor: P) -> Self {
        Self {
            processor,
            provider: stand_ins(Resource::builder_empty().build()),
        }
    }
}

impl<P: SdkSpanProcessor + 'static> SpanProcessor for SdkProcessor<P> {
    fn set_resource(&mut self, resource: &Resource) {
        self.provider = stand_ins(resource.clone());
        self.processor.set_resource(resource);
    }

    fn on_start(&self, span: &mut Span, parent: &Context) {
        let (Some(record), Some(scope)) = (span.record(), span.scope().cloned()) else {
            return;
        };
        let tracer = self.provider.tracer_with_scope(scope);
        MODEL.set(Some(record.span_context()));
        let mut stand_in = tracer.build_with_context(builder(&record), parent);
        MODEL.set(None);
        let Some(before) = stand_in.exported_data() else {
            return;
        };
        self.processor.on_start(&mut stand_in, parent);
        let Some(after) = stand_in.exported_data() else {
            // The processor ended the stand-in. That is unusual, but the span is then ended too.
            return span.end();
        };
        if after.name != before.name {
            span.update_name(after.name);
        }
        span.set_attributes(after.attributes.into_iter().skip(before.attributes.len()));
        for event in after.events.events.into_iter().skip(before.events.len()) {
            span.add_event_with_timestamp(event.name, event.timestamp, event.attributes);
        }
        for link in after.links.links.into_iter().skip(before.links.len()) {
            span.add_link(link.span_context, link.attributes);
        }
        span.set_status(after.status);
    }

    fn on_end(&self, span: &SpanRecord<'_>, scope: &InstrumentationScope) {
        self.processor.on_end(span_data(span, scope.clone()));
    }

    fn force_flush(&self, _timeout: Duration) -> Result<(), FlushError> {
        from_sdk(self.processor.force_flush())
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        from_sdk(self.processor.shutdown_with_timeout(timeout))
    }
}

thread_local! {
    /// The context that the next stand-in copies.
    static MODEL: RefCell<Option<SpanContext>> = const { RefCell::new(None) };
}

/// Creates a provider whose spans have the ids, decision and tracestate of `MODEL`.
fn stand_ins(resource: Resource) -> SdkTracerProvider {
    let limits = SpanLimits {
        max_attributes_per_span: u32::MAX,
        max_events_per_span: u32::MAX,
        max_links_per_span: u32::MAX,
        max_attributes_per_event: u32::MAX,
        max_attributes_per_link: u32::MAX,
    };
    SdkTracerProvider::builder()
        .with_resource(resource)
        .with_span_limits(limits)
        .with_sampler(Model)
        .with_id_generator(Model)
        .build()
}

fn builder(record: &SpanRecord<'_>) -> SpanBuilder {
    SpanBuilder::from_name(record.name().to_owned())
        .with_kind(record.kind())
        .with_start_time(system_time(record.start_unix_nanos()))
        .with_attributes(record.attributes().collect::<Vec<_>>())
        .with_events(record.events().collect())
        .with_links(record.links().collect())
}

#[derive(Clone, Debug)]
struct Model;

impl Model {
    fn context() -> SpanContext {
        MODEL.with_borrow(|model| model.clone().unwrap_or(SpanContext::NONE))
    }
}

impl IdGenerator for Model {
    fn new_trace_id(&self) -> TraceId {
        Self::context().trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        Self::context().span_id()
    }
}

impl ShouldSample for Model {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace_id: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let context = Self::context();
        SamplingResult {
            decision: if context.is_sampled() {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::RecordOnly
            },
            attributes: Vec::new(),
            trace_state: context.trace_state().clone(),
        }
    }
}
