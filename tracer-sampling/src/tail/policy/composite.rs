//! `composite`: divides a rate of spans among policies.

use std::sync::Arc;

use crate::tail::decision::{BoxedPolicy, Policy, Verdict};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policy `composite`: evaluates policies in order. The first one that samples decides, if its
/// share has room.
///
/// A share is a number of spans in each whole second, as in the Collector. A trace that does not
/// fit into the share is not sampled, and the later policies are not evaluated. Unlike in the
/// Collector, the total bounds all policies together.
#[derive(Debug)]
pub(super) struct Composite<S: TailSpan> {
    shares: Vec<Share<S>>,
    total: u64,
    second: u64,
    sampled: u64,
    /// The name of the policy that sampled last.
    sampled_by: Option<Arc<str>>,
}

/// A policy and its share.
#[derive(Debug)]
pub(super) struct Share<S: TailSpan> {
    pub(super) name: Arc<str>,
    pub(super) policy: BoxedPolicy<S>,
    pub(super) spans_per_second: u64,
    /// The spans sampled in the current second.
    pub(super) sampled: u64,
}

impl<S: TailSpan> Composite<S> {
    pub(super) fn new(shares: Vec<Share<S>>, max_total_spans_per_second: u64) -> Self {
        Self {
            shares,
            total: max_total_spans_per_second,
            second: 0,
            sampled: 0,
            sampled_by: None,
        }
    }

    fn start_second(&mut self, second: u64) {
        if second != self.second {
            self.second = second;
            self.sampled = 0;
            for share in &mut self.shares {
                share.sampled = 0;
            }
        }
    }
}

impl<S: TailSpan> Policy<S> for Composite<S> {
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        self.start_second(now_nanos / 1_000_000_000);
        self.sampled_by = None;
        let spans = trace.spans().len() as u64;
        for share in &mut self.shares {
            match share.policy.evaluate(now_nanos, trace) {
                Verdict::Sampled => {
                    let of_share = share.sampled.saturating_add(spans);
                    let of_all = self.sampled.saturating_add(spans);
                    if of_share > share.spans_per_second || of_all > self.total {
                        return Verdict::NotSampled;
                    }
                    share.sampled = of_share;
                    self.sampled = of_all;
                    self.sampled_by = Some(Arc::clone(&share.name));
                    return Verdict::Sampled;
                }
                Verdict::Failed => return Verdict::Failed,
                Verdict::Dropped | Verdict::NotSampled => {}
            }
        }
        Verdict::NotSampled
    }

    fn observe(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) {
        for share in &mut self.shares {
            share.policy.observe(now_nanos, trace);
        }
    }

    fn sub_policy(&self) -> Option<&Arc<str>> {
        self.sampled_by.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, ask, error, ok, policy};

    const SECOND: u64 = 1_000_000_000;

    /// Creates a composite of two policies: `errors`, and `others`, which samples everything.
    fn composite(total: u64, order: &str, allocation: &str) -> BoxedPolicy<Span> {
        policy(&format!(
            r#"{{"name": "p", "type": "composite", "composite": {{
                "max_total_spans_per_second": {total},
                "policy_order": [{order}],
                "composite_sub_policy": [
                    {{"name": "errors", "type": "status_code",
                        "status_code": {{"status_codes": ["ERROR"]}}}},
                    {{"name": "others", "type": "always_sample"}}
                ],
                "rate_allocation": [{allocation}]
            }}}}"#
        ))
    }

    /// Returns how many of 1000 traces of one span are sampled at one time.
    fn sampled(policy: &mut BoxedPolicy<Span>, now: u64, span: Span) -> usize {
        let trace = [span];
        let verdicts = (0..1000).map(|_| ask(policy, now, &trace));
        verdicts
            .filter(|verdict| *verdict == Verdict::Sampled)
            .count()
    }

    #[test]
    fn each_policy_has_its_share_of_each_second() {
        let half = r#"{"policy": "errors", "percent": 50}"#;
        let mut policy = composite(100, "", half);
        for second in 0..3 {
            let now = second * SECOND;
            assert_eq!(sampled(&mut policy, now, error()), 50);
            assert_eq!(sampled(&mut policy, now + SECOND / 2, ok()), 50);
            assert_eq!(sampled(&mut policy, now + SECOND - 1, error()), 0);
        }
    }

    /// The cases are (allocation, spans for errors, spans for others).
    #[test]
    fn shares_follow_the_allocation() {
        for (allocation, errors, others) in [
            ("", 50, 50),
            (r#"{"policy": "errors", "percent": 25}"#, 25, 75),
            // As in the Collector, 0 means the total divided by the number of policies.
            (
                r#"{"policy": "errors", "percent": 25}, {"policy": "others", "percent": 0}"#,
                25,
                50,
            ),
            (r#"{"policy": "errors", "percent": 100}"#, 100, 0),
            (r#"{"policy": "others", "percent": 30}"#, 70, 30),
        ] {
            let mut policy = composite(100, "", allocation);
            assert_eq!(sampled(&mut policy, 0, error()), errors, "{allocation}");
            assert_eq!(sampled(&mut policy, SECOND, ok()), others, "{allocation}");
        }
    }

    #[test]
    fn total_bounds_all_policies_together() {
        let all = r#"{"policy": "errors", "percent": 100}, {"policy": "others", "percent": 100}"#;
        let mut policy = composite(100, "", all);
        let trace = vec![error(); 60];
        assert_eq!(ask(&mut policy, 0, &trace), Verdict::Sampled);
        assert_eq!(sampled(&mut policy, 0, ok()), 40);
    }

    #[test]
    fn order_decides_whose_share_is_used() {
        let errors_first = composite(100, r#""errors", "others""#, "");
        let others_first = composite(100, r#""others""#, "");
        for (mut policy, expected) in [(errors_first, "errors"), (others_first, "others")] {
            assert_eq!(ask(&mut policy, 0, &[error()]), Verdict::Sampled);
            assert_eq!(policy.sub_policy().map(|name| &**name), Some(expected));
        }
    }

    #[test]
    fn full_share_is_left_to_smaller_traces_and_not_passed_on() {
        let mut policy = composite(100, "", "");
        assert_eq!(ask(&mut policy, 0, &vec![error(); 51]), Verdict::NotSampled);
        assert_eq!(policy.sub_policy(), None);
        assert_eq!(ask(&mut policy, 0, &vec![error(); 50]), Verdict::Sampled);
        assert_eq!(ask(&mut policy, 0, &[ok()]), Verdict::Sampled);
    }
}
