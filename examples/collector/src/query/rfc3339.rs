//! Moments as RFC 3339 writes them.

/// Nanoseconds since the epoch, or `None` if `text` is no such moment or lies before 1970 or
/// after 2262. A leap second is taken as the second after it.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let (month, day) = (digits(&[m1, m2])?, digits(&[d1, d2])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(month, year) {
        return None;
    }
    let (clock, rest) = rest.split_at_checked(9)?;
    let [b'T' | b't' | b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *clock else {
        return None;
    };
    let (hour, minute, second) = (digits(&[h1, h2])?, digits(&[n1, n2])?, digits(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = match rest {
        [b'.', fraction @ ..] => {
            let len = fraction
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let (fraction, zone) = fraction.split_at_checked(len)?;
            let kept = fraction.get(..len.min(9))?;
            let scale = 10i64.pow(9 - u32::try_from(kept.len()).ok()?);
            (if len == 0 { None } else { digits(kept) }? * scale, zone)
        }
        _ => (0, rest),
    };
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3600 + minutes * 60;
            if sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    let total = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    u64::try_from(total).ok()
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0i64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Counts whole years by the leap years before them, then whole months.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = |year: i64| {
        let past = year - 1;
        365 * past + past / 4 - past / 100 + past / 400
    };
    let months: i64 = (1..month).map(|month| days_in(month, year)).sum();
    before(year) - before(1970) + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    // The examples of RFC 3339 §5.8; seconds by `date -u -d .. +%s` of GNU coreutils.
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        check("1985-04-12T23:20:50.52Z", Some(482_196_050_520_000_000));
        check("1996-12-19T16:39:57-08:00", Some(851_042_397_000_000_000));
        check("1990-12-31T23:59:60Z", Some(662_688_000_000_000_000));
        check("1990-12-31T15:59:60-08:00", Some(662_688_000_000_000_000));
        check("1937-01-01T12:00:27.87+00:20", None);
    }

    #[test]
    fn calendar_and_fractions_are_exact() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2000-02-29t00:00:00z", Some(951_782_400_000_000_000));
        check(
            "2026-11-21 02:49:19.123456789123+00:00",
            Some(1_795_229_359_123_456_789),
        );
        check("2262-01-01T00:00:00Z", Some(9_214_646_400_000_000_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T02:49:19",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+2:00",
            "2026-01-01T00:00:00Zx",
            "9999-01-01T00:00:00Z",
            "2026-01-01T00:00:é0Z",
        ] {
            check(text, None);
        }
    }
}
