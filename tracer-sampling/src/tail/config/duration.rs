//! Durations in the notation of Go, which the configuration of the Collector uses.

use std::fmt;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Deserializes a duration such as `10s`, `1m30s`, `1.5h` or `0`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as \"10s\" or \"1m30s\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }

    from.deserialize_str(Text)
}

/// Parses numbers with units, as `time.ParseDuration` of Go does, without a sign.
///
/// Fractions of a nanosecond are truncated. Returns `None` for durations above 584 years, too.
fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanos: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        nanos = nanos.checked_add(nanos_of(number, unit)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(Duration::from_nanos(nanos))
}

fn nanos_of(number: &str, unit: &str) -> Option<u64> {
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(*unit)?;
    let mut place = *unit;
    for digit in fraction.chars() {
        // Exact while `place` is a multiple of 10. The smallest places of minutes and hours
        // truncate, which loses less than 3 ns.
        let digit = u64::from(digit.to_digit(10)?);
        nanos = nanos.checked_add(digit * place / 10)?;
        place /= 10;
    }
    Some(nanos)
}

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The values are those of Go's `time.ParseDuration`.
    #[test]
    fn durations_of_go_are_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("10s", Some(10_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("100ms", Some(100_000_000)),
            ("3us", Some(3_000)),
            ("3µs", Some(3_000)),
            ("7ns", Some(7)),
            ("0.000000001s", Some(1)),
            ("1h2m3s4ms5us6ns", Some(3_723_004_005_006)),
            ("", None),
            ("10", None),
            ("s", None),
            (".s", None),
            ("-1s", None),
            ("+1s", None),
            ("1 s", None),
            ("1d", None),
            ("1.2.3s", None),
            ("99999999999h", None),
            ("99999999999999999999s", None),
            ("٣s", None),
        ] {
            assert_eq!(parse(text), expected.map(Duration::from_nanos), "{text}");
        }
    }
}
