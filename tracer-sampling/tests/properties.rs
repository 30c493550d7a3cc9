//! Properties that hold for all ids and ratios, and agreement with the stock SDK.

// The lints do not recognise the helpers of tests as test code.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{SAMPLED, ask, parent};
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tracer_sampling::{AlwaysOn, ParentBased, Probability, TraceIdRatio};

/// Generates ratios of all magnitudes down to 2^-56, and the ends of the range.
fn ratios() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..=1.0,
        (-56.0..=0.0).prop_map(f64::exp2),
        Just(0.0),
        Just(1.0),
        Just(0.5),
        Just(2_f64.powi(-56)),
    ]
    .prop_filter("2^-56 is the smallest ratio above 0", |ratio| {
        *ratio == 0.0 || *ratio >= 2_f64.powi(-56)
    })
}

/// Returns an arbitrary id, and ids close to the bounds that follow from a ratio.
fn near(ratio: f64, id: u128, offset: i8) -> [u128; 3] {
    let of_sdk = (ratio * 2_f64.powi(64)) as u64;
    let of_probability = ((1.0 - ratio) * 2_f64.powi(56)) as u64;
    [
        id,
        u128::from(of_sdk.wrapping_add_signed(offset.into())) | (1 << 64),
        u128::from(of_probability.wrapping_add_signed(offset.into())) | (1 << 64),
    ]
}

proptest! {
    #![proptest_config(config(2048))]

    #[test]
    fn trace_id_ratio_decides_as_the_stock_sdk(ratio in ratios(), id: u128, offset: i8) {
        let (ours, theirs) = (TraceIdRatio::new(ratio).unwrap(), Sampler::TraceIdRatioBased(ratio));
        for id in near(ratio, id, offset) {
            prop_assert_eq!(ask(&ours, None, id), ask(&theirs, None, id), "{} {:x}", ratio, id);
        }
    }

    #[test]
    fn parent_based_decides_as_the_stock_sdk(id in 1..=u128::MAX, flags: u8, remote: bool) {
        let ours = ParentBased::new(TraceIdRatio::new(0.5).unwrap());
        let theirs = Sampler::parent_based(Sampler::TraceIdRatioBased(0.5));
        let cx = parent(id, flags, remote, "a=1");
        prop_assert_eq!(ask(&ours, Some(&cx), id), ask(&theirs, Some(&cx), id));
        prop_assert_eq!(ask(&ours, None, id), ask(&theirs, None, id));
    }

    /// The purpose of consistent sampling: a lower ratio never samples a trace that a higher ratio
    /// drops.
    #[test]
    fn probabilities_are_consistent(a in ratios(), b in ratios(), id: u128, offset: i8, digits in 1_u8..=14) {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let sampler = |ratio| Probability::new(ratio).unwrap().precision(digits).unwrap();
        let (low, high) = (sampler(low), sampler(high));
        prop_assume!(low.ratio() <= high.ratio());
        for id in near(a, id, offset).into_iter().chain(near(b, id, offset)) {
            prop_assert!(!ask(&low, None, id).0 || ask(&high, None, id).0, "{:x}", id);
        }
    }

    /// With 14 digits the threshold is exact: T = (1 - ratio) 2^56. A trace is sampled if R >= T.
    #[test]
    fn the_exact_threshold_is_the_formula(parts in 0..=1_u64 << 53, id: u128, offset: i8) {
        let ratio = parts as f64 / 2_f64.powi(53);
        let sampler = Probability::new(ratio).unwrap().precision(14).unwrap();
        prop_assert_eq!(sampler.ratio(), ratio);
        let threshold = (1_u64 << 56) - parts * 8;
        for id in near(ratio, id, offset) {
            prop_assert_eq!(ask(&sampler, None, id).0, id as u64 & ((1 << 56) - 1) >= threshold);
        }
    }

    /// Four digits keep the relative error of any ratio below 1 in 16^3 x 2.
    #[test]
    fn rounding_changes_the_ratio_little(ratio in ratios()) {
        let rounded = Probability::new(ratio).unwrap().ratio();
        prop_assert!((rounded - ratio).abs() <= ratio / 8192.0 + 2_f64.powi(-57), "{} {}", ratio, rounded);
    }

    #[test]
    fn no_trace_state_makes_a_sampler_fail(value in "[ -+\\--<>-~]{0,256}", id: u128) {
        let cx = parent(id.max(1), SAMPLED, true, "");
        let state = opentelemetry::trace::TraceState::from_key_value([("ot", value)]).unwrap();
        let cx = {
            use opentelemetry::trace::{SpanContext, TraceContextExt};
            let span = cx.span();
            let old = span.span_context();
            cx.with_remote_span_context(SpanContext::new(old.trace_id(), old.span_id(), old.trace_flags(), true, state))
        };
        for ratio in [0.0, 0.5, 1.0] {
            let (_, state) = ask(&Probability::new(ratio).unwrap(), Some(&cx), id);
            prop_assert!(state.len() <= 3 + 256);
            ask(&ParentBased::new(AlwaysOn), Some(&cx), id);
        }
    }
}

/// The sequence of a million ids is fixed, so the result is the same in every run. The statistic of
/// the chi-square test with one degree of freedom exceeds 24 for one sequence in a million.
#[test]
fn each_probability_samples_its_fraction_of_a_million_ids() {
    let mut state = 42_u64;
    let mut next = || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    const IDS: u32 = 1_000_000;
    let ratios = [0.5, 0.25, 0.1, 0.01, 0.001];
    let samplers = ratios.map(|ratio| {
        let probability = Probability::new(ratio).unwrap();
        let exact = probability.ratio();
        (probability, exact, TraceIdRatio::new(ratio).unwrap(), ratio)
    });
    let mut sampled = [[0_u32; 2]; 5];
    for _ in 0..IDS {
        let id = TraceId::from(u128::from(next()) << 64 | u128::from(next()));
        for (counts, (probability, _, ratio, _)) in sampled.iter_mut().zip(&samplers) {
            counts[0] += u32::from(samples(probability, id));
            counts[1] += u32::from(samples(ratio, id));
        }
    }
    for (counts, (_, exact, _, ratio)) in sampled.into_iter().zip(&samplers) {
        for (count, ratio) in counts.into_iter().zip([exact, ratio]) {
            let expected = ratio * f64::from(IDS);
            let difference = f64::from(count) - expected;
            let statistic = difference.powi(2) / expected / (1.0 - ratio);
            assert!(
                statistic < 24.0,
                "{count} of {IDS} for {ratio}: {statistic}"
            );
        }
    }
}

fn samples(sampler: &impl ShouldSample, id: TraceId) -> bool {
    let result = sampler.should_sample(None, id, "", &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

/// Each run has a new seed, which is printed when a test fails. Set `TRACER_SEED` to repeat a run.
fn config(cases: u32) -> ProptestConfig {
    let seed: u64 = match std::env::var("TRACER_SEED") {
        Ok(text) => text.parse().expect("TRACER_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), cases),
    };
    eprintln!("TRACER_SEED={seed}");
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Default::default()
    }
}
