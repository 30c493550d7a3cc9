//! `baggage`, a header a line of the input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{Headers, bounded, is_header_safe, members, one_hop};
use tracer_propagation::{BaggagePropagator, baggage, limits};

fuzz_target!(|input: &[u8]| {
    let values: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    let (parsed, errors) = bounded(input.len(), || baggage::parse(values.iter().copied()));
    assert!(parsed.len() <= limits::BAGGAGE_MEMBERS);
    assert!(errors.len() <= limits::BAGGAGE_MEMBERS + 1);

    let header = baggage::header(&parsed).unwrap_or_default();
    assert!(header.len() <= limits::BAGGAGE_BYTES && is_header_safe(header.as_bytes()));
    // Each member stays one, and none appears.
    let (again, errors) = baggage::parse([header.as_bytes()]);
    assert_eq!(errors, []);
    let before = members(&parsed);
    assert!(
        members(&again)
            .iter()
            .all(|(key, value)| before.get(key) == Some(value))
    );

    let name = |value: &&[u8]| ("baggage".into(), value.to_vec());
    let headers: Headers = values.iter().map(name).collect();
    one_hop("baggage", &BaggagePropagator::new(), &headers);
});
