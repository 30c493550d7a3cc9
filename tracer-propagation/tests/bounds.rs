//! What headers of any number cost; what their bytes cost is measured by the benchmark `hostile`.

// Helpers of tests are tests to the reader, though not to the lint.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::ops::ControlFlow;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::Extractor;
use tracer_propagation::carrier::Carrier;
use tracer_propagation::limits;

use support::{Headers, propagators};

/// Counts the names that are compared or shown.
struct Counted {
    headers: Headers,
    names: Cell<usize>,
}

impl Carrier for Counted {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        self.names.set(self.names.get() + self.headers.len());
        self.headers.each_value(name, visit);
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        self.names.set(self.names.get() + self.headers.len());
        self.headers.each_name(visit);
    }
}

#[test]
fn a_thousand_headers_are_searched_a_bounded_number_of_times() {
    const COUNT: usize = 1000;
    let list = |name: fn(usize) -> String| Counted {
        headers: (0..COUNT).map(|n| (name(n), b"1".to_vec())).collect(),
        names: Cell::new(0),
    };
    for carrier in [
        list(|n| format!("uberctx-{n}")),
        list(|n| format!("ot-baggage-{n}")),
        list(|n| format!("x-baggage-{n}")),
        list(|_| "uberctx-same".to_owned()),
        list(|_| "uberctx-not valid".to_owned()),
        list(|_| "x-b3-traceid".to_owned()),
        list(|_| "uber-trace-id".to_owned()),
    ] {
        for (format, propagator, _) in propagators() {
            carrier.names.set(0);
            let cx = propagator.extract_from(&Context::new(), &carrier);
            assert!(cx.baggage().len() <= limits::BAGGAGE_MEMBERS);
            // One search a header of the format, at most seven, and one a member.
            let searches = 7 + limits::BAGGAGE_MEMBERS;
            assert!(carrier.names.get() <= searches * COUNT, "{format}");
        }
    }
}

/// As a `HashMap` of names with capitals in them, which it shows and does not find.
struct Mute {
    names: Vec<String>,
    asked: Cell<usize>,
}

impl Extractor for Mute {
    fn get(&self, _: &str) -> Option<&str> {
        self.asked.set(self.asked.get() + 1);
        None
    }

    fn keys(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

#[test]
fn names_without_values_are_asked_for_a_bounded_number_of_times() {
    for prefix in ["uberctx", "ot-baggage", "x-baggage"] {
        let carrier = Mute {
            names: (0..1000).map(|n| format!("{prefix}-{n}")).collect(),
            asked: Cell::new(0),
        };
        for (format, propagator, _) in propagators() {
            carrier.asked.set(0);
            propagator.extract_with_context(&Context::new(), &carrier);
            let asked = carrier.asked.get();
            assert!(asked <= 7 + limits::BAGGAGE_MEMBERS, "{format}: {asked}");
        }
    }
}
