//! Durations and labels for people.

use std::time::Duration;

use tracer_core::live::Bucket;

/// The range of a bucket.
pub(super) fn label(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::From0 => "<10 µs",
        Bucket::From10us => "10 µs",
        Bucket::From100us => "100 µs",
        Bucket::From1ms => "1 ms",
        Bucket::From10ms => "10 ms",
        Bucket::From100ms => "100 ms",
        Bucket::From1s => "1 s",
        Bucket::From10s => "10 s",
        Bucket::From100s => "≥100 s",
        Bucket::Failed => "Failed",
    }
}

/// A duration with three digits, or in two units from a minute on.
pub(super) fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let two =
        |large: u64, one: &str, small: u64, other: &str| format!("{large} {one} {small} {other}");
    match duration.as_secs() {
        0 if nanos < 1_000 => format!("{nanos} ns"),
        0 if nanos < 1_000_000 => three(duration.as_secs_f64() * 1e6, "µs"),
        0 => three(duration.as_secs_f64() * 1e3, "ms"),
        1..60 => three(duration.as_secs_f64(), "s"),
        seconds @ 60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        seconds @ 3_600..86_400 => two(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        seconds => two(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

fn three(value: f64, unit: &str) -> String {
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// A count with its digits in groups of three.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (nanos, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (999_900, "1000 µs"),
            (1_000_000, "1.00 ms"),
            (250_000_000, "250 ms"),
            (59_990_000_000, "60.0 s"),
            (61_000_000_000, "1 min 1 s"),
            (7_260_000_000_000, "2 h 1 min"),
            (90_000_000_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1 000"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(count(number).replace('\u{202f}', " "), expected);
        }
    }
}
