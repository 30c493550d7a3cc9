//! Several propagators as one.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};

use crate::baggage::{self, BaggagePropagator};
use crate::carrier::{Carrier, CarrierMut};
use crate::parent::Parent;
use crate::propagator::Propagator;
use crate::trace_context::TraceContextPropagator;

/// Asks several propagators in the order given.
///
/// The first one that finds a valid span context decides the trace; a later one cannot replace
/// it, but still adds what else it found. Baggage that several find is put together: where a key
/// comes twice the first value stays, and the budget of 64 members and 8,192 bytes covers all of
/// it. Every propagator injects.
///
/// A clone is a reference to the same propagators: give one to `opentelemetry::global` and one to
/// each instrumented client and server, which then need no lock and no [`Extractor`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::baggage::BaggageExt as _;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{CompositePropagator, Propagator as _};
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
/// opentelemetry::global::set_text_map_propagator(propagator.clone());
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
        let (mut found, mut found_baggage) = (false, false);
        for propagator in self.propagators.iter() {
            let mut next = extract(propagator.as_ref(), &current);
            let changed = {
                let (next, current) = (next.span(), current.span());
                let (next, current) = (next.span_context(), current.span_context());
                // A context derived from another shares its span, so most comparisons end here.
                !std::ptr::eq(next, current) && next != current
            };
            if found {
                if changed {
                    let first = current.span().span_context().clone();
                    next = next.with_remote_span_context(first);
                }
                next = Parent::settle(next, &current);
            } else {
                found = changed && next.span().span_context().is_valid();
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
mod tests {
    use std::collections::HashMap;

    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;
    use crate::b3::B3Propagator;
    use crate::carrier::ExtractorCarrier;
    use crate::gcp::GcpPropagator;
    use crate::jaeger::JaegerPropagator;
    use crate::ot::OtTracePropagator;
    use crate::sampling_state::SamplingState;

    /// Finds a span context with the id in the header `x-id`, and marks the context it returns.
    #[derive(Debug)]
    struct Plain(Vec<String>);

    #[derive(Debug, PartialEq)]
    struct Mark;

    impl Plain {
        fn new() -> Box<Self> {
            Box::new(Self(vec!["x-id".to_owned()]))
        }
    }

    impl Propagator for Plain {}

    impl TextMapPropagator for Plain {
        fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
            injector.set("x-id", cx.span().span_context().trace_id().to_string());
        }

        fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
            let Some(id) = extractor.get("x-id").and_then(|id| id.parse::<u128>().ok()) else {
                return cx.clone();
            };
            cx.with_value(Mark)
                .with_remote_span_context(SpanContext::new(
                    TraceId::from(id),
                    SpanId::from(1),
                    TraceFlags::SAMPLED,
                    true,
                    TraceState::NONE,
                ))
        }

        fn fields(&self) -> FieldIter<'_> {
            FieldIter::new(&self.0)
        }
    }

    fn headers(list: &[(&str, &str)]) -> HashMap<String, String> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn both_ways(
        propagator: &CompositePropagator,
        cx: &Context,
        map: &HashMap<String, String>,
    ) -> Context {
        let direct = propagator.extract_from(cx, &ExtractorCarrier(map));
        let through_traits = propagator.extract_with_context(cx, map);
        assert_eq!(
            direct.span().span_context(),
            through_traits.span().span_context()
        );
        direct
    }

    const W3C: &str = "00-000000000000000000000000000000ff-00f067aa0ba902b7-01";

    #[test]
    fn the_first_valid_span_context_wins_and_the_rest_is_added() {
        let map = headers(&[("traceparent", W3C), ("x-id", "7"), ("baggage", "a=1")]);
        let w3c = || Box::new(TraceContextPropagator::new());
        let baggage = || Box::new(BaggagePropagator::new());

        let propagator = CompositePropagator::new(vec![w3c(), Plain::new(), baggage()]);
        let cx = both_ways(&propagator, &Context::new(), &map);
        assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xff));
        assert_eq!(cx.get::<Mark>(), Some(&Mark));
        assert_eq!(cx.baggage().len(), 1);

        let propagator = CompositePropagator::new(vec![Plain::new(), baggage(), w3c()]);
        let cx = both_ways(&propagator, &Context::new(), &map);
        assert_eq!(cx.span().span_context().trace_id(), TraceId::from(7));
        assert_eq!(cx.baggage().len(), 1);
    }

    #[test]
    fn an_invalid_first_one_leaves_the_choice_to_the_next() {
        let map = headers(&[("traceparent", "00-1-1-1"), ("x-id", "7")]);
        let propagator =
            CompositePropagator::new(vec![Box::new(TraceContextPropagator::new()), Plain::new()]);
        let cx = both_ways(&propagator, &Context::new(), &map);
        assert_eq!(cx.span().span_context().trace_id(), TraceId::from(7));

        // A propagator of another crate that hands out what it should not.
        let map = headers(&[("traceparent", W3C), ("x-id", "0")]);
        let propagator =
            CompositePropagator::new(vec![Plain::new(), Box::new(TraceContextPropagator::new())]);
        let cx = both_ways(&propagator, &Context::new(), &map);
        assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xff));
    }

    /// B3 says debug, and another format that knows no debug comes after it.
    #[test]
    fn the_first_one_also_decides_about_sampling() {
        const IDS: &str = "000000000000000000000000000000ff-00f067aa0ba902b7";
        const JAEGER: &str = "ff:00f067aa0ba902b7:0:";
        const GCP: &str = "000000000000000000000000000000ff/67667974448284343";
        let propagator = CompositePropagator::new(vec![
            Box::new(B3Propagator::single()),
            Box::new(JaegerPropagator::new()),
            Box::new(GcpPropagator::new()),
        ]);
        for (b3, jaeger, expected) in [
            ("-d", "1", SamplingState::Debug),
            ("-d", "0", SamplingState::Debug),
            ("-0", "3", SamplingState::Deny),
            ("-0", "1", SamplingState::Deny),
            ("-1", "3", SamplingState::Accept),
            ("", "1", SamplingState::Defer),
        ] {
            let headers = [
                ("b3", format!("{IDS}{b3}")),
                ("uber-trace-id", format!("{JAEGER}{jaeger}")),
                ("x-cloud-trace-context", GCP.to_owned()),
            ];
            let cx = propagator.extract_from(&Context::new(), &headers.as_slice());
            assert_eq!(SamplingState::of(&cx), expected, "{b3} {jaeger}");
            let sampled = cx.span().span_context().is_sampled();
            assert_eq!(sampled, expected.is_sampled(), "{b3} {jaeger}");
        }
    }

    #[test]
    fn baggage_of_all_formats_comes_under_one_budget() {
        let propagator = |reversed| {
            let mut both: Vec<Box<dyn Propagator>> = vec![
                Box::new(BaggagePropagator::new()),
                Box::new(JaegerPropagator::new()),
                Box::new(OtTracePropagator::new()),
            ];
            if reversed {
                both.reverse();
            }
            CompositePropagator::new(both)
        };
        let extract = |reversed, headers: &[(&str, &str)]| {
            let cx = Context::new().with_baggage([opentelemetry::KeyValue::new("old", "1")]);
            propagator(reversed).extract_from(&cx, &headers)
        };
        let headers = [
            ("baggage", "a=w3c,b=w3c"),
            ("uberctx-a", "j"),
            ("uberctx-c", "j"),
        ];
        let cx = extract(false, &headers);
        let value = |cx: &Context, key: &str| cx.baggage().get(key).unwrap().to_string();
        assert_eq!(
            (cx.baggage().len(), value(&cx, "a"), value(&cx, "c")),
            (3, "w3c".into(), "j".into())
        );
        assert_eq!(value(&extract(true, &headers), "a"), "j");

        let members: Vec<String> = (0..60).map(|n| format!("k{n}=1")).collect();
        let members = members.join(",");
        let names: Vec<String> = (0..10).map(|n| format!("uberctx-j{n}")).collect();
        let mut headers = vec![("baggage", members.as_str())];
        headers.extend(names.iter().map(|name| (name.as_str(), "1")));
        let cx = extract(false, &headers);
        assert_eq!(cx.baggage().len(), 64);
        assert!(cx.baggage().get("j3").is_some() && cx.baggage().get("j4").is_none());

        let large = "x".repeat(4000);
        let headers = [
            ("uberctx-a", large.as_str()),
            ("ot-baggage-b", &large),
            ("ot-baggage-c", &large),
        ];
        let cx = extract(false, &headers);
        assert_eq!(cx.baggage().len(), 2);
    }

    /// "First" is about the carrier: a span that was in the context before is replaced.
    #[test]
    fn a_span_of_the_given_context_does_not_count_as_found() {
        let propagator = CompositePropagator::default();
        let cx = both_ways(
            &propagator,
            &Context::new(),
            &headers(&[("traceparent", W3C)]),
        );
        let other = W3C.replace("ff-", "aa-");
        let cx = both_ways(&propagator, &cx, &headers(&[("traceparent", &other)]));
        assert_eq!(cx.span().span_context().trace_id(), TraceId::from(0xaa));
    }

    #[test]
    fn fields_are_listed_once_in_order() {
        let propagator = CompositePropagator::new(vec![
            Plain::new(),
            Box::new(CompositePropagator::default()),
            Box::new(TraceContextPropagator::new()),
        ]);
        let fields: Vec<_> = propagator.fields().collect();
        assert_eq!(fields, ["x-id", "traceparent", "tracestate", "baggage"]);
    }

    #[test]
    fn all_of_them_inject() {
        let propagator =
            CompositePropagator::new(vec![Plain::new(), Box::new(CompositePropagator::default())]);
        let map = headers(&[("traceparent", W3C), ("baggage", "a=1")]);
        let cx = both_ways(&propagator, &Context::new(), &map);
        let mut out = HashMap::new();
        propagator.inject_context(&cx, &mut out);
        assert_eq!(out.len(), 3);
        assert_eq!(out["traceparent"], W3C);
        assert_eq!(out["baggage"], "a=1");
    }
}
