//! Tests of the times and the rules of decisions.

use tracer_sampling::tail::{
    BufferedTrace, Decision, DropReason, Policy, PolicyConfig, TailSampler, Verdict,
};

use crate::support::{
    ALWAYS, ERRORS, Span, check_balance, config, decided, error, root, sampler, seconds, span,
    summary,
};

#[test]
fn trace_is_decided_after_the_wait_from_its_first_span() {
    let mut sampler = sampler(r#""decision_wait": "10s""#, ERRORS);
    sampler.add(seconds(1), span(1));
    sampler.add(seconds(5), span(2));
    sampler.add(seconds(10), error(1));
    assert_eq!(sampler.next_deadline(), Some(seconds(11)));
    assert_eq!(decided(&mut sampler, 10), []);
    assert_eq!(decided(&mut sampler, 11), [(1, 2, true)]);
    assert_eq!(sampler.next_deadline(), Some(seconds(15)));
    assert_eq!(decided(&mut sampler, 100), [(2, 1, false)]);
    assert_eq!(sampler.next_deadline(), None);
    check_balance(&sampler);
}

#[test]
fn default_wait_is_thirty_seconds() {
    let mut sampler = sampler("", ALWAYS);
    sampler.add(seconds(0), span(1));
    assert_eq!(decided(&mut sampler, 29), []);
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true)]);
}

#[test]
fn root_brings_the_decision_forward_but_never_back() {
    let settings = r#""decision_wait": "10s", "decision_wait_after_root_received": "2s""#;
    let mut sampler = sampler(settings, ALWAYS);
    sampler.add(seconds(0), span(1));
    sampler.add(seconds(0), span(2));
    sampler.add(seconds(3), root(2));
    sampler.add(seconds(4), root(2));
    sampler.add(seconds(9), root(1));
    assert_eq!(sampler.next_deadline(), Some(seconds(5)));
    assert_eq!(decided(&mut sampler, 5), [(2, 3, true)]);
    assert_eq!(sampler.next_deadline(), Some(seconds(10)));
    assert_eq!(decided(&mut sampler, 10), [(1, 2, true)]);
}

#[test]
fn root_changes_nothing_unless_configured() {
    let mut sampler = sampler("", ALWAYS);
    sampler.add(seconds(0), root(1));
    assert_eq!(sampler.next_deadline(), Some(seconds(30)));
}

#[test]
fn spans_come_back_in_the_order_of_their_arrival() {
    let mut sampler = sampler("", ALWAYS);
    for number in 0..20 {
        sampler.add(seconds(0), Span { number, ..span(1) });
    }
    let trace = sampler.advance(seconds(30)).next().unwrap();
    let numbers = trace.spans.iter().map(|span| span.number);
    assert!(numbers.eq(0..20));
}

/// Returns the decision about a trace of three spans, one of which is an error.
fn decision(settings: &str, policies: &str) -> (Decision, TailSampler<Span>) {
    let mut sampler = sampler(settings, policies);
    for span in [span(1), error(1), span(1)] {
        sampler.add(seconds(0), span);
    }
    let trace = sampler.shutdown(seconds(0)).next().unwrap();
    check_balance(&sampler);
    (trace.decision, sampler)
}

const DROP_ERRORS: &str = r#"{"name": "no-errors", "type": "drop", "drop": {"drop_sub_policy": [
    {"name": "e", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
]}}"#;
const DROP_MANY: &str = r#"{"name": "no-many", "type": "drop", "drop": {"drop_sub_policy": [
    {"name": "m", "type": "span_count", "span_count": {"min_spans": 100}}
]}}"#;
const NEVER: &str =
    r#"{"name": "never", "type": "probabilistic", "probabilistic": {"sampling_percentage": 0}}"#;

#[test]
fn any_drop_wins_then_any_sample() {
    for (policies, expected) in [
        (vec![ERRORS], "errors"),
        (vec![NEVER], "not sampled"),
        (vec![NEVER, ERRORS, ALWAYS], "errors"),
        (vec![ALWAYS, ERRORS], "always"),
        (vec![ALWAYS, DROP_ERRORS], "dropped by no-errors"),
        (vec![DROP_MANY, NEVER, ALWAYS], "always"),
        (vec![DROP_MANY, DROP_ERRORS], "dropped by no-errors"),
        (vec![DROP_MANY], "not sampled"),
    ] {
        let (decision, _) = decision("", &policies.join(","));
        let found = match &decision {
            Decision::Sampled(by) => by.policy.to_string(),
            Decision::Dropped(DropReason::Policy(name)) => format!("dropped by {name}"),
            Decision::NotSampled => "not sampled".to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{policies:?}");
    }
}

#[test]
fn policies_after_the_first_match_are_evaluated_unless_configured_otherwise() {
    let policies = [NEVER, ALWAYS, ERRORS].join(",");
    for (settings, asked) in [("", 3), (r#""sample_on_first_match": true"#, 2)] {
        let (decision, sampler) = decision(settings, &policies);
        assert!(decision.is_sampled());
        let counts = sampler.policy_stats();
        let counts = counts.filter(|stats| stats.sampled + stats.not_sampled == 1);
        assert_eq!(counts.count(), asked, "{settings}");
    }
}

#[test]
fn drop_is_evaluated_first_even_with_sample_on_first_match() {
    let (decision, sampler) = decision(
        r#""sample_on_first_match": true"#,
        &[ALWAYS, DROP_ERRORS].join(","),
    );
    assert!(matches!(decision, Decision::Dropped(DropReason::Policy(_))));
    let stats: Vec<_> = sampler.policy_stats().collect();
    assert_eq!((&*stats[0].name, stats[0].dropped), ("no-errors", 1));
    assert_eq!((&*stats[1].name, stats[1].sampled), ("always", 0));
}

#[test]
fn composite_names_the_policy_inside_of_it() {
    let (decision, _) = decision(
        "",
        r#"{"name": "c", "type": "composite", "composite": {
            "max_total_spans_per_second": 100,
            "composite_sub_policy": [
                {"name": "never", "type": "span_count", "span_count": {"min_spans": 9}},
                {"name": "inner", "type": "always_sample"}
            ]
        }}"#,
    );
    let Decision::Sampled(by) = decision else {
        panic!("{decision:?}");
    };
    assert_eq!(
        (&*by.policy, by.sub_policy.as_deref()),
        ("c", Some("inner"))
    );
}

#[test]
fn one_trace_can_be_decided_at_once() {
    let mut sampler = sampler("", ERRORS);
    sampler.add(seconds(0), error(1));
    sampler.add(seconds(0), error(2));
    let trace = sampler.decide_now(seconds(1), 2.into()).map(summary);
    assert_eq!(trace, Some((2, 1, true)));
    assert_eq!(sampler.decide_now(seconds(1), 2.into()), None);
    assert_eq!(sampler.decide_now(seconds(1), 3.into()), None);
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true)]);
}

#[test]
fn shutdown_decides_or_drops_waiting_traces() {
    for (settings, sampled) in [
        ("", true),
        (r#""drop_pending_traces_on_shutdown": true"#, false),
    ] {
        let mut sampler = sampler(settings, ERRORS);
        sampler.add(seconds(0), error(1));
        sampler.add(seconds(1), error(2));
        let traces: Vec<_> = sampler.shutdown(seconds(2)).collect();
        let decisions = traces.iter().map(|trace| trace.decision.is_sampled());
        assert!(decisions.eq([sampled, sampled]));
        let dropped = Decision::Dropped(DropReason::Shutdown);
        assert_eq!(traces[0].decision == dropped, !sampled);
        assert_eq!(sampler.stats().traces_waiting, 0);
        check_balance(&sampler);
    }
}

#[test]
fn iterator_that_stops_early_leaves_the_rest() {
    let mut sampler = sampler("", ALWAYS);
    for trace in 1..=3 {
        sampler.add(seconds(0), span(trace));
    }
    assert_eq!(
        sampler.advance(seconds(30)).next().map(summary),
        Some((1, 1, true))
    );
    assert_eq!(sampler.stats().traces_waiting, 2);
    assert_eq!(decided(&mut sampler, 30), [(2, 1, true), (3, 1, true)]);
}

/// A policy that panics or fails, depending on its text.
#[derive(Debug)]
struct Faulty(String);

impl Policy<Span> for Faulty {
    fn evaluate(&mut self, _: u64, _: &BufferedTrace<'_, Span>) -> Verdict {
        match self.0.as_str() {
            "panics" => panic!("a policy that panics"),
            _ => Verdict::Failed,
        }
    }
}

#[test]
fn policy_that_fails_has_no_effect_and_is_counted() {
    for id in ["panics", "fails"] {
        for (others, sampled) in [(ALWAYS, true), (NEVER, false), (DROP_MANY, false)] {
            let policies = format!(
                r#"{{"name": "f", "type": "custom", "custom": {{"id": "{id}"}}}}, {others}"#
            );
            let make = |policy: &PolicyConfig| -> Option<Box<dyn Policy<Span>>> {
                assert_eq!(policy.name, "f");
                Some(Box::new(Faulty(id.to_owned())))
            };
            let mut sampler = config("", &policies).build_with(make).unwrap();
            sampler.add(seconds(0), span(1));
            let trace = sampler.shutdown(seconds(0)).next().unwrap();
            assert_eq!(trace.decision.is_sampled(), sampled);
            assert_eq!(sampler.stats().policy_evaluation_errors, 1);
            let failed = sampler.policy_stats().map(|stats| stats.failed);
            assert_eq!(failed.sum::<u64>(), 1);
            check_balance(&sampler);
        }
    }
}

/// `slower_than_p99` must learn from traces that an earlier policy has decided.
#[test]
fn policies_learn_from_traces_that_they_do_not_evaluate() {
    let slow = r#"{"name": "slow", "type": "slower_than_p99"}"#;
    let policies = [DROP_ERRORS, slow].join(",");
    let mut sampler = sampler("", &policies);
    let took = |mut span: Span, nanos: u64| {
        span.root = true;
        span.end = nanos;
        span
    };
    for trace in 1..=200 {
        sampler.add(seconds(0), took(error(trace), 1_000));
        assert!(
            !sampler
                .shutdown(seconds(0))
                .next()
                .unwrap()
                .decision
                .is_sampled()
        );
    }
    sampler.add(seconds(0), took(span(1000), 1_000));
    sampler.add(seconds(0), took(span(1001), 9_000));
    let sampled = sampler.shutdown(seconds(0)).map(summary);
    assert!(sampled.eq([(1000, 1, false), (1001, 1, true)]));
}
