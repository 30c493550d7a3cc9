//! Page tokens, which hold the position of the last result. Traces that are stored between two
//! pages therefore neither shift results nor repeat them.

use crate::model::TraceId;
use crate::store::Cursor;

/// Returns a position as a token: the start in nanoseconds and the id, in 16 and 32 hex digits.
pub(crate) fn write((nanos, id): Cursor) -> String {
    format!("{nanos:016x}{}", hex(&id))
}

/// Returns the position that a token holds.
pub(crate) fn read(text: &str) -> Option<Cursor> {
    let bytes = unhex::<24>(text)?;
    let (nanos, id) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*nanos), TraceId::try_from(id).ok()?))
}

/// Reads a trace id of 32 hex digits, or of 16 that stand for the lower half.
pub(crate) fn trace_id(text: &str) -> Option<TraceId> {
    if text.len() == 16 {
        let low = unhex::<8>(text)?;
        return Some(u128::from(u64::from_be_bytes(low)).to_be_bytes());
    }
    unhex(text)
}

/// Returns bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| {
        DIGITS
            .get(usize::from(n))
            .map_or('0', |digit| char::from(*digit))
    };
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return None;
    }
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16)?).ok();
    let mut out = [0; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_both_lengths_and_either_case() {
        let id = trace_id("5B8EFFF798038103d269b633813fc60c").unwrap();
        assert_eq!(hex(&id), "5b8efff798038103d269b633813fc60c");
        let short = trace_id("d269b633813fc60c").unwrap();
        assert_eq!(hex(&short), "0000000000000000d269b633813fc60c");
        for bad in [
            "",
            "0",
            "d269b633813fc60",
            "d269b633813fc60g",
            "5b8efff798038103d269b633813fc60c0",
            "é269b633813fc60",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_reads_back() {
        let cursor = (u64::MAX - 1, [7; 16]);
        assert_eq!(read(&write(cursor)), Some(cursor));
        assert_eq!(read(""), None);
        assert_eq!(read(&"z".repeat(48)), None);
    }
}
