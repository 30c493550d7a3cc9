//! Token buckets for spans and bytes.

use crate::tail::decision::{Policy, Verdict};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policies `rate_limiting` and `bytes_limiting`.
///
/// The bucket starts full. A trace takes as many tokens as it has spans or bytes. If there are too
/// few tokens, it takes none, so that a smaller trace may pass after it. A trace that is larger
/// than the bucket never passes.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) bucket: TokenBucket,
    pub(super) unit: Unit,
}

/// The unit that a token represents.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Byte,
    Span,
}

impl<S: TailSpan> Policy<S> for Limit {
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let tokens = match self.unit {
            Unit::Byte => trace.size_bytes(),
            Unit::Span => trace.spans().len() as u64,
        };
        Verdict::sampled_if(self.bucket.take(now_nanos, tokens))
    }
}

/// A bucket that fills at a constant rate, exact to a billionth of a token.
#[derive(Debug)]
pub(super) struct TokenBucket {
    per_second: u64,
    /// In billionths of a token, because one token a second is a billionth of a token a nanosecond.
    capacity: u128,
    content: u128,
    filled_nanos: u64,
}

const TOKEN: u128 = 1_000_000_000;

impl TokenBucket {
    /// Creates a full bucket. A capacity of 0 means twice the rate.
    pub(super) fn new(per_second: u64, capacity: u64) -> Self {
        let capacity = match capacity {
            0 => u128::from(per_second) * 2,
            tokens => u128::from(tokens),
        };
        Self {
            per_second,
            capacity: capacity * TOKEN,
            content: capacity * TOKEN,
            filled_nanos: 0,
        }
    }

    fn take(&mut self, now_nanos: u64, tokens: u64) -> bool {
        let elapsed = now_nanos.saturating_sub(self.filled_nanos);
        let added = u128::from(elapsed) * u128::from(self.per_second);
        self.content = self.content.saturating_add(added).min(self.capacity);
        self.filled_nanos = now_nanos;
        let left = self.content.checked_sub(u128::from(tokens) * TOKEN);
        self.content = left.unwrap_or(self.content);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, ask, policy};

    const SECOND: u64 = 1_000_000_000;

    fn takes(bucket: &mut TokenBucket, steps: &[(u64, u64, bool)]) {
        for (now, tokens, expected) in steps {
            assert_eq!(bucket.take(*now, *tokens), *expected, "{tokens} at {now}");
        }
    }

    /// The cases are those of the Collector, with a trace of 100 bytes.
    #[test]
    fn bucket_holds_its_capacity() {
        takes(&mut TokenBucket::new(50, 200), &[(0, 100, true)]);
        takes(&mut TokenBucket::new(50, 100), &[(0, 100, true)]);
        takes(&mut TokenBucket::new(100, 99), &[(0, 100, false)]);
        takes(
            &mut TokenBucket::new(100, 300),
            &[(0, 100, true), (0, 100, true)],
        );
        takes(
            &mut TokenBucket::new(50, 101),
            &[(0, 100, true), (0, 100, false)],
        );
        // The default capacity is twice the rate.
        let steps = [(0, 100, true), (0, 100, true), (0, 100, false)];
        takes(&mut TokenBucket::new(100, 0), &steps);
    }

    #[test]
    fn bucket_fills_at_its_rate_and_not_above_its_capacity() {
        let steps = [
            (0, 100, true),
            (0, 100, false),
            (SECOND / 2 - 1, 100, false),
            (SECOND / 2, 100, true),
            (100 * SECOND, 101, false),
            (100 * SECOND, 1, true),
            (100 * SECOND, 100, false),
            (100 * SECOND, 99, true),
        ];
        takes(&mut TokenBucket::new(200, 100), &steps);
    }

    #[test]
    fn rate_is_exact_over_a_minute() {
        let mut bucket = TokenBucket::new(10, 10);
        let taken = (0..60 * 200).filter(|step| bucket.take(step * SECOND / 200, 1));
        // The content of the full bucket, and ten for each second up to the last call.
        assert_eq!(taken.count(), 10 + 599);
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let mut bucket = TokenBucket::new(u64::MAX, u64::MAX);
        let steps = [
            (0, u64::MAX, true),
            (u64::MAX, u64::MAX, true),
            (0, u64::MAX, false),
        ];
        takes(&mut bucket, &steps);
    }

    #[test]
    fn limits_count_spans_and_bytes() {
        let mut spans = policy(
            r#"{"name": "p", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 3}}"#,
        );
        let mut burst = policy(
            r#"{"name": "p", "type": "rate_limiting",
                "rate_limiting": {"spans_per_second": 100, "burst_capacity": 4}}"#,
        );
        assert_eq!(
            ask(&mut burst, 0, &vec![Span::default(); 5]),
            Verdict::NotSampled
        );
        let mut bytes = policy(
            r#"{"name": "p", "type": "bytes_limiting",
                "bytes_limiting": {"bytes_per_second": 100, "burst_capacity": 500}}"#,
        );
        let trace = vec![
            Span {
                size: 100,
                ..Span::default()
            };
            5
        ];
        assert_eq!(ask(&mut spans, 0, &trace), Verdict::Sampled);
        assert_eq!(ask(&mut spans, 0, &trace), Verdict::NotSampled);
        assert_eq!(ask(&mut spans, 0, &trace[..1]), Verdict::Sampled);
        assert_eq!(ask(&mut bytes, 0, &trace), Verdict::Sampled);
        assert_eq!(ask(&mut bytes, SECOND, &trace), Verdict::NotSampled);
        assert_eq!(ask(&mut bytes, SECOND, &trace[..1]), Verdict::Sampled);
    }
}
