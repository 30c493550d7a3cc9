//! Sketches in constant memory: how often an operation occurs, and how long its slowest runs take.

use std::fmt;

use super::span::TailSpan;

/// Hashes the service and the name of a span, for sketches.
///
/// The hash is FNV-1a with a seed, followed by the finalizer of SplitMix64 (Steele, Lea, Flood
/// 2014), because a sketch uses several parts of the hash. If two operations have equal hashes,
/// they share their figures. A collision does no other harm, so a slower hash that resists attacks
/// is not needed.
pub(super) fn operation_hash(seed: u64, span: &impl TailSpan) -> u64 {
    let bytes = span.service_name().bytes();
    // The separator is a byte that UTF-8 does not use, so "a" + "bc" and "ab" + "c" differ.
    let bytes = bytes.chain([0xff]).chain(span.name().bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A count-min sketch of occurrences in a sliding minute (Cormode, Muthukrishnan 2005).
///
/// Each hash has one counter in each of [`ROWS`] rows, and its estimate is the smallest of these
/// counters. The estimate is never less than the true count, and exceeds it only if the hash shares
/// all of its counters. Only counters that equal the estimate are incremented (conservative
/// update), which keeps the excess small.
///
/// Two sketches, one for the current minute and one for the previous minute, give the sliding
/// count: all of the current minute, and the fraction of the previous minute that is less than a
/// minute ago.
///
/// Memory: 512 KiB. With 10,000 operations, one in 20 shares all its counters with others. An
/// endless stream of unique names fills the counters. Then no operation counts as rare, instead of
/// all.
pub(super) struct MinuteCounts {
    current: Vec<u32>,
    previous: Vec<u32>,
    /// The start of the current minute.
    since_nanos: u64,
}

const ROWS: usize = 4;
const COLUMNS: usize = 1 << 14;
const MINUTE_NANOS: u64 = 60_000_000_000;

impl MinuteCounts {
    pub(super) fn new() -> Self {
        Self {
            current: vec![0; ROWS * COLUMNS],
            previous: vec![0; ROWS * COLUMNS],
            since_nanos: 0,
        }
    }

    /// Moves on to the minute of `now_nanos`. Call this method before the other methods.
    pub(super) fn advance(&mut self, now_nanos: u64) {
        let minutes = now_nanos.saturating_sub(self.since_nanos) / MINUTE_NANOS;
        if minutes == 0 {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.fill(0);
        if minutes > 1 {
            self.previous.fill(0);
        }
        self.since_nanos += minutes * MINUTE_NANOS;
    }

    /// Returns the occurrences of a hash in the minute up to `now_nanos`.
    pub(super) fn rate(&self, now_nanos: u64, hash: u64) -> f64 {
        let part = now_nanos.saturating_sub(self.since_nanos) as f64 / MINUTE_NANOS as f64;
        let current = f64::from(least(&self.current, hash));
        current + f64::from(least(&self.previous, hash)) * (1.0 - part)
    }

    /// Counts an occurrence of a hash.
    pub(super) fn add(&mut self, hash: u64) {
        let estimate = least(&self.current, hash);
        for at in cells(hash) {
            if let Some(count) = self.current.get_mut(at).filter(|count| **count == estimate) {
                *count = estimate.saturating_add(1);
            }
        }
    }
}

impl fmt::Debug for MinuteCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinuteCounts").finish_non_exhaustive()
    }
}

fn least(counts: &[u32], hash: u64) -> u32 {
    let counts = cells(hash).into_iter().filter_map(|at| counts.get(at));
    counts.min().copied().unwrap_or_default()
}

/// Returns the position of the counter in each row, from 14 bits of the hash for each row.
fn cells(hash: u64) -> [usize; ROWS] {
    std::array::from_fn(|row| row * COLUMNS + (hash >> (row * 14)) as usize % COLUMNS)
}

/// A histogram of durations in constant memory, with buckets that grow with the values.
///
/// Each power of two has eight buckets, so the bounds of a bucket are at most 12.5 % apart. After
/// [`FULL`] observations all counts are halved, so old observations fade. Memory: 2 KiB.
pub(super) struct LogHistogram {
    counts: [u32; BUCKETS],
    total: u32,
}

const BUCKETS_PER_OCTAVE: u32 = 8;
const BUCKETS: usize = 64 * BUCKETS_PER_OCTAVE as usize;
/// The number of observations after which all counts are halved.
const FULL: u32 = 8192;

impl LogHistogram {
    pub(super) fn new() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
        }
    }

    /// Adds an observation.
    pub(super) fn add(&mut self, nanos: u64) {
        if self.total >= FULL {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Returns the number of observations, without the ones that have faded.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Returns whether the bucket of a value is above the bucket of the 99th percentile.
    pub(super) fn is_above_p99(&self, nanos: u64) -> bool {
        // The bucket of the percentile is the highest bucket such that more than 1 % of all
        // observations are in it or above it.
        let at_or_above: u32 = self.counts.iter().skip(bucket(nanos)).sum();
        u64::from(at_or_above) * 100 <= u64::from(self.total)
    }
}

impl fmt::Debug for LogHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHistogram")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// Returns the bucket of a value, which follows from its highest bit and the three bits after it.
fn bucket(nanos: u64) -> usize {
    let octave = nanos.max(1).ilog2();
    let rest = match octave {
        0..3 => nanos << (3 - octave),
        _ => nanos >> (octave - 3),
    };
    (octave * BUCKETS_PER_OCTAVE) as usize + (rest % u64::from(BUCKETS_PER_OCTAVE)) as usize
}

#[cfg(test)]
mod tests;
