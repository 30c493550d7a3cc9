//! A simulation of random requests to a sampler with a manual clock.

#![allow(
    dead_code,
    reason = "several programs share this file, and some use only a part of it"
)]

use std::time::Duration;

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
use tracer_sampling::{Clock, ManualClock};

/// A SplitMix64 generator, which gives the same requests for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 to 1, excluding 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }
}

pub struct Simulation {
    pub clock: Clock,
    hand: ManualClock,
    pub random: Random,
    /// The seconds since the start. The clock is one second ahead.
    pub now: f64,
}

impl Simulation {
    pub fn new(seed: u64) -> Self {
        let (clock, hand) = Clock::manual();
        hand.advance(Duration::from_secs(1));
        Self {
            clock,
            hand,
            random: Random(seed),
            now: 0.0,
        }
    }

    /// Runs for `seconds` with requests at random times, `per_second` of them on average. Calls
    /// `request` for each request.
    pub fn run(&mut self, seconds: f64, per_second: f64, mut request: impl FnMut(&mut Random)) {
        let end = self.now + seconds;
        loop {
            let gap = -(1.0 - self.random.unit()).ln() / per_second;
            let gap = gap.min(end - self.now);
            self.hand.advance(Duration::from_secs_f64(gap));
            self.now += gap;
            if self.now >= end {
                return;
            }
            request(&mut self.random);
        }
    }
}

/// Returns whether the sampler samples a root span with a random trace id.
pub fn is_sampled(sampler: &impl ShouldSample, random: &mut Random, name: &str) -> bool {
    let id = (u128::from(random.next()) << 64) | u128::from(random.next());
    let result = sampler.should_sample(None, TraceId::from(id), name, &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}
