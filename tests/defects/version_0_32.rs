//! Propagators made for version 0.32 of the API as ones of 0.33.

use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId},
};
use opentelemetry_0_32 as old;
use opentelemetry_0_32::{baggage::BaggageExt as _, trace::TraceContextExt as _};

/// Passes on the remote span and the baggage: all that a propagator can see of a context.
#[derive(Debug)]
pub struct Version032<P> {
    propagator: P,
    fields: Vec<String>,
}

impl<P: old::propagation::TextMapPropagator> Version032<P> {
    pub fn new(propagator: P) -> Self {
        let fields = propagator.fields().map(str::to_owned).collect();
        Self { propagator, fields }
    }
}

impl<P: old::propagation::TextMapPropagator> TextMapPropagator for Version032<P> {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.propagator
            .inject_context(&to_old(cx), &mut Carrier(injector));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let extracted = self
            .propagator
            .extract_with_context(&to_old(cx), &Carrier(extractor));
        let span = extracted.span();
        let span = span.span_context();
        let span = SpanContext::new(
            TraceId::from_bytes(span.trace_id().to_bytes()),
            SpanId::from_bytes(span.span_id().to_bytes()),
            TraceFlags::new(span.trace_flags().to_u8()),
            span.is_remote(),
            span.trace_state().header().parse().unwrap(),
        );
        let baggage = extracted.baggage().iter();
        let baggage = baggage.map(|(key, (value, _))| {
            KeyValue::new(key.as_str().to_owned(), value.as_str().to_owned())
        });
        cx.with_remote_span_context(span).with_baggage(baggage)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

fn to_old(cx: &Context) -> old::Context {
    let span = cx.span();
    let span = span.span_context();
    let span = old::trace::SpanContext::new(
        old::TraceId::from_bytes(span.trace_id().to_bytes()),
        old::SpanId::from_bytes(span.span_id().to_bytes()),
        old::TraceFlags::new(span.trace_flags().to_u8()),
        span.is_remote(),
        span.trace_state().header().parse().unwrap(),
    );
    let baggage = cx.baggage().iter();
    let baggage = baggage.map(|(key, (value, _))| {
        old::KeyValue::new(key.as_str().to_owned(), value.as_str().to_owned())
    });
    old::Context::new()
        .with_remote_span_context(span)
        .with_baggage(baggage)
}

struct Carrier<C>(C);

impl old::propagation::Injector for Carrier<&mut dyn Injector> {
    fn set(&mut self, key: &str, value: String) {
        self.0.set(key, value);
    }
}

impl old::propagation::Extractor for Carrier<&dyn Extractor> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        self.0.get_all(key)
    }
}
