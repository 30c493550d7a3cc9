//! The propagator that reads and writes headers.

use http::HeaderMap;
use opentelemetry::Context;
use tracer_propagation::{Propagator, global};

/// A given propagator, or the global one, which is looked up for each request. The look-up costs one read lock and one
/// reference count (`tracer_propagation::global`), so it needs no cache.
#[derive(Debug, Default)]
pub(crate) struct HeaderPropagator(Option<Box<dyn Propagator>>);

impl HeaderPropagator {
    pub(crate) fn given(propagator: impl Propagator + 'static) -> Self {
        Self(Some(Box::new(propagator)))
    }

    /// Returns `cx` with the context in the headers.
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
