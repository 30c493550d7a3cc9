//! Terms: the hashes by which searches find a trace.
//!
//! The hash is FNV-1a of 64 bits, folded to 32. Each kind of term starts with its own byte and
//! parts end with a zero byte, so that kinds and parts do not run together. A sender can make two
//! terms collide, which only causes a needless check of spans.

use super::fnv;
use crate::model::double_text;

/// A 32-bit hash.
pub(super) type Term = u32;

/// The number of durations that have a term: 1, 4, 16, .. 65,536 milliseconds.
const DURATION_STEPS: u32 = 9;

pub(super) fn service(name: &str) -> Term {
    term(b's', &[name])
}

pub(super) fn operation(name: &str) -> Term {
    term(b'o', &[name])
}

pub(super) fn service_operation(service: &str, name: &str) -> Term {
    term(b'b', &[service, name])
}

/// Returns the term of an attribute with this text. Texts of one number have one term, whatever the
/// value's type: see [`Value::is_found_by`](crate::model::Value::is_found_by).
pub(super) fn attribute(key: &str, text: &str) -> Term {
    let is_number = text
        .bytes()
        .next()
        .is_some_and(|first| b"+-.0123456789INin".contains(&first));
    match text.parse::<f64>() {
        // Zero has two signs and is one number.
        Ok(number) if is_number => term(b'a', &[key, &double_text(number + 0.0)]),
        _ => term(b'a', &[key, text]),
    }
}

/// Returns the term of every trace that has a span with an error.
pub(super) fn error() -> Term {
    term(b'e', &[])
}

/// Returns the terms of a trace that lasted `nanos`: one for each step that it reached.
pub(super) fn durations(nanos: u64) -> impl Iterator<Item = Term> {
    (0..DURATION_STEPS)
        .take_while(move |step| step_nanos(*step) <= nanos)
        .map(duration_step)
}

/// Returns the narrowest term that every trace of at least `nanos` has, or `None` below the first
/// step.
pub(super) fn at_least(nanos: u64) -> Option<Term> {
    (0..DURATION_STEPS)
        .rev()
        .find(|step| step_nanos(*step) <= nanos)
        .map(duration_step)
}

fn step_nanos(step: u32) -> u64 {
    1_000_000 << (2 * step)
}

fn duration_step(step: u32) -> Term {
    term(b'd', &[&step.to_string()])
}

fn term(kind: u8, parts: &[&str]) -> Term {
    let mut hash = fnv::add(fnv::EMPTY, &[kind]);
    for part in parts {
        hash = fnv::add(fnv::add(hash, part.as_bytes()), &[0]);
    }
    (hash >> 32) as u32 ^ hash as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_parts_do_not_run_together() {
        let all = [
            service("a"),
            operation("a"),
            service_operation("a", ""),
            service_operation("", "a"),
            attribute("a", ""),
            attribute("a", "b"),
            attribute("ab", ""),
            error(),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one));
        }
    }

    #[test]
    fn texts_of_one_number_have_one_term() {
        for same in [
            &["1e300", "1e+300", "1E300"][..],
            &["5", "5.0", "+5", "05"],
            &["0", "-0", "0.0", "-0.0"],
            &["Infinity", "inf"],
            &["NaN", "nan"],
        ] {
            for text in same {
                assert_eq!(attribute("k", text), attribute("k", same[0]), "{text}");
            }
        }
        let others = ["5", "6", "5x", "", "e5", "NaNa", "Infinity", "-Infinity"];
        for (index, text) in others.iter().enumerate() {
            for other in &others[..index] {
                assert_ne!(
                    attribute("k", text),
                    attribute("k", other),
                    "{text} {other}"
                );
            }
        }
    }

    // FNV-1a 64 of "a" is af63dc4c8601ec8c (Noll's test vectors); a kind byte with no parts is
    // the hash of that one byte.
    #[test]
    fn a_term_is_a_folded_hash() {
        assert_eq!(term(b'a', &[]), 0xaf63_dc4c ^ 0x8601_ec8c);
    }

    #[test]
    fn a_trace_is_found_by_every_duration_it_reached() {
        let millis = |n: u64| n * 1_000_000;
        assert_eq!(durations(999_999).count(), 0);
        assert_eq!(durations(millis(1)).count(), 1);
        assert_eq!(durations(millis(4)).count(), 2);
        assert_eq!(durations(millis(1_000_000)).count(), 9);
        assert_eq!(at_least(999_999), None);
        for wanted in [1, 3, 4, 100, 1000, 70_000] {
            let term = at_least(millis(wanted)).unwrap();
            assert!(durations(millis(wanted)).any(|one| one == term));
            assert!(durations(millis(wanted * 5)).any(|one| one == term));
        }
        assert!(!durations(millis(3)).any(|one| Some(one) == at_least(millis(4))));
    }
}
