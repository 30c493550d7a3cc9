//! Single decisions of the adaptive sampler, and its settings.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
use tracer_sampling::composable::{Composite, Rule};
use tracer_sampling::{Adaptive, Error};

use crate::simulation::{Simulation, is_sampled};

fn ask(
    sampler: &impl ShouldSample,
    name: &str,
    attributes: &[KeyValue],
) -> (SamplingDecision, String, Vec<KeyValue>) {
    // The randomness of this id is 0, so only the probability 1 samples it.
    let id = TraceId::from(1 << 100);
    let result = sampler.should_sample(None, id, name, &SpanKind::Server, attributes, &[]);
    (
        result.decision,
        result.trace_state.header(),
        result.attributes,
    )
}

#[test]
fn errors_flags_and_critical_operations_are_sampled_with_their_reason() {
    let mut simulation = Simulation::new(9);
    let adaptive = Adaptive::builder(1.0)
        .floor(None)
        .force(Rule::new("checkout").name_patterns(["POST /checkout"]))
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let sampler = Composite::new(adaptive.clone()).explain(true);
    simulation.run(10.0, 1_000.0, |random| {
        for name in ["GET", "POST /checkout"] {
            is_sampled(&adaptive, random, name);
        }
    });
    let error = [KeyValue::new("error.type", "timeout")];
    let flag = [KeyValue::new("error", true)];
    let forced = [KeyValue::new("force_trace", true)];
    let not_forced = [
        KeyValue::new("force_trace", false),
        KeyValue::new("error", "no"),
    ];
    for (name, attributes, reason) in [
        ("GET", &error[..], Some("adaptive:error")),
        ("GET", &flag, Some("adaptive:error")),
        ("GET", &forced, Some("adaptive:force_trace")),
        ("POST /checkout", &[], Some("adaptive:checkout")),
        ("GET", &not_forced, None),
    ] {
        let (decision, state, explained) = ask(&sampler, name, attributes);
        assert_eq!(state, "", "the span represents no other spans");
        assert_eq!(
            decision == SamplingDecision::RecordAndSample,
            reason.is_some(),
            "{name}"
        );
        let expected = reason.map(|reason| KeyValue::new("sampling.reason", reason));
        assert_eq!(explained, Vec::from_iter(expected));
    }
}

#[test]
fn a_decision_by_probability_is_consistent_and_explained() {
    let mut simulation = Simulation::new(10);
    let adaptive = Adaptive::builder(10.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    simulation.run(60.0, 1_000.0, |random| {
        is_sampled(&adaptive, random, "GET");
    });
    let sampler = Composite::new(adaptive.clone()).explain(true);
    let all = TraceId::from(u128::MAX);
    let result = sampler.should_sample(None, all, "GET", &SpanKind::Server, &[], &[]);
    assert_eq!(result.decision, SamplingDecision::RecordAndSample);
    let probability = adaptive.operations()[0].probability;
    assert!((0.009..=0.011).contains(&probability), "{probability}");
    // 1 % is `fd7`, followed by more digits.
    assert!(
        result.trace_state.header().starts_with("ot=th:fd"),
        "{result:?}"
    );
    assert_eq!(result.attributes[1].key.as_str(), "sampling.probability");
    assert!(
        result.attributes[0]
            .value
            .as_str()
            .starts_with("adaptive:probability=0.0")
    );
}

#[test]
fn settings_out_of_range_are_refused() {
    let build =
        |change: fn(tracer_sampling::AdaptiveBuilder) -> tracer_sampling::AdaptiveBuilder| {
            change(Adaptive::builder(1.0)).build().map(drop)
        };
    assert_eq!(build(|builder| builder), Ok(()));
    assert_eq!(
        Adaptive::new(0.0).map(drop),
        Err(Error::RateOutOfRange { rate: 0.0 })
    );
    assert_eq!(
        build(|builder| builder.per_operation(-1.0)),
        Err(Error::RateOutOfRange { rate: -1.0 })
    );
    assert_eq!(
        build(|builder| builder.shed_above(1e10)),
        Err(Error::RateOutOfRange { rate: 1e10 })
    );
    assert_eq!(
        build(|builder| builder.probabilities(0.0, 1.0)),
        Err(Error::RatioTooSmall { ratio: 0.0 })
    );
    assert_eq!(
        build(|builder| builder.probabilities(0.5, 0.1)),
        Err(Error::RatioOutOfRange { ratio: 0.5 })
    );
    assert_eq!(
        build(|builder| builder.probabilities(0.5, 2.0)),
        Err(Error::RatioOutOfRange { ratio: 2.0 })
    );
    let floor = Duration::from_nanos(1);
    assert_eq!(
        build(|builder| builder.floor(Some(Duration::from_nanos(1)))),
        Err(Error::FloorOutOfRange { floor })
    );
}
