//! What the tests with random input share.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

/// Runs a test 512 times. A failure prints the smallest input found.
#[track_caller]
pub fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    if let Err(failure) = TestRunner::new(config()).run(&strategy, test) {
        panic!("{failure}");
    }
}

/// A seed of its own in each run, printed when a test fails; `TRACER_SEED` brings one back.
fn config() -> ProptestConfig {
    let seed: u64 = match std::env::var("TRACER_SEED") {
        Ok(text) => text.parse().expect("TRACER_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
    };
    eprintln!("TRACER_SEED={seed}");
    ProptestConfig {
        cases: 512,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Default::default()
    }
}

/// Two ids that are valid.
pub fn ids() -> impl Strategy<Value = (u128, u64)> {
    (1..=u128::MAX, 1..=u64::MAX)
}

/// Visible ASCII and inner spaces.
pub fn is_header_safe(value: impl AsRef<[u8]>) -> bool {
    let value = value.as_ref();
    value.iter().all(|byte| (0x20..=0x7e).contains(byte))
        && !value.starts_with(b" ")
        && !value.ends_with(b" ")
}
