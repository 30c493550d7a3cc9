//! What all propagators of this crate can do beyond the trait of `opentelemetry`.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};

use crate::carrier::{Carrier, CarrierExtractor, CarrierInjector, CarrierMut};

/// A propagator that works on a [`Carrier`] directly.
///
/// There are two ways. That of a [`Context`] carries all that a format says. That of a
/// [`SpanContext`] carries the ids, the flags and the trace state, and needs no context at all.
///
/// All methods have defaults that end at [`TextMapPropagator`], so a propagator of your own joins a
/// [`CompositePropagator`](crate::CompositePropagator) with an empty `impl`. One from another crate
/// is wrapped in [`TextMap`].
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "http")] {
/// use opentelemetry::Context;
/// use opentelemetry::trace::TraceContextExt as _;
/// use tracer_propagation::{Propagator, TraceContextPropagator};
///
/// let mut incoming = http::HeaderMap::new();
/// let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// incoming.insert("traceparent", traceparent.parse().unwrap());
///
/// let propagator = TraceContextPropagator::new();
/// let context = propagator.extract_from(&Context::new(), &incoming);
/// assert!(context.span().span_context().is_remote());
///
/// let mut outgoing = http::HeaderMap::new();
/// propagator.inject_into(&context, &mut outgoing);
/// assert_eq!(outgoing["traceparent"], traceparent);
///
/// let parent = propagator.extract_span_context(&incoming).unwrap();
/// assert_eq!(&parent, context.span().span_context());
/// # }
/// ```
pub trait Propagator: TextMapPropagator + Send + Sync {
    /// Reads the carrier and returns a context with what was found beside what `cx` has.
    ///
    /// Of what is missing or not valid, `cx` keeps its own.
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        self.extract_with_context(cx, &CarrierExtractor(carrier))
    }

    /// Reads the caller's span context, marked remote; `None` if there is no valid one.
    ///
    /// It is the one that [`extract_from`](Self::extract_from) puts into an empty context. What
    /// only a context can hold is not read: baggage, a [`SamplingState`](crate::SamplingState)
    /// beyond the sampled flag, the `Lineage` of X-Ray, and the members of a `tracestate` that a
    /// `TraceState` cannot hold.
    ///
    /// # Cost
    ///
    /// The formats of this crate allocate nothing, nor do several in a
    /// [`CompositePropagator`](crate::CompositePropagator). There are two exceptions: a
    /// `tracestate` costs what `TraceState` is made of (a deque, and two strings a member) and may
    /// cost one list to check the members in; and [`XrayPropagator::lambda`] copies a variable of
    /// the process. The default extracts a context.
    ///
    /// [`XrayPropagator::lambda`]: crate::XrayPropagator::lambda
    ///
    /// # Examples
    ///
    /// ```
    /// use tracer_propagation::{B3Propagator, Propagator as _};
    ///
    /// let headers = [("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")];
    /// let propagator = B3Propagator::single();
    /// let parent = propagator.extract_span_context(&headers.as_slice()).unwrap();
    /// assert!(parent.is_remote() && parent.is_sampled());
    ///
    /// let decision_alone = [("b3", "1")];
    /// assert_eq!(propagator.extract_span_context(&decision_alone.as_slice()), None);
    /// ```
    fn extract_span_context(&self, carrier: &dyn Carrier) -> Option<SpanContext> {
        let cx = self.extract_from(&Context::new(), carrier);
        let span = cx.span();
        let span_context = span.span_context();
        span_context.is_valid().then(|| span_context.clone())
    }

    /// Writes what `cx` has to the carrier, each header in place of all it had.
    ///
    /// # A carrier that is used again
    ///
    /// What `cx` has nothing to say about is left as it is: with no valid span in it (and for
    /// [`XTraceIdPropagator`](crate::XTraceIdPropagator) with one that is not sampled) the ids of an
    /// earlier message would go out once more, and with no baggage that of an earlier one. So a
    /// carrier that is used again, or starts as a copy of the headers that came in, is first to be
    /// emptied of
    ///
    /// - the propagator's `fields()`, which are the headers that it writes as it is configured
    ///   (OpenTelemetry, *Propagators API*, Fields);
    /// - headers that are named after the keys of baggage and that `fields()` cannot name:
    ///   `uberctx-*`, `ot-baggage-*`, `x-baggage-*`;
    /// - `x-b3-parentspanid`, which is never written, if the carrier is an [`Injector`]: from others
    ///   [`B3Propagator::multi`](crate::B3Propagator::multi) removes it.
    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        self.inject_context(cx, &mut CarrierInjector(carrier));
    }

    /// Writes the span context, if it is valid; otherwise leaves the carrier as it is.
    ///
    /// It is written as [`inject_into`](Self::inject_into) writes it out of a context that has
    /// nothing else: of sampling the flag is all there is.
    ///
    /// # Cost
    ///
    /// The formats of this crate allocate nothing beyond what the carrier keeps, except one list to
    /// check the members of a trace state in. The default makes a context.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "http")] {
    /// use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    /// use tracer_propagation::{Propagator as _, TraceContextPropagator};
    ///
    /// let (trace_id, span_id) = (TraceId::from(1), SpanId::from(2));
    /// let sampled = TraceFlags::SAMPLED;
    /// let span_context = SpanContext::new(trace_id, span_id, sampled, false, TraceState::NONE);
    /// let mut headers = http::HeaderMap::new();
    /// TraceContextPropagator::new().inject_span_context(&span_context, &mut headers);
    /// let traceparent = &headers["traceparent"];
    /// assert_eq!(traceparent, "00-00000000000000000000000000000001-0000000000000002-01");
    /// # }
    /// ```
    fn inject_span_context(&self, span_context: &SpanContext, carrier: &mut dyn CarrierMut) {
        let cx = Context::new().with_remote_span_context(span_context.clone());
        self.inject_into(&cx, carrier);
    }
}

/// Implements `TextMapPropagator` for a [`Propagator`] that has both methods of its own.
macro_rules! text_map {
    ($propagator:ty, |$this:ident| $fields:expr) => {
        impl ::opentelemetry::propagation::TextMapPropagator for $propagator {
            fn inject_context(
                &self,
                cx: &::opentelemetry::Context,
                injector: &mut dyn ::opentelemetry::propagation::Injector,
            ) {
                use $crate::{carrier::InjectorCarrier, propagator::Propagator};
                self.inject_into(cx, &mut InjectorCarrier(injector));
            }

            fn extract_with_context(
                &self,
                cx: &::opentelemetry::Context,
                extractor: &dyn ::opentelemetry::propagation::Extractor,
            ) -> ::opentelemetry::Context {
                use $crate::{carrier::ExtractorCarrier, propagator::Propagator};
                self.extract_from(cx, &ExtractorCarrier(extractor))
            }

            fn fields(&self) -> ::opentelemetry::propagation::text_map_propagator::FieldIter<'_> {
                let $this = self;
                ::opentelemetry::propagation::text_map_propagator::FieldIter::new($fields)
            }
        }
    };
}
pub(crate) use text_map;

/// A propagator of another crate as a [`Propagator`].
///
/// # Examples
///
/// ```
/// use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
/// use tracer_propagation::{CompositePropagator, TextMap, TraceContextPropagator};
///
/// // Stands for a propagator that knows only the traits of `opentelemetry`.
/// let foreign = TextMapCompositePropagator::new(Vec::new());
/// let propagator = CompositePropagator::new(vec![
///     Box::new(TraceContextPropagator::new()),
///     Box::new(TextMap(foreign)),
/// ]);
/// assert_eq!(propagator.fields().count(), 2);
/// ```
pub struct TextMap<P>(
    /// The propagator.
    pub P,
);

impl<P: TextMapPropagator + Send + Sync> Propagator for TextMap<P> {}

impl<P: TextMapPropagator> TextMapPropagator for TextMap<P> {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.0.inject_context(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.0.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}

impl<P: fmt::Debug> fmt::Debug for TextMap<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextMap").field(&self.0).finish()
    }
}
