//! Tests of composable samplers against the tables of the specification.

// The lints do not recognise the helpers of tests as test code.
#![allow(clippy::panic, clippy::unwrap_used)]

mod common;

use common::{SAMPLED, ask, parent};
use opentelemetry::trace::{SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
use tracer_sampling::composable::{
    Annotating, ComposableSampler, Composite, ParentOrigin, ParentThreshold, Rule, RuleBased,
    SamplingIntent, SpanToSample,
};
use tracer_sampling::{AlwaysOff, AlwaysOn, Probability, Reason, SamplingStats, Threshold};

/// The randomness of this trace is 0xce_929d_0e0e_4736.
const ID: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

/// A sampler with a fixed intent.
#[derive(Debug)]
struct Fixed {
    threshold: Option<f64>,
    reliable: bool,
    trace_state: Option<&'static str>,
}

impl ComposableSampler for Fixed {
    fn sampling_intent<'a>(&'a self, _: &SpanToSample<'a>) -> SamplingIntent<'a> {
        let mut intent = SamplingIntent::drop_span(Reason::new("fixed"));
        intent.threshold = self
            .threshold
            .map(|probability| Threshold::of_probability(probability).unwrap());
        intent.adjusted_count_reliable = self.reliable;
        intent.trace_state = self.trace_state.map(|state| state.parse().unwrap());
        intent
    }
}

fn fixed(threshold: impl Into<Option<f64>>, reliable: bool) -> Fixed {
    Fixed {
        threshold: threshold.into(),
        reliable,
        trace_state: None,
    }
}

/// *CompositeSampler*: a span without a threshold is dropped. A reliable threshold is compared with
/// the randomness of the trace and becomes `th`. If the threshold is not reliable, `th` is removed.
#[test]
fn an_intent_becomes_the_decision_of_the_specification() {
    let cx = |state| Some(parent(ID, SAMPLED, true, state));
    for (intent, parent, sampled, state) in [
        (fixed(None, true), None, false, ""),
        (fixed(None, false), cx("a=1,ot=th:c"), false, "a=1"),
        (fixed(1.0, true), None, true, "ot=th:0"),
        // 0xce is above 0xc0, and below 0xd0.
        (fixed(0.25, true), None, true, "ot=th:c"),
        (fixed(0.1875, true), None, false, ""),
        (
            fixed(0.25, true),
            cx("ot=th:8;rv:c0000000000000,a=1"),
            true,
            "ot=th:c;rv:c0000000000000,a=1",
        ),
        (
            fixed(0.25, true),
            cx("ot=th:8;rv:bfffffffffffff"),
            false,
            "ot=rv:bfffffffffffff",
        ),
        (fixed(1.0, false), None, true, ""),
        (
            fixed(1.0, false),
            cx("ot=th:8;rv:00000000000000"),
            true,
            "ot=rv:00000000000000",
        ),
    ] {
        let sampler = Composite::new(intent);
        let expected = (sampled, state.to_owned());
        assert_eq!(
            ask(&sampler, parent.as_ref(), ID),
            expected,
            "{sampler:?} {parent:?}"
        );
    }
}

/// "If `adjusted_count_reliable` is false, R is generated": the decision is independent of the
/// trace id.
#[test]
fn a_threshold_without_count_is_compared_with_a_new_random_number() {
    let sampler = Composite::new(fixed(0.5, false));
    let sampled = (0..10_000).filter(|_| ask(&sampler, None, ID).0).count();
    // Six standard deviations of 50 around the mean.
    assert!((4_700..=5_300).contains(&sampled), "{sampled}");
}

/// "ComposableSamplers MUST NOT modify the OpenTelemetry TraceState."
#[test]
fn a_trace_state_from_an_intent_keeps_the_ot_member_of_the_parent() {
    let sampler = |trace_state| {
        Composite::new(Fixed {
            trace_state: Some(trace_state),
            ..fixed(0.25, true)
        })
    };
    let cx = parent(ID, SAMPLED, true, "ot=rv:d0000000000000,old=1");
    let set = |state: &str| {
        let state: TraceState = state.parse().unwrap();
        let mut members: Vec<_> = state.header().split(',').map(str::to_owned).collect();
        members.sort();
        members
    };
    let asked = |state| {
        let (sampled, state) = ask(&sampler(state), Some(&cx), ID);
        assert!(sampled);
        set(&state)
    };
    assert_eq!(asked("new=1"), set("new=1,ot=th:c;rv:d0000000000000"));
    assert_eq!(
        asked("ot=rv:00000000000000"),
        set("ot=th:c;rv:d0000000000000")
    );
    assert_eq!(
        ask(&sampler("ot=rv:00000000000000"), None, ID),
        (true, "ot=th:c".to_owned())
    );
}

/// The table of *ComposableParentThreshold*.
#[test]
fn a_child_follows_the_threshold_or_the_flag_of_its_parent() {
    let sampler = Composite::new(ParentThreshold::new(Probability::new(0.25).unwrap()));
    for (flags, state, expected) in [
        (SAMPLED, "ot=th:c", (true, "ot=th:c")),
        (SAMPLED, "ot=th:d", (false, "")),
        (0, "ot=th:c", (true, "ot=th:c")),
        (SAMPLED, "", (true, "")),
        (SAMPLED, "ot=th:x", (true, "")),
        (0, "", (false, "")),
        (0, "a=1", (false, "a=1")),
    ] {
        for remote in [false, true] {
            let cx = parent(ID, flags, remote, state);
            let (sampled, state) = ask(&sampler, Some(&cx), ID);
            assert_eq!((sampled, state.as_str()), expected, "{flags} {state}");
        }
    }
    assert_eq!(ask(&sampler, None, ID), (true, "ot=th:c".to_owned()));
    let not_valid = parent(0, SAMPLED, true, "ot=th:8");
    assert_eq!(
        ask(&sampler, Some(&not_valid), ID),
        (true, "ot=th:c".to_owned())
    );
}

#[test]
fn the_built_in_samplers_have_the_intents_of_the_specification() {
    let span = SpanToSample::new("");
    let intent = |sampler: &dyn ComposableSampler| {
        let intent = sampler.sampling_intent(&span);
        (
            intent.threshold.map(|one| one.to_string()),
            intent.adjusted_count_reliable,
        )
    };
    assert_eq!(intent(&AlwaysOn), (Some("0".to_owned()), true));
    assert_eq!(intent(&AlwaysOff), (None, false));
    assert_eq!(
        intent(&Probability::new(0.25).unwrap()),
        (Some("c".to_owned()), true)
    );
    assert_eq!(intent(&Probability::new(0.0).unwrap()), (None, false));
}

fn decide(sampler: &Composite, span: &SpanToSample<'_>) -> bool {
    let id = TraceId::from(ID);
    let result = sampler.should_sample(
        span.parent_context,
        id,
        span.name,
        span.kind,
        span.attributes,
        &[],
    );
    result.decision == SamplingDecision::RecordAndSample
}

#[test]
fn each_condition_of_a_rule_can_match_and_not_match() {
    let attributes = [
        KeyValue::new("http.route", "/cart/{id}"),
        KeyValue::new("url.path", "/other/7"),
        KeyValue::new("user.tier", "gold"),
        KeyValue::new("retries", 3),
        KeyValue::new(
            "tags",
            opentelemetry::Value::Array(
                vec![opentelemetry::StringValue::from("a"), "b".into()].into(),
            ),
        ),
    ];
    let remote = parent(ID, SAMPLED, true, "");
    let local = parent(ID, SAMPLED, false, "");
    let span = |parent_context| {
        let mut span = SpanToSample::new("GET /cart/{id}");
        span.parent_context = parent_context;
        span.kind = &SpanKind::Server;
        span.attributes = &attributes;
        span
    };
    let rule = || Rule::new("rule");
    for (rule, expected) in [
        (rule(), true),
        (rule().name_patterns(["POST *", "GET *"]), true),
        (rule().name_patterns(["POST *"]), false),
        (rule().name_patterns([""; 0]), false),
        (rule().kinds([SpanKind::Client, SpanKind::Server]), true),
        (rule().kinds([SpanKind::Client]), false),
        (rule().attribute_values("user.tier", ["gold"]), true),
        (rule().attribute_values("user.tier", ["silver"]), false),
        (rule().attribute_values("missing", [""]), false),
        (rule().attribute_values("retries", ["3"]), true),
        (rule().attribute_values("tags", ["b"]), true),
        (rule().attribute_values("tags", ["c"]), false),
        (rule().attribute_patterns("user.tier", ["g?ld"]), true),
        (rule().attribute_patterns("user.tier", ["s*"]), false),
        (rule().route_prefix("/cart"), true),
        (rule().route_prefix("/other"), false),
        (rule().parent(ParentOrigin::None), true),
        (rule().parent(ParentOrigin::Local), false),
        (rule().predicate(|span| span.attributes.len() == 5), true),
        (rule().predicate(|_| false), false),
        (
            rule().name_patterns(["GET *"]).kinds([SpanKind::Client]),
            false,
        ),
    ] {
        assert_eq!(rule.matches(&span(None)), expected, "{rule:?}");
    }
    let from = |origin| Rule::new("").parent(origin);
    assert!(from(ParentOrigin::Remote).matches(&span(Some(&remote))));
    assert!(!from(ParentOrigin::Local).matches(&span(Some(&remote))));
    assert!(from(ParentOrigin::Local).matches(&span(Some(&local))));
    let empty = Context::new();
    assert!(from(ParentOrigin::None).matches(&span(Some(&empty))));
    let mut path_only = span(None);
    path_only.attributes = &attributes[1..2];
    assert!(Rule::new("").route_prefix("/other").matches(&path_only));
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rules = RuleBased::new(AlwaysOff)
        .rule(
            Rule::new("no health").name_patterns(["GET /health"]),
            AlwaysOff,
        )
        .rule(Rule::new("reads").name_patterns(["GET *"]), AlwaysOn)
        .rule(
            Rule::new("never reached").name_patterns(["GET /cart"]),
            AlwaysOff,
        );
    let stats = SamplingStats::new();
    let sampler = Composite::new(rules).stats(&stats).explain(true);
    assert!(!decide(&sampler, &SpanToSample::new("GET /health")));
    assert!(decide(&sampler, &SpanToSample::new("GET /cart")));
    assert!(!decide(&sampler, &SpanToSample::new("POST /cart")));
    let counted: Vec<_> = stats.snapshot();
    let counted: Vec<_> = counted
        .iter()
        .map(|one| (one.strategy, one.sampled, one.dropped))
        .collect();
    assert_eq!(counted, [("rule", 1, 1), ("always_off", 0, 1)]);
    let result = sampler.should_sample(
        None,
        TraceId::from(ID),
        "GET /cart",
        &SpanKind::Server,
        &[],
        &[],
    );
    assert_eq!(
        result.attributes,
        [
            KeyValue::new("sampling.reason", "rule:reads"),
            KeyValue::new("sampling.probability", 1.0),
        ]
    );
}

#[test]
fn annotations_are_added_to_sampled_spans_in_order() {
    let inner = KeyValue::new("inner", 1);
    let outer = KeyValue::new("outer", 2);
    let annotated = |sampler| {
        let inner = Annotating::new(sampler, [inner.clone()]);
        Composite::new(Annotating::new(inner, [outer.clone()]))
    };
    let attributes = |ratio| {
        let sampler = annotated(Probability::new(ratio).unwrap());
        let id = TraceId::from(ID);
        sampler
            .should_sample(None, id, "", &SpanKind::Server, &[], &[])
            .attributes
    };
    assert_eq!(attributes(1.0), [inner.clone(), outer.clone()]);
    assert_eq!(attributes(0.0), []);
}
