//! What all propagators of this crate can do beyond the trait of `opentelemetry`.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use crate::carrier::{Carrier, CarrierExtractor, CarrierInjector, CarrierMut};

/// A propagator that works on a [`Carrier`] directly.
///
/// Both methods have a default that goes through [`TextMapPropagator`], so a propagator of your
/// own joins a [`CompositePropagator`](crate::CompositePropagator) with an empty `impl`. One from
/// another crate is wrapped in [`TextMap`].
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
/// # }
/// ```
pub trait Propagator: TextMapPropagator + Send + Sync {
    /// Reads the carrier and returns a context with what was found beside what `cx` has.
    ///
    /// Of what is missing or not valid, `cx` keeps its own.
    fn extract_from(&self, cx: &Context, carrier: &dyn Carrier) -> Context {
        self.extract_with_context(cx, &CarrierExtractor(carrier))
    }

    /// Writes what `cx` has to the carrier.
    fn inject_into(&self, cx: &Context, carrier: &mut dyn CarrierMut) {
        self.inject_context(cx, &mut CarrierInjector(carrier));
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
