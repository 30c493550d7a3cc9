//! A carrier without a library, and all propagators of trace headers.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::ControlFlow;

use tracer_propagation::carrier::{Carrier, CarrierMut};
use tracer_propagation::{
    B3Propagator, GcpPropagator, GrpcTraceBinPropagator, JaegerPropagator, OtTracePropagator,
    PlainPropagator, Propagator, TraceContextPropagator, XrayPropagator,
};

/// Headers in order, any of them more than once.
#[derive(Debug, Default)]
pub struct Headers {
    pub list: Vec<(String, Vec<u8>)>,
    /// How many names were compared or shown.
    pub looked_at: Cell<usize>,
}

impl Headers {
    pub fn new(list: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            list: list.into_iter().collect(),
            looked_at: Cell::new(0),
        }
    }

    fn look(&self) {
        self.looked_at.set(self.looked_at.get() + 1);
    }
}

impl Carrier for Headers {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        for (known, value) in &self.list {
            self.look();
            if known.eq_ignore_ascii_case(name) && visit(value).is_break() {
                return;
            }
        }
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        for (name, _) in &self.list {
            self.look();
            if visit(name).is_break() {
                return;
            }
        }
    }
}

impl CarrierMut for Headers {
    fn set(&mut self, name: &str, value: Cow<'_, str>) {
        self.remove(name);
        self.list.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    fn remove(&mut self, name: &str) {
        self.list
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

/// Each by name, and whether it carries baggage too.
pub fn propagators() -> Vec<(&'static str, Box<dyn Propagator>, bool)> {
    vec![
        (
            "tracecontext",
            Box::new(TraceContextPropagator::new()),
            false,
        ),
        ("b3", Box::new(B3Propagator::single()), false),
        ("b3multi", Box::new(B3Propagator::multi()), false),
        ("b3both", Box::new(B3Propagator::both()), false),
        ("gcp", Box::new(GcpPropagator::new()), false),
        ("grpc_bin", Box::new(GrpcTraceBinPropagator::new()), false),
        ("xray", Box::new(XrayPropagator::new()), false),
        ("jaeger", Box::new(JaegerPropagator::new()), true),
        ("ottrace", Box::new(OtTracePropagator::new()), true),
        ("plain", Box::new(PlainPropagator::new()), true),
    ]
}
