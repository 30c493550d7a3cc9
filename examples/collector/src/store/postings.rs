//! Sorted lists of (term, trace) in compact pages.
//!
//! An entry is one number, `term << 32 | n`, where `n` is the trace's number within its hour. A
//! page holds some thousands of them in order, each as the varint of its distance to the one
//! before; the first stands whole. A page is found by its last term.

use super::encode::varint;
use super::terms::Term;

/// Entries per page. A search reads one page of each unit, at about 3 to 5 bytes an entry.
const PAGE_ENTRIES: usize = 4096;

/// An entry of a unit.
pub(super) type Entry = u64;

pub(super) fn entry(term: Term, n: u32) -> Entry {
    u64::from(term) << 32 | u64::from(n)
}

pub(super) fn term_of(entry: Entry) -> Term {
    (entry >> 32) as Term
}

/// An encoded page with the term by which it is found.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) last_term: Term,
    pub(super) bytes: Vec<u8>,
}

/// Cuts sorted entries into pages.
pub(super) fn pages(sorted: &[Entry]) -> impl Iterator<Item = Page> {
    debug_assert!(sorted.is_sorted());
    sorted.chunks(PAGE_ENTRIES).map(|chunk| {
        let mut bytes = Vec::with_capacity(chunk.len() * 4);
        let mut previous = 0;
        for entry in chunk {
            varint(&mut bytes, entry.wrapping_sub(previous));
            previous = *entry;
        }
        Page {
            last_term: term_of(previous),
            bytes,
        }
    })
}

/// Returns the entries of a page. Ends at the first malformed byte, which a damaged file may have.
/// A search then misses only entries of that page.
pub(super) fn entries(bytes: &[u8]) -> impl Iterator<Item = Entry> {
    let mut rest = bytes;
    let mut previous = 0u64;
    std::iter::from_fn(move || {
        let mut delta = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, tail) = rest.split_first()?;
            rest = tail;
            delta |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                previous = previous.wrapping_add(delta);
                return Some(previous);
            }
        }
        rest = &[];
        None
    })
}

/// Appends the trace numbers that a page has for a term to `found`. Returns true if the next page
/// may have more of them.
pub(super) fn lookup(bytes: &[u8], term: Term, hour: i64, found: &mut Vec<i64>) -> bool {
    let mut last = 0;
    for entry in entries(bytes) {
        last = term_of(entry);
        if last > term {
            break;
        }
        if last == term {
            found.push(trace_no(hour, entry as u32));
        }
    }
    last == term
}

/// Returns the number of a trace from the hour of its first receipt and its number within that
/// hour.
pub(super) fn trace_no(hour: i64, n: u32) -> i64 {
    hour << 32 | i64::from(n)
}

/// Returns the hour of a trace number and the number within that hour.
pub(super) fn split_trace_no(no: i64) -> (i64, u32) {
    (no >> 32, no as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_pages_and_are_found_across_their_borders() {
        // Term 7 fills the end of the first page and the start of the second.
        let mut all: Vec<Entry> = (0..4000).map(|n| entry(3, n)).collect();
        all.extend((0..200).map(|n| entry(7, n * 1000)));
        all.push(entry(u32::MAX, u32::MAX));
        let pages: Vec<Page> = pages(&all).collect();
        assert_eq!(pages.len(), 2);
        assert_eq!((pages[0].last_term, pages[1].last_term), (7, u32::MAX));
        let read: Vec<Entry> = pages.iter().flat_map(|page| entries(&page.bytes)).collect();
        assert_eq!(read, all);

        let mut found = Vec::new();
        assert!(lookup(&pages[0].bytes, 7, 2, &mut found));
        assert!(!lookup(&pages[1].bytes, 7, 2, &mut found));
        assert_eq!(found.len(), 200);
        assert_eq!(found[199], (2 << 32) + 199_000);
        assert!(!lookup(&pages[0].bytes, 5, 2, &mut found));
        assert_eq!(found.len(), 200);
    }

    #[test]
    fn damaged_pages_end_early() {
        assert_eq!(entries(&[0x80]).count(), 0);
        assert_eq!(entries(&[0xff; 40]).count(), 0);
        assert_eq!(entries(&[5, 0x80]).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn trace_numbers_split_into_their_parts() {
        let no = trace_no(498_000, u32::MAX);
        assert_eq!(split_trace_no(no), (498_000, u32::MAX));
        assert_eq!(trace_no(498_001, 0), no + 1);
    }
}
