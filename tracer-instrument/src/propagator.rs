//! Which propagator reads and writes the headers.

use tracer_propagation::Propagator;

/// The propagator that was given; `None` is the global one of the time of the request.
#[derive(Debug, Default)]
pub(crate) struct HeaderPropagator(pub(crate) Option<Box<dyn Propagator>>);

impl HeaderPropagator {
    pub(crate) fn given(propagator: impl Propagator + 'static) -> Self {
        Self(Some(Box::new(propagator)))
    }
}
