//! `baggage`, a header a line of the input, against the reference. Its propagator is in `formats`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{
    Received, bounded, held, is_header_safe, lengthened, members, reference, stretched,
};
use tracer_propagation::{baggage, limits};

fuzz_target!(|input: &[u8]| {
    check(&lengthened(input));
    if let Some(long) = stretched(input) {
        check(&long);
    }
});

fn check(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n');
    let headers: Received = lines.map(|value| ("baggage", value)).collect();
    let values = || reference::all(&headers, "baggage");

    let parse = || baggage::parse(values());
    let (parsed, errors) = bounded(1, &headers, parse);
    let found = members(&parsed);
    assert_eq!(found, reference::list(values()));
    assert!(errors.len() <= limits::BAGGAGE_MEMBERS + 1);

    let header = baggage::header(&parsed).unwrap_or_default();
    assert!(header.len() <= limits::BAGGAGE_BYTES && is_header_safe(header.as_bytes()));
    // Each member stays one, and none appears.
    let (again, errors) = baggage::parse([header.as_bytes()]);
    let (again, expected) = (members(&again), reference::forwarded(&found));
    assert_eq!(errors, []);
    assert!(
        again
            .iter()
            .all(|(key, value)| expected.get(key) == Some(value))
    );
    // Encoding may make a value three times as long, so what fitted may not fit again.
    if held(&found) * 3 < limits::BAGGAGE_BYTES {
        assert_eq!(again, expected);
    }
}
