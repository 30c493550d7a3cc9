//! `and`, `not` and `drop`: policies made of other policies.

use crate::tail::decision::{BoxedPolicy, Policy, Verdict};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policies `and` and `drop`: evaluates one policy after the other until one does not sample.
#[derive(Debug)]
pub(super) struct All<S: TailSpan> {
    pub(super) policies: Vec<BoxedPolicy<S>>,
    /// The verdict if all policies sample.
    pub(super) verdict: Verdict,
}

impl<S: TailSpan> Policy<S> for All<S> {
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        for policy in &mut self.policies {
            match policy.evaluate(now_nanos, trace) {
                Verdict::Sampled => {}
                Verdict::Failed => return Verdict::Failed,
                Verdict::Dropped | Verdict::NotSampled => return Verdict::NotSampled,
            }
        }
        self.verdict
    }

    fn observe(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) {
        for policy in &mut self.policies {
            policy.observe(now_nanos, trace);
        }
    }
}

/// The policy `not`.
#[derive(Debug)]
pub(super) struct Not<S: TailSpan> {
    pub(super) policy: BoxedPolicy<S>,
}

impl<S: TailSpan> Policy<S> for Not<S> {
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        match self.policy.evaluate(now_nanos, trace) {
            Verdict::NotSampled => Verdict::Sampled,
            Verdict::Sampled => Verdict::NotSampled,
            other => other,
        }
    }

    fn observe(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) {
        self.policy.observe(now_nanos, trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, ask, error, ok};
    use opentelemetry::trace::TraceId;

    /// A policy that returns a fixed verdict and counts the calls.
    struct Says {
        verdict: Verdict,
        calls: std::sync::Arc<std::sync::atomic::AtomicU32>,
    }

    impl Policy<Span> for Says {
        fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, Span>) -> Verdict {
            assert_eq!(
                trace.trace_id(),
                TraceId::from(crate::tail::policy::testing::TRACE_ID)
            );
            self.calls
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.verdict
        }
        fn observe(&mut self, _: u64, _: &BufferedTrace<'_, Span>) {
            self.calls
                .fetch_add(100, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[track_caller]
    fn check(verdicts: &[Verdict], verdict: Verdict, expected: Verdict, expected_calls: u32) {
        let calls = std::sync::Arc::default();
        let policies = verdicts.iter().map(|verdict| {
            Box::new(Says {
                verdict: *verdict,
                calls: std::sync::Arc::clone(&calls),
            }) as BoxedPolicy<Span>
        });
        let mut all: BoxedPolicy<Span> = Box::new(All {
            policies: policies.collect(),
            verdict,
        });
        assert_eq!(ask(&mut all, 0, &[ok()]), expected, "{verdicts:?}");
        let calls = calls.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(calls % 100, expected_calls);
        assert_eq!(calls / 100, verdicts.len() as u32, "all policies learn");
    }

    use Verdict::{Dropped, Failed, NotSampled, Sampled};

    #[test]
    fn and_samples_if_all_do() {
        check(&[Sampled], Sampled, Sampled, 1);
        check(&[Sampled, Sampled, Sampled], Sampled, Sampled, 3);
        check(&[Sampled, NotSampled, Sampled], Sampled, NotSampled, 2);
        check(&[Sampled, Failed, Sampled], Sampled, Failed, 2);
        check(&[Dropped, Sampled], Sampled, NotSampled, 1);
    }

    #[test]
    fn drop_drops_if_all_sample() {
        check(&[Sampled, Sampled], Dropped, Dropped, 2);
        check(&[Sampled, NotSampled], Dropped, NotSampled, 2);
        check(&[Failed, Sampled], Dropped, Failed, 1);
    }

    #[test]
    fn not_inverts_the_verdict() {
        for (verdict, expected) in [
            (Sampled, NotSampled),
            (NotSampled, Sampled),
            (Failed, Failed),
            (Dropped, Dropped),
        ] {
            let calls: std::sync::Arc<std::sync::atomic::AtomicU32> = std::sync::Arc::default();
            let policy = Box::new(Says {
                verdict,
                calls: std::sync::Arc::clone(&calls),
            });
            let mut not: BoxedPolicy<Span> = Box::new(Not { policy });
            assert_eq!(ask(&mut not, 0, &[ok()]), expected);
            assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 101);
        }
    }

    #[test]
    fn policies_nest_as_configured() {
        let config = r#"{"name": "p", "type": "and", "and": {"and_sub_policy": [
            {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
            {"name": "few", "type": "not", "not": {"not_sub_policy":
                {"name": "many", "type": "span_count", "span_count": {"min_spans": 2}}}}
        ]}}"#;
        use crate::tail::policy::testing::check;
        check(config, &[error()], true);
        check(config, &[error(), ok()], false);
        check(config, &[ok()], false);
    }
}
