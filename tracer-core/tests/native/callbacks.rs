//! Samplers and processors are called for native spans, and may start native spans themselves.

use std::sync::{Arc, Mutex};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue, TraceId,
    trace::{
        Link, Span as _, SpanContext, SpanKind, TraceContextExt as _, TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use tracer_core::{
    Span, SpanProcessor, SpanRecord, current, span, start_span,
    testing::{TestProvider, assert_trace},
};

use crate::support::sampler::decided;

/// A sampler and processor that keeps its inputs, and passes the parent's tracestate on.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<Mutex<Vec<Seen>>>);

/// A name, and its parent.
type Seen = (String, Option<SpanContext>);

impl Asked {
    fn tell(&self, name: &str, context: &Context) {
        let parent = context.has_active_span();
        let parent = parent.then(|| context.span().span_context().clone());
        self.0.lock().expect("lock").push((name.to_owned(), parent));
    }
}

impl ShouldSample for Asked {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        self.tell(name, parent.expect("a context"));
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: vec![KeyValue::new("sampled", true)],
            trace_state: TraceState::from_key_value([("s", "1")]).expect("valid"),
        }
    }
}

impl SpanProcessor for Asked {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let record = span.record().expect("recording");
        let given = record.attribute("given").is_some();
        let name = record.name().to_owned();
        assert!(given && record.attribute("sampled").is_some());
        self.tell(&name, parent);
    }
}

#[test]
fn samplers_and_processors_are_given_the_parent_and_the_first_attributes() {
    let (sampler, processor) = (Asked::default(), Asked::default());
    let trace = TestProvider::with(|builder| {
        builder
            .sampler(sampler.clone())
            .processor(processor.clone())
    });
    let outer = span!("outer", "given" = 1);
    let outer_context = outer.span_context();
    let inner = start_span!("inner", "given" = 1);
    drop(span!(parent: None, "root", "given" = 1));
    let tracer = trace.tracer("t");
    tracer
        .span_builder("tracer")
        .with_attributes([KeyValue::new("given", 1)])
        .start(&tracer)
        .end();
    let active = Context::current_with_span(inner).attach();
    drop(span!(parent: None, "root under active", "given" = 1));
    drop(active);
    drop(outer);
    for asked in [&sampler, &processor] {
        let asked = asked.0.lock().expect("lock");
        let expected = [
            ("outer", None),
            ("inner", Some(outer_context.clone())),
            ("root", None),
            ("tracer", Some(outer_context.clone())),
            ("root under active", None),
        ];
        let expected = expected.map(|(name, parent)| (name.to_owned(), parent));
        assert_eq!(*asked, expected);
    }
    let spans = trace.spans();
    assert_eq!(spans.len(), 5);
    for span in spans {
        assert_eq!(span.span_context.trace_state().header(), "s=1");
    }
    trace.balance();
}

/// Makes native spans in every callback, including current ones.
#[derive(Clone, Debug)]
struct Inside;

impl Inside {
    fn trace(callback: &'static str) {
        let around = current().span_context();
        let span = span!(callback, "key" = 1);
        assert!(!span.is_recording());
        drop(start_span!("owned").enter());
        drop(span);
        assert_eq!(current().span_context(), around);
    }
}

impl SpanProcessor for Inside {
    fn on_start(&self, _: &mut Span, _: &Context) {
        Self::trace("on_start");
    }

    fn on_ending(&self, _: &mut Span) {
        Self::trace("on_ending");
    }

    fn on_end(&self, _: &SpanRecord<'_>, _: &InstrumentationScope) {
        Self::trace("on_end");
    }
}

#[test]
fn processor_that_traces_natively_does_not_trigger_itself() {
    let trace = TestProvider::with(|builder| builder.processor(Inside));
    let outer = span!("outer", "key" = 1);
    let inner = span!("inner");
    inner.end();
    drop(inner);
    assert_eq!(current().span_context(), outer.span_context());
    drop(outer);
    assert_trace!(
        trace,
        r#"
        "outer"
            "inner"
        "#
    );
    assert_eq!(trace.balance().processor_panics, 0);
}

/// A sampler that makes one native span, which it samples itself.
#[derive(Clone, Debug)]
struct TracingSampler;

impl ShouldSample for TracingSampler {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        if name != "inside the sampler" {
            let _span = span!("inside the sampler", "key" = 1);
        }
        decided(SamplingDecision::RecordAndSample)
    }
}

#[test]
fn sampler_that_traces_natively_leaves_the_parent_current() {
    let trace = TestProvider::with(|builder| builder.sampler(TracingSampler));
    let outer = span!(parent: None, "outer");
    drop(span!("inner"));
    drop(outer);
    assert_trace!(
        trace,
        r#"
        unordered
        "inside the sampler"
        "outer"
            "inside the sampler"
            "inner"
        "#
    );
    trace.balance();
}
