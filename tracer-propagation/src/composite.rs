//! Several propagators as one.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};

use crate::baggage::{self, BaggagePropagator};
use crate::carrier::{Carrier, CarrierMut};
use crate::propagator::Propagator;
use crate::remote_parent::RemoteParent;
use crate::trace_context::TraceContextPropagator;
use crate::tracestate::Level2Members;

/// Asks several propagators in the order given.
///
/// The first one that finds a valid span context decides the trace; a later one cannot replace
/// it, but still adds what else it found. Baggage that several find is put together: where a key
/// comes twice the first value stays, and the budget of 64 members and 8,192 bytes covers all of
/// it. Every propagator injects.
///
/// A clone is a reference to the same propagators: give one to
/// [`global::set_text_map_propagator`](crate::global::set_text_map_propagator), where instrumented
/// clients and servers find it, and keep one for code of your own.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::baggage::BaggageExt as _;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{CompositePropagator, Propagator as _, global};
///
/// let mut headers = http::HeaderMap::new();
/// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// headers.insert("traceparent", traceparent.parse().unwrap());
/// headers.insert("baggage", "tenant=7".parse().unwrap());
///
/// let propagator = CompositePropagator::default();
/// let context = propagator.extract_from(&Context::new(), &headers);
/// assert!(context.span().span_context().is_sampled());
/// assert_eq!(context.baggage().len(), 1);
///
/// global::set_text_map_propagator(propagator.clone());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CompositePropagator {
    propagators: Arc<[Box<dyn Propagator>]>,
    fields: Arc<[String]>,
}

impl CompositePropagator {
    /// Puts propagators together; none at all is allowed and propagates nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry::propagation::TextMapPropagator;
    /// use tracer_propagation::{BaggagePropagator, CompositePropagator};
    ///
    /// let propagator = CompositePropagator::new(vec![Box::new(BaggagePropagator::new())]);
    /// assert_eq!(propagator.fields().collect::<Vec<_>>(), ["baggage"]);
    /// ```
    pub fn new(propagators: Vec<Box<dyn Propagator>>) -> Self {
        let mut fields: Vec<String> = Vec::new();
        for field in propagators
            .iter()
            .flat_map(|propagator| propagator.fields())
        {
            if !fields.iter().any(|known| known == field) {
                fields.push(field.to_owned());
            }
        }
        Self {
            propagators: propagators.into(),
            fields: fields.into(),
        }
    }

    fn fold(
        &self,
        cx: &Context,
        extract: impl Fn(&dyn Propagator, &Context) -> Context,
    ) -> Context {
        let mut current = cx.clone();
        let (mut found, mut found_state, mut found_baggage) = (false, false, false);
        for propagator in self.propagators.iter() {
            let mut next = extract(propagator.as_ref(), &current);
            // A context derived from another shares its span. One that was found may be equal to
            // what the context had before, and is found all the same.
            let changed = !std::ptr::eq(next.span().span_context(), current.span().span_context());
            if found {
                if changed {
                    let first = current.span().span_context().clone();
                    next = next.with_remote_span_context(first);
                }
                next =
                    Level2Members::restore(RemoteParent::restore_state(next, &current), &current);
            } else {
                found = changed && next.span().span_context().is_valid();
                if found_state && !found {
                    next = RemoteParent::restore_state(next, &current);
                }
                found_state = found_state || !found && !RemoteParent::is_same(&next, &current);
            }
            // Contexts share baggage as they share spans.
            if !std::ptr::eq(next.baggage(), current.baggage()) {
                if found_baggage {
                    let merged = baggage::merge(current.baggage(), next.baggage());
                    next = next.with_baggage(merged);
                }
                found_baggage = true;
            }
            current = next;
        }
        current
    }
}

/// `tracecontext,baggage`: what the specification has as the default of `OTEL_PROPAGATORS`.
impl Default for CompositePropagator {
    fn default() -> Self {
        Self::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ])
    }
}

impl Propagator for CompositePropagator {
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        self.fold(cx, |propagator, cx| propagator.extract_from(cx, carrier))
    }

    fn extract_span_context(&self, carrier: &dyn Carrier) -> Option<SpanContext> {
        let mut propagators = self.propagators.iter();
        propagators.find_map(|propagator| propagator.extract_span_context(carrier))
    }

    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        for propagator in self.propagators.iter() {
            propagator.inject_into(cx, carrier);
        }
    }

    fn inject_span_context(&self, span_context: &SpanContext, carrier: &mut dyn CarrierMut) {
        for propagator in self.propagators.iter() {
            propagator.inject_span_context(span_context, carrier);
        }
    }
}

impl TextMapPropagator for CompositePropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        for propagator in self.propagators.iter() {
            propagator.inject_context(cx, injector);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.fold(cx, |propagator, cx| {
            propagator.extract_with_context(cx, extractor)
        })
    }

    /// Each field once, in the order of the propagators.
    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

#[cfg(test)]
mod tests;
