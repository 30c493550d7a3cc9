//! Carriers of up to 1,000 headers with repeated names, read by all formats at once.
//!
//! Of each entry the first byte is the name, the second the length of the value and, in its upper
//! half, how often the header repeats: up to 15 times, or 125.
#![no_main]

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use tracer_fuzz::{
    NAMES, PROPAGATORS, Received, bounded, is_sampled_by, members, propagators, reference, seen,
    sent,
};
use tracer_propagation::carrier::Carrier;
use tracer_propagation::{CompositePropagator, Propagator, limits};

const MOST: usize = 1000;

fuzz_target!(|input: &[u8]| {
    let headers = headers(input);
    let counted = Counted {
        headers: &headers,
        looks: Cell::new(0),
    };
    let composite = &*COMPOSITE;
    let read = || composite.extract_from(&Context::new(), &counted);
    // Four formats have baggage.
    let context = bounded(4, &headers, read);

    // The first caller in the order of the formats, with the baggage of all under one budget.
    let formats = || PROPAGATORS.iter().map(|(format, _)| *format);
    // All of B3 read the same.
    let callers = formats().filter(|format| !matches!(*format, "b3multi" | "b3both"));
    let mut callers = callers.map(|format| (format, reference::caller(format, &headers)));
    let caller = callers.find(|(_, caller)| caller.is_some_and(|caller| caller.0 != 0));
    let ids = |caller: reference::Caller| (caller.0, caller.1);
    let found = seen(&context).map(ids).filter(|ids| ids.0 != 0);
    let named = caller.and_then(|(_, caller)| caller);
    assert_eq!(found, named.map(ids));
    is_sampled_by(&context, named);
    let baggage = formats().map(|format| reference::baggage(format, &headers));
    let baggage = baggage.reduce(reference::merged).unwrap_or_default();
    assert_eq!(members(context.baggage()), baggage);
    assert!(baggage.len() <= limits::BAGGAGE_MEMBERS);

    // The time that a carrier takes to find a header is not ours, so it is asked a bounded number
    // of times: for each header, and again for those of B3, which three formats read.
    assert!(counted.looks.get() <= 2 * NAMES.len() * headers.len());

    let sent = sent("composite", composite, &context);
    let again = composite.extract_from(&Context::new(), &sent);
    if found.is_some() {
        assert_eq!(again.span().span_context(), context.span().span_context());
    }
    // Order is kept over all headers of the name.
    if caller.is_some_and(|(format, _)| format == "tracecontext") {
        let state = reference::tracestate(reference::all(&headers, "tracestate"));
        let value = sent.iter().find(|(name, _)| name == "tracestate");
        let value = value.map(|(_, value)| value.as_slice()).unwrap_or_default();
        assert_eq!(value, state.unwrap_or_default().as_bytes());
    }
});

static COMPOSITE: LazyLock<CompositePropagator> = LazyLock::new(|| {
    let all = propagators().into_iter().map(|(_, propagator)| propagator);
    CompositePropagator::new(all.collect())
});

fn headers(mut input: &[u8]) -> Received<'_> {
    let mut headers = Received::new();
    while let [name, shape, rest @ ..] = input {
        let (len, times) = (
            usize::from(shape & 0x0f) * 8,
            match shape >> 4 {
                15 => 125,
                times => 1 + usize::from(times),
            },
        );
        let (value, rest) = rest.split_at(len.min(rest.len()));
        input = rest;
        let name = NAMES[usize::from(*name) % NAMES.len()];
        let times = times.min(MOST - headers.len());
        headers.extend(std::iter::repeat_n((name, value), times));
    }
    headers
}

/// Counts the headers that are looked at.
struct Counted<'a> {
    headers: &'a Received<'a>,
    looks: Cell<usize>,
}

impl Carrier for Counted<'_> {
    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) {
        self.looks.set(self.looks.get() + self.headers.len());
        self.headers.each_value(name, visit);
    }

    fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a str) -> ControlFlow<()>) {
        self.looks.set(self.looks.get() + self.headers.len());
        self.headers.each_name(visit);
    }

    fn each_prefixed<'a>(
        &'a self,
        prefix: &str,
        visit: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) {
        self.looks.set(self.looks.get() + self.headers.len());
        self.headers.each_prefixed(prefix, visit);
    }
}
