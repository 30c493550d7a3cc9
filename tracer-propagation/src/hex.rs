//! Lowercase hex of fixed width. `from_str_radix` would take signs, capitals and short fields.

/// Reads exactly the given digits; `None` unless all are lowercase hex and they fit 64 bits.
#[inline]
pub(crate) fn decode(digits: &[u8]) -> Option<u64> {
    let (mut value, mut wrong, mut rest) = (0, digits.len() > 16, digits);
    while let Some((eight, tail)) = rest.split_first_chunk::<8>() {
        let (part, wrong_part) = decode_eight(*eight);
        (value, wrong, rest) = ((value << 32) | part, wrong | (wrong_part != 0), tail);
    }
    for &byte in rest {
        let digit = decode_digit(byte);
        (value, wrong) = (
            (value << 4) | u64::from(digit & 0x0f),
            wrong | (digit > 0x0f),
        );
    }
    (!wrong).then_some(value)
}

/// The same for the 16 digits of an id, or of half of one.
#[inline]
pub(crate) fn decode_id(digits: &[u8; 16]) -> Option<u64> {
    let (high, low) = digits.split_first_chunk::<8>()?;
    let (high, wrong_high) = decode_eight(*high);
    let (low, wrong_low) = decode_eight(*low.first_chunk()?);
    (wrong_high | wrong_low == 0).then_some((high << 32) | low)
}

/// The same for the two digits of a byte.
#[inline]
pub(crate) fn decode_byte([high, low]: [u8; 2]) -> Option<u8> {
    let (high, low) = (decode_digit(high), decode_digit(low));
    (high | low <= 0x0f).then_some((high << 4) | low)
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
        let [.., high, low] = encode_four([0, 0, 0, *byte]);
        pair.copy_from_slice(&[high, low]);
    }
}

/// The 16 digits of an id, or of half of one.
#[inline]
pub(crate) fn encode_id(value: u64) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    let mut digits = [0; 16];
    let (high, low) = digits.split_at_mut(8);
    high.copy_from_slice(&encode_four([a, b, c, d]));
    low.copy_from_slice(&encode_four([e, f, g, h]));
    digits
}

// Eight digits at a time, a byte of a word each, instead of a table or a branch for every one.

/// The value, and something other than zero if a byte is no digit.
#[inline(always)]
fn decode_eight(digits: [u8; 8]) -> (u64, u64) {
    let digits = u64::from_be_bytes(digits);
    // Bit 6 tells letters from digits; `a` ends in 1 and means 10.
    let letters = (digits >> 6) & ONES;
    let nibbles = (digits & (0x0f * ONES)) + letters * 9;
    // Right if nothing went beyond 15 and writing it gives the same again.
    let wrong = (nibbles & (0xf0 * ONES)) | (to_letters(nibbles) ^ digits);
    let pairs = (nibbles | (nibbles >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    ((fours | (fours >> 16)) & 0xffff_ffff, wrong)
}

/// More than 15 for what is no digit.
#[inline(always)]
fn decode_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => u8::MAX,
    }
}

#[inline(always)]
fn encode_four(value: [u8; 4]) -> [u8; 8] {
    let value = u64::from(u32::from_be_bytes(value));
    let fours = (value | (value << 16)) & 0x0000_ffff_0000_ffff;
    let pairs = (fours | (fours << 8)) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (pairs | (pairs << 4)) & (0x0f * ONES);
    to_letters(nibbles).to_be_bytes()
}

/// A nibble in each byte to its digit; above 9 adding 6 carries.
#[inline(always)]
fn to_letters(nibbles: u64) -> u64 {
    let above_nine = ((nibbles + 6 * ONES) >> 4) & ONES;
    nibbles + 0x30 * ONES + above_nine * u64::from(b'a' - b'9' - 1)
}

const ONES: u64 = 0x0101_0101_0101_0101;

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
            b"`0",
            b"a\x80",
            b"p1",
            b"o0",
        ] {
            assert_eq!(decode(refused), None, "{refused:?}");
        }
        assert_eq!(decode(b"10000000000000000"), None, "17 digits");
        assert_eq!(decode_wide(b"10000000000000000"), Some(1 << 64));
        assert_eq!(decode_wide(&[b'f'; 32]), Some(u128::MAX));
        assert_eq!(decode_wide(&[b'0'; 33]), None, "33 digits");
    }

    #[test]
    fn every_byte_is_judged_at_every_place() {
        for place in 0..16 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"0123456789abcdef";
                digits[place] = byte;
                let text = std::str::from_utf8(&digits).ok();
                let expected = text
                    .filter(|_| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
                    .and_then(|text| u64::from_str_radix(text, 16).ok());
                assert_eq!(decode(&digits), expected, "{byte} at {place}");
                assert_eq!(decode(&digits[place..=place]).is_some(), expected.is_some());
            }
        }
    }

    #[test]
    fn writes_what_the_formatter_of_the_standard_library_writes() {
        for value in [0_u64, 1, 0x00f0_67aa_0ba9_02b7, u64::MAX] {
            let mut out = [0; 16];
            encode(&value.to_be_bytes(), &mut out);
            assert_eq!(out, format!("{value:016x}").as_bytes());
            assert_eq!(encode_id(value), out);
        }
    }
}
