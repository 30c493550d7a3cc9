//! The scalar types of protobuf as JSON has them.
//!
//! The rules are those of ProtoJSON, "Representation of each type"
//! (<https://protobuf.dev/programming-guides/json/>): numbers may be strings and strings numbers,
//! an integer may be written with a fraction of zero or an exponent, and bytes come in either
//! alphabet of base64, with padding or without.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::json_reader::{Scalar, number_len};

/// Digits of the largest 64-bit integer. A number with more digits is out of range.
const MAX_DIGITS: usize = 20;

/// Bits after the last whole byte are ignored, as in other ProtoJSON parsers.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads an integer of up to 64 bits exactly.
pub(super) fn integer(scalar: &Scalar<'_>) -> Option<i128> {
    let text = number_text(scalar)?;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    // Zeros on either side are expressed by the exponent.
    let leading = digits().take_while(|digit| *digit == b'0').count();
    let trailing = digits().rev().take_while(|digit| *digit == b'0').count();
    let all = whole.len() + fraction.len();
    if leading == all {
        return Some(0);
    }
    let significant = all - leading - trailing;
    let shift = exponent_of(exponent)
        .saturating_sub_unsigned(fraction.len() as u64)
        .saturating_add_unsigned(trailing as u64);
    let zeros = usize::try_from(shift).ok()?;
    if significant.saturating_add(zeros) > MAX_DIGITS {
        return None;
    }
    let digits = digits().skip(leading).take(significant);
    let digits = digits.chain(std::iter::repeat_n(b'0', zeros));
    let number = digits.fold(0i128, |number, digit| {
        number * 10 + i128::from(digit - b'0')
    });
    Some(if negative { -number } else { number })
}

/// Reads an exponent, clamped to 64 bits. That changes no result.
fn exponent_of(text: &str) -> i64 {
    let end = if text.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    text.parse().unwrap_or(end)
}

/// Reads a finite number or one of the names `NaN`, `Infinity` and `-Infinity`.
pub(super) fn double(scalar: &Scalar<'_>) -> Option<f64> {
    if let Scalar::Text(text) = scalar {
        match text.text.as_ref() {
            "NaN" => return Some(f64::NAN),
            "Infinity" => return Some(f64::INFINITY),
            "-Infinity" => return Some(f64::NEG_INFINITY),
            _ => {}
        }
    }
    let number: f64 = number_text(scalar)?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Reads the number of an enum value, which is given by name or by number.
pub(super) fn enumeration(
    scalar: &Scalar<'_>,
    by_name: impl FnOnce(&str) -> Option<i32>,
) -> Option<i32> {
    if let Scalar::Text(text) = scalar
        && let Some(number) = by_name(&text.text)
    {
        return Some(number);
    }
    i32::try_from(integer(scalar)?).ok()
}

/// Reads bytes in base64.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let standard = text.bytes().map(|digit| match digit {
        b'-' => b'+',
        b'_' => b'/',
        digit => digit,
    });
    BASE64.decode(standard.collect::<Vec<u8>>()).ok()
}

/// Returns a number as it is written, bare or in a string.
fn number_text<'s>(scalar: &'s Scalar<'_>) -> Option<&'s str> {
    match scalar {
        Scalar::Number(text) => Some(text),
        Scalar::Text(text) => {
            let text = text.text.as_ref();
            (number_len(text.as_bytes()) == Ok(text.len())).then_some(text)
        }
        Scalar::Bool(_) | Scalar::Null => None,
    }
}

/// Returns the value of a hex digit in either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::validate::Text;

    /// Both forms of a number.
    fn forms(text: &str) -> [Scalar<'_>; 2] {
        let string = Text {
            text: text.into(),
            replaced: false,
        };
        [Scalar::Number(text), Scalar::Text(string)]
    }

    // ProtoJSON: exponents in quoted and unquoted forms, fractions of zero; values by hand.
    #[test]
    fn integers_are_exact_in_every_spelling() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("0.000", 0),
            ("0e99999999999999999999", 0),
            ("1e2", 100),
            ("1E+2", 100),
            ("5.0", 5),
            ("1.5e1", 15),
            ("100e-2", 1),
            ("0.001e3", 1),
            ("-12.50e2", -1250),
            // Neither of these is a double.
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i128::from(i64::MAX)),
            ("-9223372036854775808", i128::from(i64::MIN)),
            ("18446744073709551615.0", i128::from(u64::MAX)),
            ("1844674407370955161.5e1", i128::from(u64::MAX)),
            ("18446744073709551616", i128::from(u64::MAX) + 1),
        ] {
            for form in forms(text) {
                assert_eq!(integer(&form), Some(expected), "{form:?}");
            }
        }
        for text in [
            "1.5",
            "1e-1",
            "0.1",
            "1e300",
            "1e+300",
            "1e21",
            "123456789012345678901",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ] {
            for form in forms(text) {
                assert_eq!(integer(&form), None, "{form:?}");
            }
        }
    }

    // "Empty strings are invalid"; a string holds a number of JSON's grammar and nothing else.
    #[test]
    fn strings_are_numbers_only_if_they_are_nothing_else() {
        for text in [
            "", " 1", "1 ", "+1", "01", "1.", ".5", "0x10", "1_000", "١", "--1", "1e", "-",
        ] {
            let [_, string] = forms(text);
            assert_eq!((integer(&string), double(&string)), (None, None), "{text}");
        }
        assert_eq!(integer(&Scalar::Bool(true)), None);
    }

    #[test]
    fn doubles_are_finite_or_named() {
        for (text, expected) in [
            ("1", 1.0),
            ("-0.5", -0.5),
            ("1e300", 1e300),
            ("1e-400", 0.0),
        ] {
            for form in forms(text) {
                assert_eq!(double(&form), Some(expected), "{form:?}");
            }
        }
        let [_, infinity] = forms("Infinity");
        assert_eq!(double(&infinity), Some(f64::INFINITY));
        let [_, infinity] = forms("-Infinity");
        assert_eq!(double(&infinity), Some(f64::NEG_INFINITY));
        let [_, nan] = forms("NaN");
        assert!(double(&nan).is_some_and(f64::is_nan));
        for text in ["1e400", "-1e400"] {
            for form in forms(text) {
                assert_eq!(double(&form), None, "{form:?}");
            }
        }
        for text in ["inf", "nan", "infinity", "+Infinity"] {
            let [_, string] = forms(text);
            assert_eq!(double(&string), None, "{text}");
        }
    }

    #[test]
    fn enums_are_names_or_numbers() {
        let by_name = |name: &str| (name == "TWO").then_some(2);
        for text in ["2", "2.0", "20e-1"] {
            for form in forms(text) {
                assert_eq!(enumeration(&form, by_name), Some(2), "{form:?}");
            }
        }
        let [_, name] = forms("TWO");
        assert_eq!(enumeration(&name, by_name), Some(2));
        for text in ["2.5", "2147483648"] {
            for form in forms(text) {
                assert_eq!(enumeration(&form, by_name), None, "{form:?}");
            }
        }
        let [_, name] = forms("two");
        assert_eq!(enumeration(&name, by_name), None);
    }

    // "AQI=" and "-_" are the cases BytesField and BytesFieldBase64Url of protobuf's conformance
    // suite; the others are of RFC 4648, section 10, and its alphabets.
    #[test]
    fn bytes_are_base64_of_either_alphabet_with_or_without_padding() {
        for (text, expected) in [
            ("AQI=", &[1, 2][..]),
            ("-_", &[0xfb]),
            ("", b""),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm9vYg", b"foob"),
            ("Zm9vYg==", b"foob"),
            ("Zm9vYg=", b"foob"),
            ("/+8=", &[0xff, 0xef]),
            ("_-8=", &[0xff, 0xef]),
            ("_-8", &[0xff, 0xef]),
            ("/-8", &[0xff, 0xef]),
        ] {
            assert_eq!(bytes(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["A", "Z m9v", "Zg===", "é", "Zg==Zg=="] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
