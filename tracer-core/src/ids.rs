//! Trace and span ids: random, never zero, without a lock or a system call on the span path.

use opentelemetry::{SpanId, TraceId};
use rand::{
    Rng, SeedableRng,
    rngs::{SmallRng, SysRng},
};

/// The generator of one thread, seeded once from the operating system.
///
/// `rand::rng()` is not used: it can be entered again from a logger that it calls itself
/// (RUSTSEC-2026-0097), which is the position a span library is in.
#[derive(Debug)]
pub(crate) struct IdGenerator(SmallRng);

impl IdGenerator {
    /// A generator of its own sequence. Where the operating system gives no randomness, the seed
    /// is taken from the hash keys of the standard library, which differ per call; a forked child
    /// has those of its parent, but not its number.
    pub(crate) fn new() -> Self {
        Self(SmallRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| {
            use std::hash::{BuildHasher, RandomState};
            SmallRng::seed_from_u64(
                RandomState::new().hash_one((std::process::id(), std::thread::current().id())),
            )
        }))
    }

    /// 128 random bits, never zero (W3C Trace Context, `trace-id`); all of them random, so the
    /// level 2 random flag may be set.
    pub(crate) fn trace_id(&mut self) -> TraceId {
        let high = self.0.next_u64();
        TraceId::from((u128::from(high) << 64) | u128::from(self.non_zero()))
    }

    /// 64 random bits, never zero (W3C Trace Context, `parent-id`).
    pub(crate) fn span_id(&mut self) -> SpanId {
        SpanId::from(self.non_zero())
    }

    fn non_zero(&mut self) -> u64 {
        loop {
            let random = self.0.next_u64();
            if random != 0 {
                return random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_valid_and_differ_within_and_across_generators() {
        let mut traces = HashSet::new();
        let mut spans = HashSet::new();
        for _ in 0..4 {
            let mut ids = IdGenerator::new();
            for _ in 0..10_000 {
                let (trace, span) = (ids.trace_id(), ids.span_id());
                assert_ne!(trace, TraceId::INVALID);
                assert_ne!(span, SpanId::INVALID);
                assert!(traces.insert(trace) && spans.insert(span));
            }
        }
    }
}
