//! Each format on its own: the first byte chooses, a `name:value` a line follows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{Headers, NAMES, one_hop, propagators};

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    let propagators = propagators();
    let (format, propagator) = &propagators[usize::from(*choice) % propagators.len()];
    let mut fields: Vec<_> = propagator.fields().collect();
    // With those that the prefixes of baggage stand for.
    fields.extend(NAMES.iter().filter(|name| name.ends_with("-a")));
    let lines = input.split(|byte| *byte == b'\n').take(20);
    let headers: Headers = lines
        .map(|line| match line.split_first() {
            Some((at, value)) => (
                fields[usize::from(*at) % fields.len()].to_owned(),
                value.to_vec(),
            ),
            None => (String::new(), Vec::new()),
        })
        .collect();
    one_hop(format, propagator.as_ref(), &headers);
});
