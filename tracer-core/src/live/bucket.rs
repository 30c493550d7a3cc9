//! The buckets of ended spans, by latency or failure.

use std::time::Duration;

use crate::record::SpanRecord;

/// A bucket of ended spans: one of nine ranges of latency, or failed spans. A range begins at its
/// name and ends before the next one.
///
/// Source: the boundaries of OpenCensus' and the OpenTelemetry Collector's `tracez`. As there, a
/// span with an error status is counted as failed only, whatever its latency. The list is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Less than 10 us.
    From0,
    /// 10 to 100 us.
    From10us,
    /// 100 us to 1 ms.
    From100us,
    /// 1 to 10 ms.
    From1ms,
    /// 10 to 100 ms.
    From10ms,
    /// 100 ms to 1 s.
    From100ms,
    /// 1 to 10 s.
    From1s,
    /// 10 to 100 s.
    From10s,
    /// 100 s and more.
    From100s,
    /// Ended with an error status.
    Failed,
}

impl Bucket {
    /// All buckets, by rising latency, failed spans last.
    pub const ALL: [Self; 10] = [
        Self::From0,
        Self::From10us,
        Self::From100us,
        Self::From1ms,
        Self::From10ms,
        Self::From100ms,
        Self::From1s,
        Self::From10s,
        Self::From100s,
        Self::Failed,
    ];

    /// Returns the bucket of a span without an error.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use tracer_core::live::Bucket;
    ///
    /// assert_eq!(Bucket::of_latency(Duration::from_micros(9)), Bucket::From0);
    /// assert_eq!(Bucket::of_latency(Duration::from_millis(250)), Bucket::From100ms);
    /// ```
    pub fn of_latency(latency: Duration) -> Self {
        match latency.as_micros() {
            0..10 => Self::From0,
            10..100 => Self::From10us,
            100..1_000 => Self::From100us,
            1_000..10_000 => Self::From1ms,
            10_000..100_000 => Self::From10ms,
            100_000..1_000_000 => Self::From100ms,
            1_000_000..10_000_000 => Self::From1s,
            10_000_000..100_000_000 => Self::From10s,
            100_000_000.. => Self::From100s,
        }
    }

    pub(super) fn of(record: &SpanRecord<'_>) -> Self {
        // 2: an error, as OTLP numbers it.
        if record.otlp_status_code() == 2 {
            return Self::Failed;
        }
        Self::of_latency(latency(record))
    }
}

/// Returns the time from the start of an ended span to its end.
pub(super) fn latency(record: &SpanRecord<'_>) -> Duration {
    let nanos = record
        .end_unix_nanos()
        .saturating_sub(record.start_unix_nanos());
    Duration::from_nanos(nanos)
}

/// The numbers of ended spans by bucket, in the order of [`Bucket::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) [u64; Bucket::ALL.len()]);

#[cfg(test)]
mod tests {
    use super::*;

    // The boundaries of `tracez`: https://opencensus.io/zpages, "LatencyBucketBoundaries".
    #[test]
    fn each_boundary_belongs_to_the_bucket_that_begins_there() {
        let boundaries = [
            10_000,
            100_000,
            1_000_000,
            10_000_000,
            100_000_000,
            1_000_000_000,
            10_000_000_000,
            100_000_000_000,
        ];
        for (at, nanos) in boundaries.into_iter().enumerate() {
            let below = Bucket::of_latency(Duration::from_nanos(nanos - 1));
            assert_eq!(Some(&below), Bucket::ALL.get(at));
            let at_boundary = Bucket::of_latency(Duration::from_nanos(nanos));
            assert_eq!(Some(&at_boundary), Bucket::ALL.get(at + 1));
        }
        assert_eq!(Bucket::of_latency(Duration::ZERO), Bucket::From0);
        assert_eq!(Bucket::of_latency(Duration::MAX), Bucket::From100s);
    }

    #[test]
    fn positions_in_the_list_are_the_discriminants() {
        for (at, bucket) in Bucket::ALL.into_iter().enumerate() {
            assert_eq!(bucket as usize, at);
        }
    }
}
