//! Comparison of the learned sampler with uniform sampling, on traffic for which it was not tuned.

// The lints do not recognise the helpers of tests as test code.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "../adaptive/simulation.rs"]
mod simulation;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
use simulation::{Random, Simulation};
use tracer_sampling::composable::{Composite, Rule, SpanToSample};
use tracer_sampling::{Error, Learned, Outcome, Weights};

/// A request, and how it ends.
struct Request {
    name: String,
    attributes: Vec<KeyValue>,
    outcome: Outcome,
}

fn request(name: String, error: f64, slow: f64, random: &mut Random) -> Request {
    let seconds = if random.unit() < slow {
        1.5 + random.unit()
    } else {
        0.3 * random.unit()
    };
    let is_error = random.unit() < error;
    Request {
        name,
        attributes: Vec::new(),
        outcome: Outcome::new(Duration::from_secs_f64(seconds), is_error),
    }
}

/// One operation in twenty fails often.
fn failing_operations(random: &mut Random) -> Request {
    let at = random.below(100);
    let error = if at.is_multiple_of(20) { 0.15 } else { 0.002 };
    request(format!("GET /{at}"), error, 0.002, random)
}

/// A few of 200 operations are often slow, and they are rarer than the others.
fn slow_operations(random: &mut Random) -> Request {
    let at = (200.0 * random.unit() * random.unit()) as usize;
    let slow = if at > 150 { 0.1 } else { 0.001 };
    request(format!("POST /{at}"), 0.001, slow, random)
}

/// All operations are alike, but the requests of three out of fifty tenants fail often.
fn failing_tenants(random: &mut Random) -> Request {
    let tenant = random.below(50);
    let error = if tenant < 3 { 0.25 } else { 0.003 };
    let name = format!("GET /{}", random.below(20));
    let mut request = request(name, error, 0.002, random);
    request.attributes = vec![KeyValue::new("tenant", tenant as i64)];
    request
}

/// Names that never repeat, and one operation that fails often.
fn endless_names(random: &mut Random) -> Request {
    match random.below(50) {
        0 => request("GET /checkout".to_owned(), 0.3, 0.05, random),
        _ => request(format!("GET /{}", random.next()), 0.002, 0.001, random),
    }
}

fn record(sampler: &Learned, name: &str, attributes: &[KeyValue], outcome: Outcome) {
    let mut span = SpanToSample::new(name);
    span.attributes = attributes;
    span.kind = &SpanKind::Server;
    sampler.record(&span, outcome);
}

fn decide(sampler: &Learned, request: &Request, random: &mut Random) -> Option<f64> {
    let id = (u128::from(random.next()) << 64) | u128::from(random.next());
    let (id, kind) = (TraceId::from(id), SpanKind::Server);
    let result = sampler.should_sample(None, id, &request.name, &kind, &request.attributes, &[]);
    if result.decision != SamplingDecision::RecordAndSample {
        return None;
    }
    let text = result.trace_state.header();
    let digits = text.strip_prefix("ot=th:").unwrap();
    let threshold = u64::from_str_radix(&format!("{digits:0<14}"), 16).unwrap();
    Some(1.0 - threshold as f64 / (1_u64 << 56) as f64)
}

/// Learns for 300 s and measures for 120 s, at 1,000 requests and 20 sampled traces a second.
/// Returns the sampled traces a second and the gain. The gain is the number of interesting traces,
/// relative to the number that uniform sampling finds with as many traces.
fn gain(seed: u64, traffic: fn(&mut Random) -> Request) -> (f64, f64) {
    let mut simulation = Simulation::new(seed);
    let sampler = Learned::builder(20.0)
        .features(["tenant"])
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let (mut all, mut interesting, mut sampled, mut found) = (0.0, 0.0, 0.0, 0.0);
    for measured in [0.0, 1.0] {
        simulation.run(
            if measured == 0.0 { 300.0 } else { 120.0 },
            1_000.0,
            |random| {
                let request = traffic(random);
                let is_interesting =
                    request.outcome.is_error || request.outcome.duration > Duration::from_secs(1);
                all += measured;
                interesting += if is_interesting { measured } else { 0.0 };
                if let Some(probability) = decide(&sampler, &request, random) {
                    sampled += measured;
                    found += if is_interesting { measured } else { 0.0 };
                    let mut outcome = request.outcome;
                    outcome.probability = probability;
                    record(&sampler, &request.name, &request.attributes, outcome);
                }
            },
        );
    }
    (sampled / 120.0, found / (interesting * sampled / all))
}

#[test]
fn at_least_three_times_as_many_errors_and_slow_traces_at_the_same_budget() {
    for (name, traffic) in [
        (
            "failing operations",
            failing_operations as fn(&mut Random) -> Request,
        ),
        ("slow operations", slow_operations),
        ("failing tenants", failing_tenants),
        ("endless names", endless_names),
    ] {
        let (per_second, gain) = gain(1, traffic);
        println!("{name}: {per_second:.1} traces/s, {gain:.1} x uniform");
        assert!(gain >= 3.0, "{name}: {gain}");
        assert!(
            (18.0..=22.0).contains(&per_second),
            "{name}: {per_second}/s"
        );
    }
}

/// If there is nothing to learn, the result is uniform sampling at the target.
#[test]
fn traffic_without_differences_is_sampled_at_the_target() {
    let (per_second, gain) = gain(3, |random| {
        let name = format!("GET /{}", random.below(20));
        request(name, 0.02, 0.0, random)
    });
    assert!((18.0..=22.0).contains(&per_second), "{per_second}");
    assert!((0.7..=1.4).contains(&gain), "{gain}");
}

/// The requests that the model does not prefer are still sampled.
#[test]
fn a_tenth_of_the_target_is_spent_on_all_requests_alike() {
    let mut simulation = Simulation::new(4);
    let sampler = Learned::builder(20.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let mut good_sampled = 0;
    simulation.run(300.0, 1_000.0, |random| {
        let is_bad = random.below(10) == 0;
        let name = if is_bad { "bad" } else { "good" };
        let request = request(name.to_owned(), if is_bad { 1.0 } else { 0.0 }, 0.0, random);
        if let Some(probability) = decide(&sampler, &request, random) {
            good_sampled += u32::from(!is_bad);
            let mut outcome = request.outcome;
            outcome.probability = probability;
            record(&sampler, name, &[], outcome);
        }
    });
    // A tenth of 20/s for 300 s, of which nine tenths are good requests, is 540. More are sampled
    // at the start.
    assert!((400..=1_500).contains(&good_sampled), "{good_sampled}");
}

/// A quiet hour does not raise the probabilities of the busy one after it.
#[test]
fn load_that_rises_after_a_quiet_time_meets_the_target() {
    let mut simulation = Simulation::new(6);
    let clock = simulation.clock.clone();
    let sampler = Learned::builder(50.0).clock(clock).build().unwrap();
    let mut sampled = 0;
    for (seconds, per_second) in [(60.0, 1.0), (20.0, 5_000.0)] {
        sampled = 0;
        simulation.run(seconds, per_second, |random| {
            let request = request("GET".to_owned(), 0.01, 0.0, random);
            sampled += u32::from(decide(&sampler, &request, random).is_some());
        });
    }
    // 50 a second, and no more than about one second's worth of everything at the step.
    assert!(sampled < 20 * 50 + 5_000, "{sampled}");
}

#[test]
fn weights_survive_a_restart() {
    let mut simulation = Simulation::new(5);
    let build = || {
        let builder = Learned::builder(20.0).features(["tenant"]);
        builder.clock(simulation.clock.clone()).build().unwrap()
    };
    let (learned, loaded) = (build(), build());
    simulation.run(60.0, 200.0, |random| {
        let request = failing_tenants(random);
        record(
            &learned,
            &request.name,
            &request.attributes,
            request.outcome,
        );
    });
    let text = learned.weights().to_string();
    let weights: Weights = text.parse().unwrap();
    loaded.load(&weights);
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(loaded.weights().to_string()), sorted(text));
    assert_eq!(weights.operations().count(), 20);
    assert_eq!(weights.fixed().count(), 4);
}

#[test]
fn the_score_is_the_reason() {
    let sampler = Composite::new(Learned::new(1.0).unwrap()).explain(true);
    let all = TraceId::from(u128::MAX);
    let result = sampler.should_sample(None, all, "GET", &SpanKind::Server, &[], &[]);
    // The score before any outcome is known.
    assert_eq!(
        result.attributes[0],
        KeyValue::new("sampling.reason", "learned:score=0.1")
    );
}

/// If critical requests are interesting, the model learns a positive weight for criticality.
#[test]
fn criticality_is_a_feature() {
    let rule = || {
        Rule::new("pay")
            .name_patterns(["* /pay*"])
            .kinds([SpanKind::Server])
    };
    let sampler = Learned::builder(10.0)
        .critical(rule(), 1.0)
        .build()
        .unwrap();
    for at in 0..2_000 {
        let bad = Outcome::new(Duration::ZERO, true);
        let good = Outcome::new(Duration::ZERO, false);
        record(&sampler, &format!("POST /pay{}", at % 7), &[], bad);
        record(&sampler, &format!("GET /{}", at % 7), &[], good);
    }
    let weights = sampler.weights();
    let criticality = weights.fixed().find(|(name, _)| *name == "criticality");
    assert!(
        criticality.is_some_and(|(_, weight)| weight > 0.5),
        "{weights}"
    );
    let refused = Learned::builder(10.0).critical(rule(), 1.5).build();
    assert_eq!(
        refused.map(drop),
        Err(Error::RatioOutOfRange { ratio: 1.5 })
    );
    assert_eq!(
        Learned::new(0.0).map(drop),
        Err(Error::RateOutOfRange { rate: 0.0 })
    );
}

#[test]
fn weights_without_a_slot_are_ignored() {
    let sampler = Learned::builder(10.0).operations(1).build().unwrap();
    let weights: Weights = "operation 5 known\noperation 7 other\n".parse().unwrap();
    sampler.load(&weights);
    assert_eq!(
        sampler.weights().operations().collect::<Vec<_>>(),
        [("known", 5.0)]
    );
    // An unknown operation is not scored by the weight that was ignored.
    let explained = Composite::new(sampler).explain(true);
    let all = TraceId::from(u128::MAX);
    let result = explained.should_sample(None, all, "unknown", &SpanKind::Server, &[], &[]);
    assert_eq!(
        result.attributes[0],
        KeyValue::new("sampling.reason", "learned:score=0.1")
    );
}
