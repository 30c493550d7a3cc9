//! Tests of the bounds of the buffer.

use tracer_sampling::tail::{Admission, TailSampler};

use crate::support::{ALWAYS, ERRORS, Span, check_balance, decided, error, sampler, seconds, span};

/// Adds a span of each trace, and checks that all of them wait.
#[track_caller]
fn add_all(sampler: &mut TailSampler<Span>, traces: impl IntoIterator<Item = u128>) {
    for trace in traces {
        assert_eq!(sampler.add(seconds(0), span(trace)), Admission::Waiting);
    }
}

#[test]
fn trace_beyond_the_limit_evicts_the_oldest_waiting_trace() {
    let mut sampler = sampler(r#""num_traces": 3"#, ALWAYS);
    add_all(&mut sampler, [1, 1, 2, 3, 4]);
    let stats = sampler.stats();
    assert_eq!((stats.traces_evicted, stats.spans_evicted), (1, 2));
    assert_eq!((stats.traces_waiting, stats.traces_in_memory), (3, 3));
    let expected = [(2, 1, true), (3, 1, true), (4, 1, true)];
    assert_eq!(decided(&mut sampler, 30), expected);
    check_balance(&sampler);
}

#[test]
fn trace_beyond_the_limit_forgets_a_decision_before_it_evicts() {
    let mut sampler = sampler(r#""num_traces": 2"#, ALWAYS);
    add_all(&mut sampler, [1, 2]);
    sampler.decide_now(seconds(0), 2.into()).unwrap();
    add_all(&mut sampler, [3]);
    assert_eq!(sampler.stats().traces_evicted, 0);
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true), (3, 1, true)]);
}

#[test]
fn span_beyond_the_limit_evicts_the_oldest_waiting_trace() {
    let mut sampler = sampler(r#""maximum_buffered_spans": 4"#, ALWAYS);
    add_all(&mut sampler, [1, 2, 2, 2, 3]);
    assert_eq!(sampler.stats().traces_evicted, 1);
    assert_eq!(sampler.stats().spans_waiting, 4);
    assert_eq!(decided(&mut sampler, 30), [(2, 3, true), (3, 1, true)]);
    check_balance(&sampler);
}

#[test]
fn bytes_beyond_the_limit_evict_as_many_traces_as_needed() {
    let mut sampler = sampler(r#""maximum_buffered_bytes": 40"#, ALWAYS);
    add_all(&mut sampler, [1, 2, 3, 4]);
    let large = Span {
        size: 25,
        ..span(5)
    };
    assert_eq!(sampler.add(seconds(0), large), Admission::Waiting);
    let stats = sampler.stats();
    assert_eq!((stats.traces_evicted, stats.bytes_waiting), (3, 35));
    assert_eq!(decided(&mut sampler, 30), [(4, 1, true), (5, 1, true)]);
    check_balance(&sampler);
}

#[test]
fn span_larger_than_the_buffer_is_dropped_alone() {
    let mut sampler = sampler(r#""maximum_buffered_bytes": 40"#, ALWAYS);
    add_all(&mut sampler, [1]);
    let large = |trace| Span {
        size: 41,
        ..span(trace)
    };
    assert_eq!(sampler.add(seconds(0), large(1)), Admission::TooLarge);
    assert_eq!(sampler.add(seconds(0), large(2)), Admission::TooLarge);
    let stats = sampler.stats();
    assert_eq!((stats.spans_evicted, stats.traces_evicted), (2, 0));
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true)]);
    check_balance(&sampler);
}

#[test]
fn trace_that_becomes_too_large_evicts_no_other() {
    let settings = r#""maximum_buffered_bytes": 40, "maximum_trace_size_bytes": 20"#;
    let mut sampler = sampler(settings, ALWAYS);
    add_all(&mut sampler, [1, 2, 3]);
    let large = Span {
        size: 25,
        ..span(4)
    };
    assert_eq!(sampler.add(seconds(0), large), Admission::TooLarge);
    assert_eq!(sampler.stats().traces_evicted, 0);
    assert_eq!(sampler.stats().traces_waiting, 3);
    check_balance(&sampler);
}

#[test]
fn bounds_of_zero_are_unlimited() {
    let settings = r#""maximum_buffered_spans": 0, "maximum_buffered_bytes": 0"#;
    let mut sampler = sampler(settings, ALWAYS);
    for _ in 0..10 {
        let large = Span {
            size: usize::MAX,
            ..span(1)
        };
        assert_eq!(sampler.add(seconds(0), large), Admission::Waiting);
    }
    assert_eq!(sampler.stats().bytes_waiting, 10 * u64::from(u32::MAX));
    assert_eq!(decided(&mut sampler, 30), [(1, 10, true)]);
    assert_eq!(sampler.stats().bytes_waiting, 0);
}

#[test]
fn trace_that_gets_too_large_is_dropped_with_its_later_spans() {
    let mut sampler = sampler(r#""maximum_trace_size_bytes": 25"#, ERRORS);
    add_all(&mut sampler, [1, 1, 2]);
    assert_eq!(sampler.add(seconds(0), error(1)), Admission::TooLarge);
    let Admission::Late { decision, .. } = sampler.add(seconds(1), error(1)) else {
        panic!("the trace was dropped");
    };
    assert!(!decision.is_sampled());
    let stats = sampler.stats();
    assert_eq!((stats.traces_too_large, stats.traces_dropped), (1, 1));
    assert_eq!((stats.spans_dropped, stats.spans_waiting), (4, 1));
    assert_eq!(decided(&mut sampler, 30), [(2, 1, false)]);
    check_balance(&sampler);
}

#[test]
fn trace_may_have_exactly_its_largest_size() {
    let mut sampler = sampler(r#""maximum_trace_size_bytes": 20"#, ALWAYS);
    add_all(&mut sampler, [1, 1]);
    assert_eq!(decided(&mut sampler, 30), [(1, 2, true)]);
}

/// The cases are (bound, traces of the spans that reach it).
#[test]
fn full_buffer_returns_the_span_with_block_on_overflow() {
    for (bound, traces) in [
        (r#""num_traces": 2"#, vec![1, 1, 1, 2]),
        (r#""maximum_buffered_spans": 3"#, vec![1, 1, 2]),
        (r#""maximum_buffered_bytes": 39"#, vec![1, 1, 2]),
    ] {
        let mut sampler = sampler(&format!(r#"{bound}, "block_on_overflow": true"#), ALWAYS);
        add_all(&mut sampler, traces);
        let before = sampler.stats();
        assert_eq!(sampler.add(seconds(0), span(3)), Admission::Full(span(3)));
        assert_eq!(sampler.stats(), before);
        // A decision makes room.
        assert_eq!(decided(&mut sampler, 30).len(), 2);
        assert_eq!(sampler.add(seconds(30), span(3)), Admission::Waiting);
        check_balance(&sampler);
    }
}

#[test]
fn evicted_trace_starts_anew() {
    let mut sampler = sampler(r#""maximum_buffered_spans": 3"#, ALWAYS);
    add_all(&mut sampler, [1, 1, 1, 1]);
    let stats = sampler.stats();
    assert_eq!((stats.traces_evicted, stats.spans_evicted), (1, 3));
    assert_eq!(decided(&mut sampler, 30), [(1, 1, true)]);
    check_balance(&sampler);
}
