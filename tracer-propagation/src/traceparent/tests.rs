//! The rules and examples of W3C Trace Context Level 2 §3.2.

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

#[track_caller]
fn check(text: &str, expected: Result<u8, Error>) {
    let parsed = Traceparent::parse(text.as_bytes());
    assert_eq!(
        parsed.clone().map(|parsed| parsed.flags().to_u8()),
        expected,
        "{text:?}"
    );
    if let Ok(parsed) = parsed {
        assert_eq!(parsed.trace_id().to_string(), TRACE);
        assert_eq!(parsed.span_id().to_string(), SPAN);
    }
}

/// The examples of the specification (§3.2.3) and the rules around them.
#[test]
fn valid_headers_keep_all_flags() {
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Ok(1),
    );
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        Ok(0),
    );
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02",
        Ok(2),
    );
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
        Ok(0xff),
    );
    check(
        " \t00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t ",
        Ok(1),
    );
}

#[test]
fn later_versions_are_read_by_the_rule_for_unknown_versions() {
    check(
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Ok(1),
    );
    check(
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
        Ok(3),
    );
    check(
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09-what-will-be",
        Ok(1),
    );
    check(
        "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-",
        Ok(3),
    );
    check(
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
        Err(Error::TraceparentDash { offset: 55 }),
    );
    check(
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Err(Error::TraceparentVersion),
    );
}

/// What the stock propagator accepts or should not: short and signed fields, tails.
#[test]
fn short_signed_and_trailing_forms_are_refused() {
    check("00-1-1-1", Err(Error::TraceparentLength { len: 8 }));
    check("0-+1-+1-1", Err(Error::TraceparentLength { len: 9 }));
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        Err(Error::TraceparentLength { len: 54 }),
    );
    for tail in ["-", ".", "-what-the-future-will-be-like", "0"] {
        let text = format!("00-{TRACE}-{SPAN}-01{tail}");
        let expected = Error::TraceparentLength { len: text.len() };
        check(&text, Err(expected));
    }
    check(
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        Err(Error::TraceparentHex { offset: 3 }),
    );
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
        Err(Error::TraceparentHex { offset: 36 }),
    );
}

#[test]
fn every_byte_out_of_place_is_refused() {
    let valid = format!("00-{TRACE}-{SPAN}-01");
    for offset in 0..valid.len() {
        for byte in [b'.', b'+', b'A', b'g', b' ', 0, 0xff] {
            let mut bytes = valid.clone().into_bytes();
            bytes[offset] = byte;
            assert!(Traceparent::parse(&bytes).is_err(), "{byte} at {offset}");
        }
    }
}

#[test]
fn zero_ids_are_refused() {
    check(
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        Err(Error::ZeroTraceId),
    );
    check(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        Err(Error::ZeroSpanId),
    );
}

#[test]
fn both_readings_of_a_value_agree() {
    let valid = *b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for place in 0..valid.len() {
        for byte in 0..=u8::MAX {
            let mut value = valid;
            value[place] = byte;
            let (usual, any) = (
                Traceparent::parse_usual(&value),
                Traceparent::parse_any(&value),
            );
            if value.starts_with(b"00-") {
                assert_eq!(usual, any.ok(), "{byte} at {place}");
            } else {
                assert_eq!(usual, None, "{byte} at {place}");
            }
        }
    }
    for zeros in [3..35, 36..52] {
        let mut value = valid;
        value[zeros].fill(b'0');
        assert_eq!(Traceparent::parse_usual(&value), None);
    }
}
