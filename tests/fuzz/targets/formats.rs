//! Each format on its own: the first byte chooses, a `name:value` a line follows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{NAMES, PROPAGATORS, Received, one_hop, stretched};

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else {
        return;
    };
    check(*choice, input);
    if let Some(long) = stretched(input) {
        check(*choice, &long);
    }
});

fn check(choice: u8, input: &[u8]) {
    let (format, propagator) = &PROPAGATORS[usize::from(choice) % PROPAGATORS.len()];
    let mut fields: Vec<_> = propagator.fields().collect();
    // With those that it reads and does not send, and those of its baggage.
    let more = |name: &&&str| match *format {
        "b3" | "b3multi" | "b3both" => name.starts_with("x-b3") || **name == "b3",
        "jaeger" => name.starts_with("uberctx") || **name == "jaeger-baggage",
        "ottrace" => name.starts_with("ot-"),
        "x_trace_id" => name.starts_with("x-baggage"),
        _ => false,
    };
    fields.extend(NAMES.iter().filter(more));
    let lines = input.split(|byte| *byte == b'\n');
    let headers: Received = lines
        .filter_map(|line| line.split_first())
        .map(|(at, value)| (fields[usize::from(*at) % fields.len()], value))
        .collect();
    one_hop(format, propagator.as_ref(), &headers);
}
