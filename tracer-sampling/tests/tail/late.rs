//! Tests of spans that arrive after the decision about their trace.

use std::time::Duration;

use tracer_sampling::tail::{Admission, LateDecision, TailSampler};

use crate::support::{ERRORS, Span, check_balance, decided, error, sampler, seconds, span};

/// Adds a span. Returns the place and the outcome of the earlier decision, or `None` if the span
/// waits.
fn late(sampler: &mut TailSampler<Span>, at: u64, span: Span) -> Option<(&'static str, bool)> {
    match sampler.add(seconds(at), span) {
        Admission::Late { decision, .. } => Some(match &decision {
            LateDecision::Buffered { .. } => ("buffer", decision.is_sampled()),
            LateDecision::Cached { sampled } => ("cache", *sampled),
            other => panic!("{other:?}"),
        }),
        Admission::Waiting => None,
        other => panic!("{other:?}"),
    }
}

/// Returns a sampler that has sampled trace 1 and not sampled trace 2, at 30 s.
fn after_two_decisions(settings: &str) -> TailSampler<Span> {
    let mut sampler = sampler(settings, ERRORS);
    sampler.add(seconds(0), error(1));
    sampler.add(seconds(0), span(2));
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true), (2, 1, false)]);
    sampler
}

#[test]
fn late_spans_follow_the_decision_in_the_buffer() {
    let mut sampler = after_two_decisions("");
    assert_eq!(late(&mut sampler, 31, span(1)), Some(("buffer", true)));
    assert_eq!(late(&mut sampler, 3100, error(2)), Some(("buffer", false)));
    let stats = sampler.stats();
    assert_eq!((stats.late_kept_spans, stats.late_dropped_spans), (1, 1));
    assert_eq!((stats.spans_kept, stats.spans_dropped), (2, 2));
    assert_eq!((stats.cache_kept_spans, stats.cache_dropped_spans), (0, 0));
    assert_eq!(stats.traces_received, 2);
    check_balance(&sampler);
}

#[test]
fn late_span_is_returned_with_the_decision_and_its_age() {
    let mut sampler = after_two_decisions("");
    let Admission::Late { span, decision } = sampler.add(Duration::from_millis(31_500), span(1))
    else {
        panic!("the trace was decided");
    };
    assert_eq!(span.trace, 1);
    let LateDecision::Buffered { decision, age } = decision else {
        panic!("{decision:?}");
    };
    assert!(decision.is_sampled());
    assert_eq!(age, Duration::from_millis(1500));
}

#[test]
fn span_of_a_forgotten_trace_starts_it_anew() {
    let mut sampler = after_two_decisions(r#""num_traces": 2"#);
    sampler.add(seconds(31), span(3)); // forgets trace 1
    assert_eq!(late(&mut sampler, 31, span(2)), Some(("buffer", false)));
    assert_eq!(late(&mut sampler, 31, span(1)), None); // forgets trace 2
    assert_eq!(late(&mut sampler, 31, error(2)), None); // evicts trace 3
    let stats = sampler.stats();
    assert_eq!((stats.traces_evicted, stats.traces_received), (1, 5));
    assert_eq!(decided(&mut sampler, 61), [(1, 1, false), (2, 1, true)]);
    check_balance(&sampler);
}

#[test]
fn decisions_are_forgotten_at_the_maximum_age() {
    let mut sampler = after_two_decisions(r#""maximum_decision_age": "1m""#);
    assert_eq!(sampler.next_deadline(), Some(seconds(90)));
    assert_eq!(decided(&mut sampler, 89), []);
    assert_eq!(late(&mut sampler, 89, span(1)), Some(("buffer", true)));
    assert_eq!(decided(&mut sampler, 90), []);
    assert_eq!(sampler.stats().traces_in_memory, 0);
    assert_eq!(late(&mut sampler, 90, span(1)), None);
}

#[test]
fn decisions_have_no_maximum_age_by_default() {
    let mut sampler = after_two_decisions("");
    assert_eq!(sampler.next_deadline(), None);
    assert_eq!(decided(&mut sampler, u32::MAX.into()), []);
    assert_eq!(sampler.stats().traces_in_memory, 2);
}

/// The cases are (sizes of the caches, places of the decisions about traces 1 and 2).
#[test]
fn caches_remember_decisions_instead_of_the_buffer() {
    for (sampled, not_sampled, first, second) in [
        (9, 9, "cache", "cache"),
        (9, 0, "cache", "buffer"),
        (0, 9, "buffer", "cache"),
    ] {
        let settings = format!(
            r#""num_traces": 2, "decision_cache":
                {{"sampled_cache_size": {sampled}, "non_sampled_cache_size": {not_sampled}}}"#
        );
        let mut sampler = after_two_decisions(&settings);
        let in_buffer = u64::from(first == "buffer") + u64::from(second == "buffer");
        assert_eq!(sampler.stats().traces_in_memory, in_buffer);
        assert_eq!(late(&mut sampler, 31, span(1)), Some((first, true)));
        assert_eq!(late(&mut sampler, 31, error(2)), Some((second, false)));
        let stats = sampler.stats();
        assert_eq!(stats.cache_kept_spans, u64::from(first == "cache"));
        assert_eq!(stats.cache_dropped_spans, u64::from(second == "cache"));
        check_balance(&sampler);
    }
}

#[test]
fn cache_evicts_the_least_recently_used_trace() {
    let cache = r#""decision_cache": {"sampled_cache_size": 2}"#;
    let mut sampler = sampler(cache, ERRORS);
    for trace in 1..=2 {
        sampler.add(seconds(0), error(trace));
    }
    assert_eq!(decided(&mut sampler, 30).len(), 2);
    assert_eq!(late(&mut sampler, 30, span(1)), Some(("cache", true)));
    sampler.add(seconds(30), error(3));
    assert_eq!(decided(&mut sampler, 60).len(), 1);
    assert_eq!(late(&mut sampler, 60, span(2)), None);
    assert_eq!(late(&mut sampler, 60, span(1)), Some(("cache", true)));
}
