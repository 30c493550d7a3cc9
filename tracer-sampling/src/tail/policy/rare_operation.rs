//! `rare_operation`: samples traces with an operation that seldom occurs.

use std::collections::HashSet;

use crate::tail::decision::{Policy, Verdict};
use crate::tail::sketch::{MinuteCounts, operation_hash};
use crate::tail::span::TailSpan;
use crate::tail::trace::BufferedTrace;

/// The policy `rare_operation`: samples a trace if one of its operations was in fewer traces in the
/// last minute than a limit.
///
/// An operation is a service and a span name. The first traces of each operation are therefore
/// sampled, up to the limit in a minute.
#[derive(Debug)]
pub(super) struct RareOperation {
    traces_per_minute: f64,
    seed: u64,
    counts: MinuteCounts,
    /// The operations of the trace that is counted now or was counted last.
    counted: HashSet<u64>,
}

/// The most operations of one trace that are counted once each. Any further operation is counted
/// once for each span.
const MAX_COUNTED: usize = 1024;

impl RareOperation {
    pub(super) fn new(traces_per_minute: u32, seed: u64) -> Self {
        Self {
            traces_per_minute: f64::from(traces_per_minute),
            seed,
            counts: MinuteCounts::new(),
            counted: HashSet::new(),
        }
    }
}

impl<S: TailSpan> Policy<S> for RareOperation {
    fn evaluate(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        self.counts.advance(now_nanos);
        let rare = trace.spans().iter().any(|span| {
            let hash = operation_hash(self.seed, span);
            self.counts.rate(now_nanos, hash) < self.traces_per_minute
        });
        Verdict::sampled_if(rare)
    }

    fn observe(&mut self, now_nanos: u64, trace: &BufferedTrace<'_, S>) {
        self.counts.advance(now_nanos);
        self.counted.clear();
        for span in trace.spans() {
            let hash = operation_hash(self.seed, span);
            if self.counted.len() >= MAX_COUNTED || self.counted.insert(hash) {
                self.counts.add(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, ask, policy};

    const SECOND: u64 = 1_000_000_000;
    const THREE: &str = r#"{"name": "p", "type": "rare_operation",
        "rare_operation": {"traces_per_minute": 3}}"#;

    #[test]
    fn operation_is_sampled_while_it_is_rare() {
        let mut policy = policy(THREE);
        let often = [Span::operation("shop", "GET /")];
        let verdicts: Vec<_> = (0..5).map(|_| ask(&mut policy, 0, &often)).collect();
        use Verdict::{NotSampled, Sampled};
        assert_eq!(
            verdicts,
            [Sampled, Sampled, Sampled, NotSampled, NotSampled]
        );
        // Another operation, and the same name in another service, are still rare.
        for (service, name) in [("shop", "POST /"), ("cart", "GET /"), ("sho", "pGET /")] {
            let rare = [often[0].clone(), Span::operation(service, name)];
            assert_eq!(
                ask(&mut policy, 0, &rare),
                Verdict::Sampled,
                "{service} {name}"
            );
        }
        // After two quiet minutes the operation is rare again.
        assert_eq!(ask(&mut policy, 59 * SECOND, &often), Verdict::NotSampled);
        assert_eq!(ask(&mut policy, 180 * SECOND, &often), Verdict::Sampled);
    }

    #[test]
    fn trace_counts_once_for_each_of_its_operations() {
        let mut policy = policy(THREE);
        let trace = vec![Span::operation("shop", "SELECT"); 5000];
        let verdicts: Vec<_> = (0..4).map(|_| ask(&mut policy, 0, &trace)).collect();
        use Verdict::{NotSampled, Sampled};
        assert_eq!(verdicts, [Sampled, Sampled, Sampled, NotSampled]);
    }

    #[test]
    fn seed_decides_which_operations_share_counters() {
        let span = Span::operation("shop", "GET /");
        assert_ne!(operation_hash(0, &span), operation_hash(1, &span));
        let of = |seed| RareOperation::new(3, seed).seed;
        assert_eq!((of(0), of(1)), (0, 1));
    }

    #[test]
    fn default_is_ten_traces_a_minute() {
        let mut policy = policy(r#"{"name": "p", "type": "rare_operation"}"#);
        let trace = [Span::operation("shop", "GET /")];
        let verdicts = (0..100).map(|_| ask(&mut policy, 0, &trace));
        let sampled = verdicts.filter(|verdict| *verdict == Verdict::Sampled);
        assert_eq!(sampled.count(), 10);
    }

    /// Unique names must not keep every trace rare for ever, and must not make the sketch grow.
    #[test]
    fn unique_names_stop_being_rare() {
        let mut policy = policy(THREE);
        let mut sampled = 0;
        for number in 0..300_000 {
            let trace = [Span::operation("shop", &number.to_string())];
            let verdict = ask(&mut policy, 0, &trace);
            sampled += u32::from(number >= 250_000 && verdict == Verdict::Sampled);
        }
        // About one name in a thousand has a counter that few other names share.
        assert!(sampled < 50, "{sampled}");
    }
}
