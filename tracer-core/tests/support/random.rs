//! Random tests that can be repeated.

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

use proptest::test_runner::{Config, RngSeed};

use super::rounds;

/// Returns the configuration of a random test of 256 cases, or of 10,000 with `TRACER_FULL` in the
/// environment. Prints the seed, which `TRACER_SEED` gives back to repeat a run.
pub fn config() -> Config {
    let seed = match env::var("TRACER_SEED") {
        Ok(seed) => seed.parse().expect("TRACER_SEED is a number"),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    println!("TRACER_SEED={seed}");
    Config {
        cases: u32::try_from(rounds(256, 10_000)).expect("few"),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}
