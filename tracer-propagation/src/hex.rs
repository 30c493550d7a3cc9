//! Lowercase hex of fixed width. `from_str_radix` would take signs, capitals and short fields.

/// Reads exactly the given digits; `None` unless all are lowercase hex and they fit 64 bits.
pub(crate) fn decode(digits: &[u8]) -> Option<u64> {
    if digits.len() > 16 {
        return None;
    }
    let mut value = 0_u64;
    for &byte in digits {
        value = (value << 4) | u64::from(digit(byte)?);
    }
    Some(value)
}

/// Reads up to 32 digits in the same way.
pub(crate) fn decode_wide(digits: &[u8]) -> Option<u128> {
    let (high, low) = digits.split_at_checked(digits.len().saturating_sub(16))?;
    Some((u128::from(decode(high)?) << 64) | u128::from(decode(low)?))
}

/// A trace id of 128 bits, or one of 64 whose upper half is then zero.
pub(crate) fn trace_id(digits: &[u8]) -> Option<u128> {
    decode_wide(digits).filter(|_| matches!(digits.len(), 16 | 32))
}

/// A span id of 64 bits with all its digits.
pub(crate) fn span_id(digits: &[u8]) -> Option<u64> {
    decode(digits).filter(|_| digits.len() == 16)
}

/// Writes `value` over the whole of `out`, two digits a byte from the most significant one.
///
/// `out` is twice as long as `value` wherever this is called; with less room, the end is cut.
pub(crate) fn encode(value: &[u8], out: &mut [u8]) {
    for (pair, byte) in out.chunks_exact_mut(2).zip(value) {
        pair.copy_from_slice(&[letter(byte >> 4), letter(byte & 0x0f)]);
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

fn letter(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + (nibble - 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lowercase_digits_are_read() {
        assert_eq!(decode(b"00f067aa0ba902b7"), Some(0x00f0_67aa_0ba9_02b7));
        assert_eq!(decode(b"ff"), Some(255));
        for refused in [
            &b"F0"[..],
            b"+1",
            b"-1",
            b" 1",
            b"0x",
            b"1_",
            b"g0",
            b"\xc3\xa9",
        ] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
        assert_eq!(decode(b"10000000000000000"), None, "17 digits");
        assert_eq!(decode_wide(b"10000000000000000"), Some(1 << 64));
        assert_eq!(decode_wide(&[b'f'; 32]), Some(u128::MAX));
        assert_eq!(decode_wide(&[b'0'; 33]), None, "33 digits");
    }

    #[test]
    fn writes_what_the_formatter_of_the_standard_library_writes() {
        for value in [0_u64, 1, 0x00f0_67aa_0ba9_02b7, u64::MAX] {
            let mut out = [0; 16];
            encode(&value.to_be_bytes(), &mut out);
            assert_eq!(out, format!("{value:016x}").as_bytes());
        }
    }
}
