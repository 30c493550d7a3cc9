//! `traceparent` against a grammar written apart, byte by byte from section 3.2 of the document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::bounded;
use tracer_propagation::Traceparent;

fuzz_target!(|value: &[u8]| {
    let parsed = bounded(value.len(), || Traceparent::parse(value));
    assert_eq!(parsed.is_ok(), grammar(value));
    if let Ok(parsed) = parsed {
        let again = Traceparent::parse(&parsed.to_bytes()).expect("written by us");
        assert_eq!(again, parsed);
    }
});

fn grammar(value: &[u8]) -> bool {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().take_while(space).count();
    let end = value.len() - value[start..].iter().rev().take_while(space).count();
    let value = &value[start..end];
    let form = b"hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'h' => b"0123456789abcdef".contains(byte),
        _ => byte == form,
    };
    value.len() >= form.len()
        && value.iter().zip(form).all(fits)
        && value[3..35] != [b'0'; 32]
        && value[36..52] != [b'0'; 16]
        && match &value[..2] {
            b"ff" => false,
            b"00" => value.len() == form.len(),
            _ => value.len() == form.len() || value[form.len()] == b'-',
        }
}
