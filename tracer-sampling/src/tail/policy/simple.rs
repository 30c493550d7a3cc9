//! Policies that look at one property of the trace or its spans.

use std::collections::HashSet;

use crate::tail::config::LatencyConfig;
use crate::tail::decision::{Policy, Verdict};
use crate::tail::span::{StatusCode, TailSpan};
use crate::tail::trace::BufferedTrace;

/// The policy `always_sample`.
#[derive(Debug)]
pub(super) struct AlwaysSample;

impl<S: TailSpan> Policy<S> for AlwaysSample {
    fn evaluate(&mut self, _: u64, _: &BufferedTrace<'_, S>) -> Verdict {
        Verdict::Sampled
    }
}

/// The policy `latency`, with an exclusive lower bound and an inclusive upper bound.
#[derive(Debug)]
pub(super) struct Latency {
    above_nanos: u64,
    at_most_nanos: u64,
}

impl Latency {
    pub(super) fn new(config: &LatencyConfig) -> Self {
        let nanos = |millis: u64| millis.saturating_mul(1_000_000);
        Self {
            above_nanos: nanos(config.threshold_ms),
            at_most_nanos: match config.upper_threshold_ms {
                0 => u64::MAX,
                millis => nanos(millis),
            },
        }
    }
}

impl<S: TailSpan> Policy<S> for Latency {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let nanos = trace.duration_nanos();
        Verdict::sampled_if(self.above_nanos < nanos && nanos <= self.at_most_nanos)
    }
}

/// The policy `span_count`, with inclusive bounds.
#[derive(Debug)]
pub(super) struct SpanCount {
    pub(super) min: u32,
    /// 0 is no bound.
    pub(super) max: u32,
}

impl<S: TailSpan> Policy<S> for SpanCount {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let spans = trace.spans().len();
        let few = spans < self.min as usize;
        let many = self.max != 0 && spans > self.max as usize;
        Verdict::sampled_if(!few && !many)
    }
}

/// The policy `status_code`.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) codes: Vec<StatusCode>,
}

impl<S: TailSpan> Policy<S> for Status {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let mut spans = trace.spans().iter();
        Verdict::sampled_if(spans.any(|span| self.codes.contains(&span.status())))
    }
}

/// The policy `critical_service`.
#[derive(Debug)]
pub(super) struct CriticalService {
    pub(super) services: HashSet<String>,
}

impl<S: TailSpan> Policy<S> for CriticalService {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let mut spans = trace.spans().iter();
        Verdict::sampled_if(spans.any(|span| self.services.contains(span.service_name())))
    }
}

/// The policy `trace_flags`.
#[derive(Debug)]
pub(super) struct TraceFlags;

impl<S: TailSpan> Policy<S> for TraceFlags {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let mut spans = trace.spans().iter();
        Verdict::sampled_if(spans.any(|span| span.flags() & SAMPLED != 0))
    }
}

const SAMPLED: u32 = 1;

/// The policy `trace_state`.
#[derive(Debug)]
pub(super) struct TraceState {
    pub(super) key: String,
    pub(super) values: HashSet<String>,
}

impl<S: TailSpan> Policy<S> for TraceState {
    fn evaluate(&mut self, _: u64, trace: &BufferedTrace<'_, S>) -> Verdict {
        let matches = |span: &S| {
            member(span.trace_state(), &self.key).is_some_and(|value| self.values.contains(value))
        };
        Verdict::sampled_if(trace.spans().iter().any(matches))
    }
}

/// Returns the value of a key, among the first 32 list-members, which is the limit of W3C Trace
/// Context §3.3.
fn member<'a>(trace_state: &'a str, key: &str) -> Option<&'a str> {
    let mut members = trace_state.split(',').take(32);
    members.find_map(|member| {
        let (name, value) = member.trim_matches([' ', '\t']).split_once('=')?;
        (name == key).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tail::policy::testing::{Span, check, error, ok};

    /// The cases are those of the Collector, with the exclusive lower bound that it has since
    /// v0.157.
    #[test]
    fn latency_is_from_the_first_start_to_the_last_end() {
        let slow = r#"{"name": "p", "type": "latency", "latency": {"threshold_ms": 5000}}"#;
        let between = r#"{"name": "p", "type": "latency",
            "latency": {"threshold_ms": 5000, "upper_threshold_ms": 10000}}"#;
        let times = |times: &[(u64, u64)]| -> Vec<Span> {
            let spans = times.iter();
            spans
                .map(|(start, end)| Span::default().millis(*start, *end))
                .collect()
        };
        for (spans, is_slow, is_between) in [
            (times(&[(0, 4500)]), false, false),
            (times(&[(0, 5000)]), false, false),
            (times(&[(0, 5001)]), true, true),
            (times(&[(0, 3000), (2500, 5500)]), true, true),
            (times(&[(7000, 7001), (1, 2)]), true, true),
            (times(&[(0, 10_000)]), true, true),
            (times(&[(0, 10_001)]), true, false),
            // The trace is in the range after its first span, but not after its second.
            (times(&[(0, 6000), (0, 20_000)]), true, false),
            (times(&[(20_000, 0)]), false, false),
        ] {
            check(slow, &spans, is_slow);
            check(between, &spans, is_between);
        }
        let nanosecond = Span {
            end: 5_000_000_001,
            ..Span::default()
        };
        check(slow, &[nanosecond], true);
    }

    #[test]
    fn every_trace_is_sampled_by_always_sample() {
        check(r#"{"name": "p", "type": "always_sample"}"#, &[ok()], true);
    }

    #[test]
    fn span_count_includes_its_bounds() {
        let at_least = r#"{"name": "p", "type": "span_count", "span_count": {"min_spans": 2}}"#;
        let between = r#"{"name": "p", "type": "span_count",
            "span_count": {"min_spans": 2, "max_spans": 3}}"#;
        for (spans, is_enough, is_between) in [
            (1, false, false),
            (2, true, true),
            (3, true, true),
            (4, true, false),
        ] {
            let spans = vec![ok(); spans];
            check(at_least, &spans, is_enough);
            check(between, &spans, is_between);
        }
    }

    #[test]
    fn one_span_with_a_listed_status_is_enough() {
        let errors = r#"{"name": "p", "type": "status_code",
            "status_code": {"status_codes": ["ERROR"]}}"#;
        let others = r#"{"name": "p", "type": "status_code",
            "status_code": {"status_codes": ["OK", "UNSET"]}}"#;
        check(errors, &[ok(), error()], true);
        check(errors, &[ok(), Span::default()], false);
        check(others, &[error()], false);
        check(others, &[error(), Span::default()], true);
        check(others, &[ok()], true);
    }

    #[test]
    fn one_span_of_a_critical_service_is_enough() {
        let policy = r#"{"name": "p", "type": "critical_service",
            "critical_service": {"services": ["payment", "ledger"]}}"#;
        check(
            policy,
            &[Span::service("shop"), Span::service("ledger")],
            true,
        );
        check(policy, &[Span::service("shop"), Span::default()], false);
    }

    #[test]
    fn one_span_with_the_sampled_flag_is_enough() {
        let policy = r#"{"name": "p", "type": "trace_flags"}"#;
        let flags = |flags| Span {
            flags,
            ..Span::default()
        };
        check(policy, &[flags(0), flags(0x101)], true);
        check(policy, &[flags(0), flags(0x302)], false);
    }

    #[test]
    fn trace_state_is_searched_for_the_key() {
        let policy = r#"{"name": "p", "type": "trace_state",
            "trace_state": {"key": "example", "values": ["value1", "value2"]}}"#;
        for (text, expected) in [
            ("", false),
            ("example=value1", true),
            ("other=value1", false),
            ("example=value", false),
            ("other=value9,example=value2", true),
            ("other=x , \texample=value2", true),
            ("=,example,,example=value2", true),
            ("example=value9,example=value1", false),
        ] {
            let span = Span {
                trace_state: text.to_owned(),
                ..Span::default()
            };
            check(policy, &[Span::default(), span], expected);
        }
        let late = "a=b,".repeat(32) + "example=value1";
        assert_eq!(member(&late, "example"), None);
    }
}
