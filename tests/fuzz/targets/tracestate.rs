//! `tracestate`, a header a line of the input, against the grammar of section 3.3.1 written apart.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{Headers, bounded, is_header_safe, one_hop};
use tracer_propagation::{TraceContextPropagator, limits, tracestate};

fuzz_target!(|input: &[u8]| {
    let values: Vec<_> = input.split(|byte| *byte == b'\n').collect();
    let parsed = bounded(input.len(), || tracestate::parse(values.iter().copied()));
    assert_eq!(parsed.is_ok(), grammar(&values));
    if let Ok(state) = parsed {
        let header = tracestate::header(&state).unwrap_or_default();
        assert!(header.len() <= limits::TRACESTATE_BYTES && is_header_safe(header.as_bytes()));
        assert_eq!(tracestate::parse([header.as_bytes()]), Ok(state));
    }

    let mut headers: Headers = vec![("traceparent".into(), PARENT.into())];
    headers.extend(
        values
            .iter()
            .map(|value| ("tracestate".into(), value.to_vec())),
    );
    one_hop("tracecontext", &TraceContextPropagator::new(), &headers);
});

const PARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn grammar(values: &[&[u8]]) -> bool {
    let members = values
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b','));
    let members: Vec<_> = members
        .map(trim)
        .filter(|member| !member.is_empty())
        .collect();
    members.len() <= 32 && members.iter().all(|member| is_member(member))
}

fn is_member(member: &[u8]) -> bool {
    let mut halves = member.splitn(2, |byte| *byte == b'=');
    let (Some(key), Some(value)) = (halves.next(), halves.next()) else {
        return false;
    };
    let starts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let follows = |byte: &u8| starts(*byte) || b"_-*/@".contains(byte);
    let is_char = |byte: &u8| (0x20..=0x7e).contains(byte) && !b",=".contains(byte);
    (1..=256).contains(&key.len())
        && starts(key[0])
        && key.iter().all(follows)
        && (1..=256).contains(&value.len())
        && value.iter().all(is_char)
}

/// A member has no spaces around it that are not part of its value.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
