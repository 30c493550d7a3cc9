//! Carriers of up to 1,000 headers with repeated names, read by all formats at once.
//!
//! Of each entry the first byte is the name, the second the length of the value and, in its upper
//! half, how often the header repeats.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use tracer_fuzz::{Headers, NAMES, bounded, is_header_safe, propagators};
use tracer_propagation::{CompositePropagator, Propagator, limits};

const MOST: usize = 1000;

fuzz_target!(|input: &[u8]| {
    let headers = headers(input);
    let all: Vec<_> = propagators()
        .into_iter()
        .map(|(_, propagator)| propagator)
        .collect();
    let propagator = CompositePropagator::new(all);
    let len: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let read = || propagator.extract_from(&Context::new(), &headers);
    // One time for the value as it is read and one for each format that has it.
    let context = bounded(4 * len, read);
    assert!(context.baggage().len() <= limits::BAGGAGE_MEMBERS);

    let mut sent = Headers::new();
    propagator.inject_into(&context, &mut sent);
    let mut names: Vec<_> = sent.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), sent.len(), "each name once");
    assert!(sent.iter().all(|(_, value)| is_header_safe(value)));
    let again = propagator.extract_from(&Context::new(), &sent);
    if context.span().span_context().is_valid() {
        assert_eq!(again.span().span_context(), context.span().span_context());
    }
});

fn headers(mut input: &[u8]) -> Headers {
    let mut headers = Headers::new();
    while let [name, shape, rest @ ..] = input {
        let (len, times) = (
            usize::from(shape & 0x0f) * 8,
            1 + usize::from(shape >> 4) * 8,
        );
        let (value, rest) = rest.split_at(len.min(rest.len()));
        input = rest;
        let name = NAMES[usize::from(*name) % NAMES.len()];
        for _ in 0..times.min(MOST - headers.len()) {
            headers.push((name.to_owned(), value.to_vec()));
        }
    }
    headers
}
