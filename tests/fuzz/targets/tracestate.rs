//! `tracestate`, a header a line of the input, against the reference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{Received, bounded, lengthened, one_hop, reference, stretched};
use tracer_propagation::{TraceContextPropagator, limits, tracestate};

fuzz_target!(|input: &[u8]| {
    check(&lengthened(input));
    if let Some(long) = stretched(input) {
        check(&long);
    }
});

fn check(input: &[u8]) {
    let mut headers: Received = vec![("traceparent", PARENT)];
    headers.extend(
        input
            .split(|byte| *byte == b'\n')
            .map(|value| ("tracestate", value)),
    );
    let values = || reference::all(&headers, "tracestate");

    let parse = || tracestate::parse(values());
    let parsed = bounded(1, &headers, parse);
    let expected = reference::tracestate(values());
    assert_eq!(parsed.is_ok(), expected.is_some());
    if let Ok(state) = parsed {
        let header = tracestate::header(&state).unwrap_or_default();
        assert!(header.len() <= limits::TRACESTATE_BYTES);
        assert_eq!(tracestate::parse([header.as_bytes()]), Ok(state));
    }

    // Through a context everything goes on, in order; a list that is refused costs itself only.
    let sent = one_hop("tracecontext", &TraceContextPropagator::new(), &headers);
    let value = |name| {
        sent.iter()
            .find(|(sent, _)| sent == name)
            .map(|(_, value)| value.as_slice())
    };
    assert_eq!(value("traceparent"), Some(PARENT));
    assert_eq!(
        value("tracestate").unwrap_or_default(),
        expected.unwrap_or_default().as_bytes()
    );
}

const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
