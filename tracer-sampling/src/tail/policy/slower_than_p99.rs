//! `slower_than_p99`: samples the slowest hundredth of each operation.

use crate::tail::decision::{Policy, Verdict};
use crate::tail::lru::LruMap;
use crate::tail::sketch::{LogHistogram, operation_hash};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policy `slower_than_p99`: samples a trace if its root took longer than 99 % of the roots
/// with the same service and name.
///
/// A trace without a root is judged by its earliest span. Each operation has a histogram with
/// buckets that are up to 12.5 % wide. A duration is longer if its bucket is above the bucket of
/// the percentile, so at most a hundredth of steady traffic is sampled.
#[derive(Debug)]
pub(super) struct SlowerThanP99 {
    min_observations: u32,
    seed: u64,
    operations: LruMap<u64, Box<LogHistogram>>,
}

impl SlowerThanP99 {
    pub(super) fn new(min_observations: u32, max_operations: usize, seed: u64) -> Self {
        Self {
            min_observations,
            seed,
            operations: LruMap::new(max_operations),
        }
    }

    /// Returns the operation of a trace, and the duration of the root in nanoseconds.
    fn operation<S: TailSpan>(&self, trace: &BufferedTrace<'_, S>) -> Option<(u64, u64)> {
        let root = trace.root()?;
        let nanos = root
            .end_unix_nanos()
            .saturating_sub(root.start_unix_nanos());
        Some((operation_hash(self.seed, root), nanos))
    }
}

impl<S: TailSpan> Policy<S> for SlowerThanP99 {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let Some((hash, nanos)) = self.operation(trace) else {
            return Verdict::NotSampled;
        };
        let slower = self.operations.get(&hash).is_some_and(|histogram| {
            histogram.total() >= self.min_observations && histogram.is_above_p99(nanos)
        });
        Verdict::sampled_if(slower)
    }

    fn observe(&mut self, _: u64, trace: &BufferedTrace<'_, S>) {
        let Some((hash, nanos)) = self.operation(trace) else {
            return;
        };
        if let Some(histogram) = self.operations.get(&hash) {
            histogram.add(nanos);
            return;
        }
        let mut histogram = Box::new(LogHistogram::new());
        histogram.add(nanos);
        self.operations.insert(hash, histogram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::decision::BoxedPolicy;
    use crate::tail::policy::testing::{Span, ask, policy};
    use Verdict::{NotSampled, Sampled};

    fn took(policy: &mut BoxedPolicy<Span>, name: &str, millis: u64) -> Verdict {
        let root = Span::operation("shop", name).millis(1000, 1000 + millis);
        let child = Span::service("shop").millis(0, 100_000);
        ask(policy, 0, &[child, root])
    }

    #[test]
    fn only_traces_slower_than_their_own_operation_are_sampled() {
        let mut policy = policy(r#"{"name": "p", "type": "slower_than_p99"}"#);
        for round in 0..500 {
            let (fast, slow) = (10 + round % 5, 1000 + round % 5);
            assert_eq!(took(&mut policy, "fast", fast), NotSampled);
            assert_eq!(took(&mut policy, "slow", slow), NotSampled);
        }
        assert_eq!(took(&mut policy, "fast", 50), Sampled);
        assert_eq!(took(&mut policy, "slow", 50), NotSampled);
        assert_eq!(took(&mut policy, "slow", 5000), Sampled);
        assert_eq!(took(&mut policy, "new", 50_000), NotSampled);
    }

    #[test]
    fn operation_needs_enough_observations() {
        for (minimum, expected) in [(20, NotSampled), (19, Sampled), (1, Sampled)] {
            let config = format!(
                r#"{{"name": "p", "type": "slower_than_p99",
                    "slower_than_p99": {{"min_observations": {minimum}}}}}"#
            );
            let mut policy = policy(&config);
            (0..19).for_each(|_| {
                took(&mut policy, "op", 10);
            });
            assert_eq!(took(&mut policy, "op", 500), expected, "{minimum}");
        }
    }

    #[test]
    fn operation_beyond_the_limit_evicts_the_least_recently_used() {
        let config = r#"{"name": "p", "type": "slower_than_p99",
            "slower_than_p99": {"min_observations": 1, "max_operations": 2}}"#;
        let mut policy = policy(config);
        for name in ["a", "b", "a", "c"] {
            took(&mut policy, name, 10);
        }
        assert_eq!(took(&mut policy, "b", 500), NotSampled);
        assert_eq!(took(&mut policy, "c", 500), Sampled);
    }

    #[test]
    fn trace_without_a_root_is_judged_by_its_earliest_span() {
        let config = r#"{"name": "p", "type": "slower_than_p99",
            "slower_than_p99": {"min_observations": 1}}"#;
        let mut policy = policy(config);
        let early = |millis: u64| Span::service("shop").millis(5, 5 + millis);
        let late = Span::service("cart").millis(6, 100_000);
        assert_eq!(ask(&mut policy, 0, &[late.clone(), early(10)]), NotSampled);
        assert_eq!(ask(&mut policy, 0, &[late.clone(), early(10)]), NotSampled);
        assert_eq!(ask(&mut policy, 0, &[late, early(500)]), Sampled);
    }

    #[test]
    fn end_before_the_start_is_no_duration() {
        let mut policy = policy(r#"{"name": "p", "type": "slower_than_p99"}"#);
        for _ in 0..200 {
            let root = Span::operation("shop", "op").millis(9, 1);
            assert_eq!(ask(&mut policy, 0, &[root]), NotSampled);
        }
        assert_eq!(took(&mut policy, "op", 1), Sampled);
    }
}
