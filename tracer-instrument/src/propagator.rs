//! Which propagator reads and writes the headers.

use http::HeaderMap;
use opentelemetry::Context;
use tracer_propagation::{Propagator, global};

/// The propagator that was given; `None` is the global one of the time of the request.
#[derive(Debug, Default)]
pub(crate) struct HeaderPropagator(Option<Box<dyn Propagator>>);

impl HeaderPropagator {
    pub(crate) fn given(propagator: impl Propagator + 'static) -> Self {
        Self(Some(Box::new(propagator)))
    }

    /// What the headers say, beside what `cx` has.
    #[cfg(feature = "tower")]
    pub(crate) fn extract(&self, cx: &Context, headers: &HeaderMap) -> Context {
        match &self.0 {
            Some(given) => given.extract_from(cx, headers),
            None => global::extract_from(cx, headers),
        }
    }

    #[cfg(feature = "reqwest")]
    pub(crate) fn inject(&self, cx: &Context, headers: &mut HeaderMap) {
        match &self.0 {
            Some(given) => given.inject_into(cx, headers),
            None => global::inject_into(cx, headers),
        }
    }
}
