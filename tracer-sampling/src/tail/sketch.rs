//! Sketches in constant memory: how often an operation occurs, and how long its slowest runs take.

use std::fmt;

use super::span::TailSpan;

/// Hashes the service and the name of a span, for sketches.
///
/// FNV-1a with a seed, then the finalizer of SplitMix64 (Steele, Lea, Flood 2014), because a sketch
/// uses several parts of the hash. Equal hashes make two operations share their figures. That is
/// the only harm of a collision, so a hash against attacks is not worth its time.
pub(super) fn operation_hash(seed: u64, span: &impl TailSpan) -> u64 {
    let bytes = span.service_name().bytes();
    // A byte that UTF-8 does not have: "a" + "bc" and "ab" + "c" differ.
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
/// Each hash has one counter in each of [`ROWS`] rows, and its estimate is the smallest of them:
/// never less than the count, and more only where it shares all of its counters. Only counters that
/// equal the estimate are raised (conservative update), which keeps the excess small.
///
/// Two sketches, one for the running minute and one for the minute before, give the sliding count:
/// all of the former and the part of the latter that is less than a minute ago.
///
/// Memory: 512 KiB. With 10,000 operations, one in 20 shares all its counters with others. Unique
/// names for ever fill the counters, and then nothing is rare any more, rather than everything.
pub(super) struct MinuteCounts {
    current: Vec<u32>,
    previous: Vec<u32>,
    /// The start of the running minute.
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

    /// Moves on to the minute of `now`. Call this before the other methods.
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

    /// The occurrences of a hash in the minute up to `now`.
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

/// The counter of each row, from 14 bits of the hash each.
fn cells(hash: u64) -> [usize; ROWS] {
    std::array::from_fn(|row| row * COLUMNS + (hash >> (row * 14)) as usize % COLUMNS)
}

/// A histogram of durations with buckets that grow with the values, so that its size is constant.
///
/// Each power of two has eight buckets, so that a bucket's bounds are at most 12.5 % apart. All
/// counts are halved from time to time, so that old observations fade. Memory: 2 KiB.
pub(super) struct LogHistogram {
    counts: [u32; BUCKETS],
    total: u32,
}

const BUCKETS_PER_OCTAVE: u32 = 8;
const BUCKETS: usize = 64 * BUCKETS_PER_OCTAVE as usize;
/// The observations after which all counts are halved.
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

    /// The number of observations, those that have faded excepted.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Whether a value is in a bucket above the one with the 99th percentile.
    pub(super) fn is_above_p99(&self, nanos: u64) -> bool {
        // The percentile's bucket is the highest one with more than 1 % of all in it or above it.
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

/// The bucket of a value: its highest bit, and the three bits after that.
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
