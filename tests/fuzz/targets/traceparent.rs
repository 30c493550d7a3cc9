//! `traceparent` against the reference, and what is written against what was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{Received, bounded, reference, stretched};
use tracer_propagation::{SamplingState, Traceparent};

fuzz_target!(|value: &[u8]| {
    check(value);
    if let Some(long) = stretched(value) {
        check(&long);
    }
});

fn check(value: &[u8]) {
    // It allocates nothing.
    let parsed = bounded(0, &Received::new(), || Traceparent::parse(value)).ok();
    let seen = parsed.as_ref().map(|parsed| {
        let sampled = match parsed.flags().is_sampled() {
            true => SamplingState::Accept,
            false => SamplingState::Deny,
        };
        let (trace_id, span_id) = (parsed.trace_id().to_bytes(), parsed.span_id().to_bytes());
        (
            u128::from_be_bytes(trace_id),
            u64::from_be_bytes(span_id),
            sampled,
        )
    });
    assert_eq!(seen, reference::traceparent(value));
    if let Some(parsed) = parsed {
        let written = parsed.to_bytes();
        let read = String::from_utf8_lossy(value.trim_ascii());
        // Of versions to come, only the two flags that have a meaning go on.
        let known = if read.starts_with("00") { 0xff } else { 0x03 };
        let flags = u8::from_str_radix(&read[53..55], 16).unwrap_or_default() & known;
        let expected = format!("00{}{flags:02x}", &read[2..53]);
        assert_eq!(written, *expected.as_bytes());
        assert_eq!(Traceparent::parse(&written), Ok(parsed));
    }
}
