//! The adaptive sampler under simulated load.

// The lints do not recognise the helpers of tests as test code.
#![allow(clippy::panic, clippy::unwrap_used)]

mod decisions;
mod simulation;

use std::time::{Duration, SystemTime};

use opentelemetry::Context;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use simulation::{Random, Simulation, is_sampled};
use tracer_sampling::composable::Rule;
use tracer_sampling::{Adaptive, AlwaysRecord, Outcome, ParentBased};

/// The seconds after which the target is met again after a change. The requirement is 60.
const SETTLED: f64 = 20.0;

/// Runs until the controller has settled, and returns the traces that are then sampled a second.
fn sampled_per_second(
    simulation: &mut Simulation,
    sampler: &Adaptive,
    per_second: f64,
    name: impl Fn(&mut Random) -> String,
) -> f64 {
    const MEASURED: f64 = 10.0;
    let ask = |random: &mut Random| {
        let name = name(random);
        is_sampled(sampler, random, &name)
    };
    simulation.run(SETTLED, per_second, |random| {
        ask(random);
    });
    let mut sampled = 0_u32;
    simulation.run(MEASURED, per_second, |random| {
        sampled += u32::from(ask(random))
    });
    f64::from(sampled) / MEASURED
}

#[track_caller]
fn check_near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 0.1 * expected,
        "{found}/s is not within 10 % of {expected}/s"
    );
}

/// 10 s at 100/s have a standard deviation of 3.2 %, so 10 % is three of these. The seed is fixed.
#[test]
fn the_target_is_met_after_steps_of_the_load() {
    let mut simulation = Simulation::new(1);
    let sampler = Adaptive::builder(100.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let name = |_: &mut Random| "GET".to_owned();
    for (load, expected) in [
        (100.0, 100.0),
        (100_000.0, 100.0),
        (1_000.0, 100.0),
        (20_000.0, 100.0),
        (100.0, 100.0),
        (50.0, 50.0),
    ] {
        check_near(
            sampled_per_second(&mut simulation, &sampler, load, name),
            expected,
        );
    }
}

/// Once the target is met, the sampled traces of each second stay near it and do not oscillate.
#[test]
fn there_is_no_oscillation() {
    let mut simulation = Simulation::new(2);
    let sampler = Adaptive::builder(400.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let mut seconds = Vec::new();
    for _ in 0..90 {
        let mut sampled = 0_u32;
        simulation.run(1.0, 10_000.0, |random| {
            sampled += u32::from(is_sampled(&sampler, random, "GET"));
        });
        seconds.push(f64::from(sampled));
    }
    let settled = &seconds[30..];
    let mean = settled.iter().sum::<f64>() / settled.len() as f64;
    check_near(mean, 400.0);
    let variance =
        settled.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / settled.len() as f64;
    // Random arrivals alone have a standard deviation of 20. The error of the rate, which is
    // estimated from 10,000 a second, adds less than 1 %.
    assert!(variance.sqrt() < 30.0, "{}", variance.sqrt());
    // Adjacent seconds are independent. An oscillation would make them correlate.
    let pairs = settled
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean));
    let correlation = pairs.sum::<f64>() / (settled.len() - 1) as f64 / variance;
    assert!(correlation.abs() < 0.4, "{correlation}");
}

#[test]
fn ten_thousand_operations_share_the_target_of_the_service() {
    let mut simulation = Simulation::new(3);
    let sampler = Adaptive::builder(200.0)
        .per_operation(1.0)
        .floor(None)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let name = |random: &mut Random| format!("GET /{}", random.below(10_000));
    check_near(
        sampled_per_second(&mut simulation, &sampler, 20_000.0, name),
        200.0,
    );
    // The table is bounded: 1,000 operations, and one state that the others share.
    assert_eq!(sampler.operations().len(), 1_001);
}

#[test]
fn a_frequent_operation_leaves_room_for_a_rare_one() {
    let mut simulation = Simulation::new(4);
    let sampler = Adaptive::builder(100.0)
        .per_operation(10.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let (mut rare, mut rare_sampled) = (0_u32, 0_u32);
    let mut frequent_sampled = 0_u32;
    simulation.run(120.0, 2_000.0, |random| {
        let is_rare = random.unit() < 0.001;
        let name = if is_rare { "rare" } else { "frequent" };
        let sampled = u32::from(is_sampled(&sampler, random, name));
        if is_rare {
            (rare, rare_sampled) = (rare + 1, rare_sampled + sampled);
        } else {
            frequent_sampled += sampled;
        }
    });
    assert_eq!(rare, rare_sampled);
    // The limit allows for extra traces at the start, before the first window ends.
    assert!(
        (1_080..=1_400).contains(&frequent_sampled),
        "{frequent_sampled}"
    );
}

/// A hundred operations at 5/s share a target of 0.1/s. At the smallest probability, 0.001, each
/// would be sampled three times in ten minutes on average, and some not at all.
#[test]
fn each_operation_is_seen_once_a_minute() {
    let mut simulation = Simulation::new(5);
    let clock = simulation.clock.clone();
    let sampler = Adaptive::builder(0.1).clock(clock).build().unwrap();
    let mut sampled = vec![0; 100];
    simulation.run(600.0, 500.0, |random| {
        let at = random.below(100);
        sampled[at] += u32::from(is_sampled(&sampler, random, &format!("GET /{at}")));
    });
    assert!(sampled.iter().all(|count| *count >= 9), "{sampled:?}");
    let all = sampled.iter().sum::<u32>();
    // Each operation has ten by the floor, three by probability, and one at the start.
    assert!((1_200..=1_600).contains(&all), "{all}");
}

/// 50 forced traces a second leave 50 of the target of 100 to the other 950 requests.
#[test]
fn forced_traces_use_up_the_target() {
    let mut simulation = Simulation::new(11);
    let sampler = Adaptive::builder(100.0)
        .force(Rule::new("pay").name_patterns(["POST /pay"]))
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let name = |random: &mut Random| {
        let is_forced = random.below(20) == 0;
        if is_forced { "POST /pay" } else { "GET" }.to_owned()
    };
    check_near(
        sampled_per_second(&mut simulation, &sampler, 1_000.0, name),
        100.0,
    );
}

#[test]
fn overload_shrinks_the_target() {
    let mut simulation = Simulation::new(6);
    let sampler = Adaptive::builder(100.0)
        .shed_above(1_000.0)
        .clock(simulation.clock.clone())
        .build()
        .unwrap();
    let name = |_: &mut Random| "GET".to_owned();
    check_near(
        sampled_per_second(&mut simulation, &sampler, 900.0, name),
        100.0,
    );
    check_near(
        sampled_per_second(&mut simulation, &sampler, 4_000.0, name),
        25.0,
    );
}

#[test]
fn the_probability_stays_within_its_bounds() {
    let mut simulation = Simulation::new(7);
    let clock = simulation.clock.clone();
    let sampler = Adaptive::builder(100.0)
        .probabilities(0.01, 0.5)
        .clock(clock)
        .build()
        .unwrap();
    let name = |_: &mut Random| "GET".to_owned();
    check_near(
        sampled_per_second(&mut simulation, &sampler, 160.0, name),
        80.0,
    );
    check_near(
        sampled_per_second(&mut simulation, &sampler, 20_000.0, name),
        200.0,
    );
}

#[test]
fn errors_and_slow_requests_raise_the_target() {
    for (error, seconds, expected) in [(false, 0.1, 100.0), (true, 0.1, 200.0), (false, 3.2, 120.0)]
    {
        let mut simulation = Simulation::new(8);
        let sampler = Adaptive::builder(100.0)
            .clock(simulation.clock.clone())
            .build()
            .unwrap();
        let reporting = sampler.clone();
        let name = move |_: &mut Random| {
            let duration = Duration::from_secs_f64(seconds);
            reporting.record("GET", Outcome::new(duration, error));
            "GET".to_owned()
        };
        let found = sampled_per_second(&mut simulation, &sampler, 2_000.0, name);
        check_near(found, expected);
    }
}

/// In the stock provider, the processor reports outcomes, weighted by `th`.
#[test]
fn the_processor_reports_outcomes_of_local_roots() {
    let adaptive = Adaptive::new(1_000.0).unwrap();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(adaptive.outcome_processor())
        .with_sampler(ParentBased::new(adaptive.clone()))
        .build();
    let tracer = provider.tracer("test");
    let start = SystemTime::UNIX_EPOCH;
    for at in 0..100 {
        use opentelemetry::trace::{Span as _, Status, TraceContextExt as _};
        let mut root = tracer
            .span_builder("GET")
            .with_start_time(start)
            .start(&tracer);
        if at % 4 == 0 {
            root.set_status(Status::error("out of stock"));
        }
        let cx = Context::new().with_span(root);
        // The outcome of a child is not reported.
        let mut child = tracer.build_with_context(tracer.span_builder("child"), &cx);
        child.set_status(Status::error("refused"));
        child.end();
        cx.span().end_with_timestamp(start + Duration::from_secs(2));
    }
    let states = adaptive.operations();
    let operation = states
        .iter()
        .find(|state| state.operation == "GET")
        .unwrap();
    assert_eq!(operation.error_ratio, Some(0.25));
    let p99 = operation.p99.unwrap().as_secs_f64();
    assert!((1.68..=2.38).contains(&p99), "{p99}");
    assert_eq!(adaptive.service().error_ratio, Some(0.25));
    assert_eq!(adaptive.service().boost, 2.0);
    assert!(states.iter().all(|state| state.operation != "child"));
}

/// A span that is only recorded keeps the `th` of its parent, and represents no other spans.
#[test]
fn spans_that_are_only_recorded_are_no_outcomes() {
    use opentelemetry::trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId,
    };
    let adaptive = Adaptive::new(1_000.0).unwrap();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(adaptive.outcome_processor())
        .with_sampler(AlwaysRecord::new(ParentBased::new(adaptive.clone())))
        .build();
    let tracer = provider.tracer("test");
    let state = "ot=th:c".parse().unwrap();
    let flags = TraceFlags::NOT_SAMPLED;
    let caller = SpanContext::new(TraceId::from(1), SpanId::from(1), flags, true, state);
    let caller = Context::new().with_remote_span_context(caller);
    for _ in 0..100 {
        let span = tracer
            .span_builder("GET")
            .start_with_context(&tracer, &caller);
        assert!(span.is_recording() && !span.span_context().is_sampled());
        assert_eq!(span.span_context().trace_state().header(), "ot=th:c");
        drop(span);
    }
    assert_eq!(adaptive.service().error_ratio, None);
}
