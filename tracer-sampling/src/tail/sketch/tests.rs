use super::*;

const SECOND: u64 = 1_000_000_000;

/// Returns a generator of random numbers, SplitMix64 (Steele, Lea, Flood 2014).
fn numbers(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[test]
fn counts_are_never_below_the_truth_and_mostly_exact() {
    let mut next = numbers(1);
    let mut counts = MinuteCounts::new();
    let operations: Vec<(u64, u32)> = (0..2_000).map(|_| (next(), next() as u32 % 20)).collect();
    for round in 0..20 {
        for (hash, times) in &operations {
            if round < *times {
                counts.add(*hash);
            }
        }
    }
    let exact = operations.iter().filter(|(hash, times)| {
        let rate = counts.rate(0, *hash);
        assert!(rate >= f64::from(*times));
        rate == f64::from(*times)
    });
    assert!(exact.count() > 1_980);
}

#[test]
fn counts_slide_over_a_minute() {
    let mut counts = MinuteCounts::new();
    let hash = 0x1234_5678_9abc_def0;
    for _ in 0..60 {
        counts.add(hash);
    }
    for (seconds, expected) in [
        (0, 60.0),
        (59, 60.0),
        (60, 60.0),
        (90, 30.0),
        (105, 15.0),
        (120, 0.0),
    ] {
        counts.advance(seconds * SECOND);
        assert_eq!(counts.rate(seconds * SECOND, hash), expected, "{seconds} s");
    }
}

#[test]
fn counts_are_forgotten_after_a_long_pause() {
    let mut counts = MinuteCounts::new();
    counts.add(7);
    counts.advance(u64::MAX);
    assert_eq!(counts.rate(u64::MAX, 7), 0.0);
}

/// Each bucket spans an eighth of a power of two.
#[test]
fn buckets_are_in_the_order_of_the_values() {
    assert_eq!((bucket(0), bucket(1), bucket(2), bucket(3)), (0, 0, 8, 12));
    assert_eq!(
        (bucket(8), bucket(9), bucket(15), bucket(16)),
        (24, 25, 31, 32)
    );
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    let mut next = numbers(2);
    for _ in 0..10_000 {
        let value = next() >> (1 + next() % 63);
        let larger = value.saturating_add(value / 7 + 1);
        assert!(bucket(value) <= bucket(larger));
        assert!(value < 8 || bucket(value) < bucket(larger), "{value}");
    }
}

/// The expected value is the exact 99th percentile of the sorted values.
#[test]
fn what_is_above_the_p99_is_the_slowest_hundredth() {
    let mut next = numbers(3);
    let mut histogram = LogHistogram::new();
    let mut values: Vec<u64> = (0..5_000).map(|_| 1_000 + next() % 1_000_000).collect();
    values.iter().for_each(|value| histogram.add(*value));
    values.sort_unstable();
    let p99 = values[values.len() * 99 / 100 - 1];
    assert!(!histogram.is_above_p99(p99));
    assert!(!histogram.is_above_p99(values[0]));
    assert!(histogram.is_above_p99(p99 + p99 / 8));
    assert!(histogram.is_above_p99(u64::MAX));
}

#[test]
fn old_observations_fade() {
    let mut histogram = LogHistogram::new();
    (0..FULL).for_each(|_| histogram.add(1_000_000));
    assert!(!histogram.is_above_p99(1_000_000));
    // The operation becomes ten times faster, for long enough that all counts are halved several
    // times.
    (0..3 * FULL).for_each(|_| histogram.add(100_000));
    (0..3 * FULL).for_each(|_| histogram.add(100_000));
    assert!(histogram.total() <= FULL);
    assert!(histogram.is_above_p99(1_000_000));
}

#[test]
fn empty_histogram_has_nothing_below_its_p99() {
    assert!(LogHistogram::new().is_above_p99(0));
}
