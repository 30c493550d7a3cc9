//! Tests with random lists of operations: the sampler agrees with the model, and its counts
//! balance.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tracer_sampling::tail::{Admission, LateDecision, StatusCode};

use crate::model::{Model, Outcome, Rules};
use crate::support::{ERRORS, Span, sampler, summary};

#[derive(Clone, Debug)]
enum Step {
    Add(Span),
    Advance,
    DecideNow(u128),
    Shutdown,
}

/// Generates steps, each with a time that mostly grows and sometimes goes back.
fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let span =
        (1..8_u128, 0..6_usize, any::<bool>(), 0..4_u8).prop_map(|(trace, size, root, status)| {
            Span {
                trace,
                size,
                root,
                status: match status {
                    0 => StatusCode::Error,
                    _ => StatusCode::Unset,
                },
                ..Span::default()
            }
        });
    let step = prop_oneof![
        20 => span.prop_map(Step::Add),
        5 => Just(Step::Advance),
        2 => (1..8_u128).prop_map(Step::DecideNow),
        1 => Just(Step::Shutdown),
    ];
    proptest::collection::vec((-3..10_i64, step), 0..200)
}

fn rules() -> impl Strategy<Value = Rules> {
    let times = (0..40_u64, 0..20_u64, 0..60_u64);
    let bounds = (1..6_usize, 0..12_usize, 0..20_usize, 0..12_usize);
    let caches = (0..4_usize, 0..4_usize);
    (times, bounds, caches, any::<bool>(), any::<bool>()).prop_map(
        |(times, bounds, caches, block, drop_pending)| Rules {
            wait: times.0,
            wait_after_root: times.1,
            decision_age: times.2,
            traces: bounds.0,
            spans: bounds.1,
            bytes: bounds.2,
            trace_bytes: bounds.3,
            sampled_cache: caches.0,
            not_sampled_cache: caches.1,
            block,
            drop_pending,
        },
    )
}

fn settings(rules: &Rules) -> String {
    format!(
        r#""decision_wait": "{}ns", "decision_wait_after_root_received": "{}ns",
            "maximum_decision_age": "{}ns", "num_traces": {}, "maximum_buffered_spans": {},
            "maximum_buffered_bytes": {}, "maximum_trace_size_bytes": {}, "decision_cache":
                {{"sampled_cache_size": {}, "non_sampled_cache_size": {}}},
            "block_on_overflow": {}, "drop_pending_traces_on_shutdown": {}"#,
        rules.wait,
        rules.wait_after_root,
        rules.decision_age,
        rules.traces,
        rules.spans,
        rules.bytes,
        rules.trace_bytes,
        rules.sampled_cache,
        rules.not_sampled_cache,
        rules.block,
        rules.drop_pending,
    )
}

fn outcome(admission: &Admission<Span>) -> Outcome {
    match admission {
        Admission::Full(_) => Outcome::Full,
        Admission::Late { decision, .. } => Outcome::Late {
            sampled: decision.is_sampled(),
            cached: matches!(decision, LateDecision::Cached { .. }),
        },
        Admission::TooLarge => Outcome::TooLarge,
        Admission::Waiting => Outcome::Waiting,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn sampler_agrees_with_the_model(rules in rules(), steps in steps()) {
        let mut sampler = sampler(&settings(&rules), ERRORS);
        let mut model = Model::new(rules);
        let mut time = 0_u64;
        for (elapsed, step) in steps {
            time = time.saturating_add_signed(elapsed);
            let now = Duration::from_nanos(time);
            match step {
                Step::Add(span) => {
                    let found = sampler.add(now, span.clone());
                    prop_assert_eq!(outcome(&found), model.add(time, span));
                }
                Step::Advance => {
                    let found: Vec<_> = sampler.advance(now).map(summary).collect();
                    prop_assert_eq!(found, model.advance(time));
                }
                Step::DecideNow(trace) => {
                    let found = sampler.decide_now(now, trace.into()).map(summary);
                    prop_assert_eq!(found, model.decide_now(time, trace));
                }
                Step::Shutdown => {
                    let found: Vec<_> = sampler.shutdown(now).map(summary).collect();
                    prop_assert_eq!(found, model.shutdown(time));
                }
            }
            let deadline = sampler.next_deadline().map(|at| at.as_nanos() as u64);
            prop_assert_eq!(deadline, model.next_deadline());
            let stats = sampler.stats();
            prop_assert!(stats.balances(), "{:?}", stats);
            prop_assert_eq!((stats.spans_waiting, stats.traces_waiting), model.waiting());
            let spans = [stats.spans_kept, stats.spans_dropped, stats.spans_evicted, stats.spans_received];
            prop_assert_eq!(spans, model.ledger.spans);
            let dropped = stats.traces_dropped + stats.traces_not_sampled;
            let traces = [stats.traces_kept, dropped, stats.traces_evicted, stats.traces_received];
            prop_assert_eq!(traces, model.ledger.traces);
        }
    }
}

/// Each run has a new seed, which is printed when a test fails. Set `TRACER_SEED` to repeat a run.
fn config(cases: u32) -> ProptestConfig {
    let seed: u64 = match std::env::var("TRACER_SEED") {
        Ok(text) => text.parse().expect("TRACER_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), cases),
    };
    eprintln!("TRACER_SEED={seed}");
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Default::default()
    }
}
