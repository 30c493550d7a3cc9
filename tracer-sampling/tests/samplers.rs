//! Tests of the samplers against the tables and examples of the specification.

// The lints do not recognise the helpers of tests as test code.
#![allow(clippy::panic, clippy::unwrap_used)]

mod common;

use common::{SAMPLED, ask, parent};
use opentelemetry::Context;
use tracer_sampling::{AlwaysOff, AlwaysOn, Error, ParentBased, Probability, TraceIdRatio};

/// The random flag of W3C Trace Context Level 2.
const RANDOM: u8 = 2;
const HIGH: u128 = 0x4bf9_2f35_77b3_4da6_a3ff_ffff_ffff_ffff;
const LOW: u128 = 0x4bf9_2f35_77b3_4da6_a300_0000_0000_0000;

#[test]
fn samplers_are_send_sync_clone_and_debug() {
    fn check<T: Send + Sync + Clone + std::fmt::Debug>() {}
    check::<AlwaysOn>();
    check::<AlwaysOff>();
    check::<ParentBased>();
    check::<Probability>();
    check::<TraceIdRatio>();
    check::<tracer_sampling::env::Configured>();
}

#[test]
fn the_trace_state_of_the_parent_is_passed_on() {
    let samplers: [(&dyn opentelemetry_sdk::trace::ShouldSample, bool); 5] = [
        (&AlwaysOn, true),
        (&AlwaysOff, false),
        (&ParentBased::new(AlwaysOff), true),
        (&TraceIdRatio::new(0.0).unwrap(), false),
        (&Probability::new(0.0).unwrap(), false),
    ];
    let cx = parent(LOW, SAMPLED, true, "a=1,b=2");
    for (sampler, sampled) in samplers {
        assert_eq!(
            ask(sampler, Some(&cx), LOW),
            (sampled, "a=1,b=2".to_owned()),
            "{sampler:?}"
        );
        assert_eq!(ask(sampler, None, LOW).1, "");
    }
}

/// The table of *ParentBased*. One branch at a time samples, and only spans with its kind of parent
/// are sampled.
#[test]
fn each_of_the_five_branches_is_asked_for_its_parent_only() {
    let all_off = || {
        ParentBased::new(AlwaysOff)
            .remote_parent_sampled(AlwaysOff)
            .remote_parent_not_sampled(AlwaysOff)
            .local_parent_sampled(AlwaysOff)
            .local_parent_not_sampled(AlwaysOff)
    };
    let parents = [
        None,
        Some(parent(LOW, SAMPLED, true, "")),
        Some(parent(LOW, 0, true, "")),
        Some(parent(LOW, SAMPLED, false, "")),
        Some(parent(LOW, 0, false, "")),
        // An invalid parent, so the span is a root.
        Some(Context::new()),
        Some(parent(0, SAMPLED, true, "")),
    ];
    let root_on = ParentBased::new(AlwaysOn)
        .remote_parent_sampled(AlwaysOff)
        .local_parent_sampled(AlwaysOff);
    let samplers = [
        (root_on, [true, false, false, false, false, true, true]),
        (
            all_off().remote_parent_sampled(AlwaysOn),
            [false, true, false, false, false, false, false],
        ),
        (
            all_off().remote_parent_not_sampled(AlwaysOn),
            [false, false, true, false, false, false, false],
        ),
        (
            all_off().local_parent_sampled(AlwaysOn),
            [false, false, false, true, false, false, false],
        ),
        (
            all_off().local_parent_not_sampled(AlwaysOn),
            [false, false, false, false, true, false, false],
        ),
        // The defaults of the specification.
        (
            ParentBased::new(AlwaysOff),
            [false, true, false, true, false, false, false],
        ),
    ];
    for (sampler, expected) in samplers {
        let found = parents
            .each_ref()
            .map(|cx| ask(&sampler, cx.as_ref(), LOW).0);
        assert_eq!(found, expected, "{sampler:?}");
    }
}

#[test]
fn parent_based_removes_a_threshold_that_contradicts_the_parent() {
    let sampler = ParentBased::new(AlwaysOff);
    let state = |trace_id, state: &str| {
        let (sampled, state) = ask(
            &sampler,
            Some(&parent(trace_id, SAMPLED, true, state)),
            trace_id,
        );
        assert!(sampled);
        state
    };
    assert_eq!(state(HIGH, "ot=th:c;x:1"), "ot=th:c;x:1");
    assert_eq!(state(LOW, "a=1,ot=th:c;x:1"), "ot=x:1,a=1");
    assert_eq!(
        state(LOW, "ot=th:c;rv:c0000000000000"),
        "ot=th:c;rv:c0000000000000"
    );
    assert_eq!(
        state(HIGH, "ot=th:c;rv:bfffffffffffff"),
        "ot=rv:bfffffffffffff"
    );
}

#[test]
fn probability_compares_the_last_seven_bytes_with_the_threshold() {
    let quarter = Probability::new(0.25).unwrap();
    let id = |low: u128| (LOW | low, None::<Context>);
    for (low, sampled) in [(0xc0_0000_0000_0000, true), (0xbf_ffff_ffff_ffff, false)] {
        let (trace_id, cx) = id(low);
        assert_eq!(ask(&quarter, cx.as_ref(), trace_id).0, sampled);
    }
    assert_eq!(ask(&quarter, None, HIGH).1, "ot=th:c");
    assert_eq!(ask(&Probability::new(1.0).unwrap(), None, LOW).1, "ot=th:0");
    // The specification gives `th` of 1 % with five digits as an example.
    let one_percent = Probability::new(0.01).unwrap().precision(5).unwrap();
    assert_eq!(ask(&one_percent, None, HIGH).1, "ot=th:fd70a4");
    assert_eq!(
        ask(&Probability::new(0.0).unwrap(), None, HIGH),
        (false, String::new())
    );
}

/// The example of *Explicit randomness value*: the randomness is 43.1 % of its range, so a ratio of
/// 56.9 % or more samples the trace.
#[test]
fn explicit_randomness_overrides_the_trace_id_and_is_kept() {
    let state = "a=1,ot=x:1;rv:6e6d1a75832a2f";
    for flags in [0, SAMPLED | RANDOM] {
        let cx = parent(LOW, flags, true, state);
        let sampled = ask(&Probability::new(0.57).unwrap(), Some(&cx), LOW);
        assert_eq!(
            sampled,
            (true, "ot=th:6e14;x:1;rv:6e6d1a75832a2f,a=1".to_owned())
        );
        let cx = parent(HIGH, flags, true, state);
        assert_eq!(
            ask(&Probability::new(0.56).unwrap(), Some(&cx), HIGH),
            (false, state.into())
        );
    }
    // For a root, an application passes the trace state through an invalid parent.
    let cx = parent(0, 0, false, "ot=rv:ffffffffffffff");
    let root = ask(&Probability::new(0.25).unwrap(), Some(&cx), LOW);
    assert_eq!(root, (true, "ot=th:c;rv:ffffffffffffff".to_owned()));
}

#[test]
fn probability_ignores_the_parent_and_replaces_or_removes_its_threshold() {
    let quarter = Probability::new(0.25).unwrap();
    let cx = parent(HIGH, 0, true, "ot=th:8;p:8");
    assert_eq!(
        ask(&quarter, Some(&cx), HIGH),
        (true, "ot=th:c;p:8".to_owned())
    );
    let cx = parent(LOW, SAMPLED, true, "ot=th:0;p:8");
    assert_eq!(ask(&quarter, Some(&cx), LOW), (false, "ot=p:8".to_owned()));
}

#[test]
fn a_full_member_is_passed_on_without_the_threshold_and_counted() {
    let quarter = Probability::new(0.25).unwrap();
    let full = format!("x:{}", "y".repeat(254));
    let cx = parent(HIGH, 0, true, &format!("ot={full}"));
    assert_eq!(
        ask(&quarter.clone(), Some(&cx), HIGH),
        (true, format!("ot={full}"))
    );
    assert_eq!(quarter.thresholds_left_out(), 1);
}

#[test]
fn presumed_randomness_is_reported_for_children_only() {
    let sampler = Probability::new(0.25).unwrap();
    ask(&sampler, None, LOW);
    ask(
        &sampler,
        Some(&parent(LOW, SAMPLED | RANDOM, true, "")),
        LOW,
    );
    ask(
        &sampler,
        Some(&parent(LOW, SAMPLED, true, "ot=rv:6e6d1a75832a2f")),
        LOW,
    );
    assert!(!sampler.presumed_randomness());
    ask(&sampler.clone(), Some(&parent(LOW, SAMPLED, true, "")), LOW);
    assert!(sampler.presumed_randomness());
}

#[test]
fn settings_out_of_range_are_refused() {
    for ratio in [-0.1, 1.000001, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(
            Probability::new(ratio).unwrap_err(),
            Error::RatioOutOfRange { ratio }
        );
        assert_eq!(
            TraceIdRatio::new(ratio).unwrap_err(),
            Error::RatioOutOfRange { ratio }
        );
    }
    assert!(Probability::new(f64::NAN).is_err() && TraceIdRatio::new(f64::NAN).is_err());
    assert!(Probability::new(2_f64.powi(-56)).is_ok());
    let ratio = 2_f64.powi(-57);
    assert_eq!(
        Probability::new(ratio).unwrap_err(),
        Error::RatioTooSmall { ratio }
    );
    for digits in [0, 15] {
        let refused = Probability::new(0.5)
            .unwrap()
            .precision(digits)
            .unwrap_err();
        assert_eq!(refused, Error::Precision { digits });
    }
}
