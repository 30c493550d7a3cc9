//! Tests with input from a hostile or broken sender. Nothing panics, and memory stays bounded.

use std::time::Duration;

use tracer_sampling::tail::{Admission, StatusCode, TailSampler, TailSpan};

use crate::support::{
    ALWAYS, ERRORS, Span, Value, check_balance, config, error, sampler, seconds, span,
};

/// One policy of each type that reads spans.
const ALL: &str = r#"
    {"name": "1", "type": "latency", "latency": {"threshold_ms": 1, "upper_threshold_ms": 2}},
    {"name": "2", "type": "numeric_attribute",
        "numeric_attribute": {"key": "k", "min_value": -9223372036854775808}},
    {"name": "3", "type": "string_attribute", "string_attribute":
        {"key": "k", "values": ["(a+)+$", "é"], "enabled_regex_matching": true}},
    {"name": "4", "type": "boolean_attribute", "boolean_attribute": {"key": "k"}},
    {"name": "5", "type": "trace_state", "trace_state": {"key": "k", "values": ["v"]}},
    {"name": "6", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1}},
    {"name": "7", "type": "bytes_limiting",
        "bytes_limiting": {"bytes_per_second": 18446744073709551615}},
    {"name": "8", "type": "rare_operation"},
    {"name": "9", "type": "slower_than_p99", "slower_than_p99": {"min_observations": 1}},
    {"name": "10", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1e-300}},
    {"name": "11", "type": "critical_service", "critical_service": {"services": ["s"]}}"#;

#[test]
fn endless_spans_of_one_trace_stay_within_the_bound() {
    let mut sampler = sampler(r#""maximum_buffered_spans": 1000"#, ERRORS);
    for _ in 0..100_000 {
        assert_eq!(sampler.add(seconds(0), span(1)), Admission::Waiting);
        assert!(sampler.stats().spans_waiting <= 1000);
    }
    check_balance(&sampler);
}

#[test]
fn endless_unique_ids_stay_within_the_bounds() {
    let settings = r#""num_traces": 100, "decision_wait": "1s", "decision_cache":
        {"sampled_cache_size": 50, "non_sampled_cache_size": 50}"#;
    let mut sampler = sampler(settings, ERRORS);
    for id in 1..100_000_u128 {
        let span = if id % 2 == 0 { span(id) } else { error(id) };
        sampler.add(Duration::from_millis(id as u64), span);
        sampler
            .advance(Duration::from_millis(id as u64))
            .for_each(drop);
        assert!(sampler.stats().traces_in_memory <= 100);
    }
    assert!(sampler.stats().traces_evicted > 0);
    check_balance(&sampler);
}

#[test]
fn extreme_values_do_not_panic() {
    let times = [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let values = [
        Value::Double(f64::NAN),
        Value::Double(f64::NEG_INFINITY),
        Value::Double(-0.0),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::Bool(false),
        Value::Text(String::new()),
        Value::Text("é\0\u{10ffff}".repeat(1000)),
        Value::Text("a".repeat(1_000_000) + "!"),
    ];
    let mut sampler = sampler("", ALL);
    let mut id = 0;
    for start in times {
        for end in times {
            for value in &values {
                id += 1;
                let span = Span {
                    start,
                    end,
                    attributes: vec![("k".to_owned(), value.clone())],
                    size: usize::MAX / 7,
                    flags: u32::MAX,
                    trace_state: "=,=,,k==v,k".repeat(100),
                    name: "\u{fffd}".repeat(100),
                    ..span(id)
                };
                let _ = sampler.add(Duration::from_nanos(end), span);
                sampler.advance(Duration::MAX).for_each(drop);
            }
        }
    }
    assert_eq!(sampler.stats().policy_evaluation_errors, 0);
    check_balance(&sampler);
}

/// With this pattern, a backtracking matcher takes time exponential in the length of the text.
#[test]
fn patterns_take_linear_time() {
    let mut sampler = sampler(r#""maximum_buffered_bytes": 0"#, ALL);
    let text = "a".repeat(10_000_000) + "!";
    let span = Span {
        attributes: vec![("k".to_owned(), Value::Text(text))],
        ..span(1)
    };
    sampler.add(seconds(0), span);
    let trace = sampler.shutdown(seconds(0)).next().unwrap();
    assert_eq!(trace.spans.len(), 1);
}

#[test]
fn clock_that_goes_back_delays_decisions_only() {
    let mut sampler = sampler(r#""decision_wait": "10s""#, ALWAYS);
    sampler.add(seconds(100), span(1));
    sampler.add(seconds(50), span(2)); // counts as 100 s
    assert_eq!(sampler.advance(seconds(70)).count(), 0);
    assert_eq!(sampler.next_deadline(), Some(seconds(110)));
    assert_eq!(sampler.advance(seconds(110)).count(), 2);
    assert_eq!(sampler.advance(seconds(0)).count(), 0);
    check_balance(&sampler);
}

#[test]
fn waits_that_never_end_do_not_overflow() {
    let settings = r#""decision_wait": "5000000h", "maximum_decision_age": "5000000h""#;
    let mut sampler = sampler(settings, ALWAYS);
    sampler.add(Duration::MAX, span(1));
    assert_eq!(
        sampler.next_deadline(),
        Some(Duration::from_nanos(u64::MAX))
    );
    assert_eq!(sampler.advance(Duration::MAX).count(), 1);
}

/// A span whose name cannot be read without a panic.
struct Panics(Span);

impl TailSpan for Panics {
    fn trace_id(&self) -> opentelemetry::trace::TraceId {
        self.0.trace_id()
    }
    fn is_root(&self) -> bool {
        true
    }
    fn name(&self) -> &str {
        panic!("a span that panics")
    }
    fn start_unix_nanos(&self) -> u64 {
        0
    }
    fn end_unix_nanos(&self) -> u64 {
        0
    }
    fn status(&self) -> StatusCode {
        StatusCode::Error
    }
    fn flags(&self) -> u32 {
        0
    }
    fn trace_state(&self) -> &str {
        ""
    }
    fn attribute(&self, _: &str) -> Option<tracer_sampling::tail::AttributeValue<'_>> {
        None
    }
    fn resource_attribute(&self, _: &str) -> Option<tracer_sampling::tail::AttributeValue<'_>> {
        None
    }
    fn size_bytes(&self) -> usize {
        0
    }
}

#[test]
fn span_that_panics_fails_the_policies_that_read_it() {
    let rare = r#"{"name": "rare", "type": "rare_operation"}"#;
    let mut sampler: TailSampler<Panics> = config("", &[rare, ERRORS].join(",")).build().unwrap();
    sampler.add(seconds(0), Panics(span(1)));
    let trace = sampler.shutdown(seconds(0)).next().unwrap();
    assert!(trace.decision.is_sampled());
    // The policy fails once when it evaluates the trace, and once when it learns from it.
    assert_eq!(sampler.stats().policy_evaluation_errors, 2);
    assert!(sampler.stats().balances());
}

#[test]
fn sampler_can_move_between_threads_and_hides_spans() {
    fn check<T: Send + Sync + std::fmt::Debug>() {}
    check::<TailSampler<Span>>();
    let mut sampler = sampler("", ALWAYS);
    let secret = Span {
        name: "secret".to_owned(),
        ..span(1)
    };
    sampler.add(seconds(0), secret);
    assert!(!format!("{sampler:?}").contains("secret"));
}
