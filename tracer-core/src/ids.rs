//! Trace and span ids: random, never zero, without a lock or a system call on the span path. Or
//! those of a generator that the application brings.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use rand::{
    Rng, SeedableRng,
    rngs::{SmallRng, SysRng},
};

use crate::panic_guard::catch_panic;

/// The W3C level 2 flag that says: the trace id is random in its last 7 bytes.
pub(crate) const RANDOM: TraceFlags = TraceFlags::new(0x02);

thread_local! {
    /// The generator of this thread, seeded with its first span. Has nothing to drop, so it works
    /// also while the thread's other locals are torn down.
    static GENERATOR: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// The ids of a new span: its own 64 bits, and 128 bits for its trace where it has no parent. All
/// of them are random and neither is zero (W3C Trace Context, `trace-id` and `parent-id`), so the
/// level 2 random flag may be set on a root.
///
/// `rand::rng()` is not used: it can be entered again from a logger that it calls itself
/// (RUSTSEC-2026-0097), which is the position a span library is in.
#[inline]
pub(crate) fn new_ids(trace_id: Option<TraceId>) -> (TraceId, SpanId) {
    GENERATOR.with(|generator| match generator.try_borrow_mut() {
        Ok(mut generator) => ids(generator.get_or_insert_with(seeded), trace_id),
        // Cannot happen: nothing foreign runs while the generator is borrowed.
        Err(_) => ids(&mut seeded(), trace_id),
    })
}

/// The id of a new span in a trace that goes on.
#[inline]
pub(crate) fn new_span_id() -> SpanId {
    GENERATOR.with(|generator| {
        SpanId::from(match generator.try_borrow_mut() {
            Ok(mut generator) => non_zero(generator.get_or_insert_with(seeded)),
            // As above.
            Err(_) => non_zero(&mut seeded()),
        })
    })
}

/// Whether the trace ids of an application's own generator are random, which sets the W3C level 2
/// `random` flag on roots (trace/sdk.md "IdGenerator randomness"): others may then sample by the id.
/// Complete: it is known or it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceIdRandomness {
    /// The last 7 bytes of every trace id are random (W3C Trace Context level 2, "Random trace
    /// ID flag").
    Random,
    /// Nothing is known of them: the flag stays unset.
    Unknown,
}

/// The generator of an application, in place of [`new_ids`].
#[derive(Debug)]
pub(crate) struct CustomIds {
    generator: Box<dyn IdGenerator>,
    randomness: TraceIdRandomness,
    failures: AtomicU64,
}

impl CustomIds {
    pub(crate) fn new(generator: Box<dyn IdGenerator>, randomness: TraceIdRandomness) -> Self {
        Self {
            generator,
            randomness,
            failures: AtomicU64::new(0),
        }
    }

    /// Ids as [`new_ids`] gives them, and the flags of a root. Where the generator panics or gives
    /// zero, which no id may be, random ones stand in, and that is counted.
    pub(crate) fn new_ids(&self, trace_id: Option<TraceId>) -> (TraceId, SpanId, TraceFlags) {
        let made = catch_panic(|| {
            let trace_id = trace_id.unwrap_or_else(|| self.generator.new_trace_id());
            (trace_id, self.generator.new_span_id())
        });
        let valid =
            made.filter(|(trace, span)| *trace != TraceId::INVALID && *span != SpanId::INVALID);
        let (trace_id, span_id) = valid.unwrap_or_else(|| {
            // Relaxed: a statistic.
            self.failures.fetch_add(1, Ordering::Relaxed);
            new_ids(trace_id)
        });
        let flags = match self.randomness {
            TraceIdRandomness::Random => RANDOM,
            TraceIdRandomness::Unknown => TraceFlags::NOT_SAMPLED,
        };
        (trace_id, span_id, flags)
    }

    /// In a forked child: what failed in the parent is the parent's.
    pub(crate) fn forget_failures(&self) {
        // Relaxed: a statistic.
        self.failures.store(0, Ordering::Relaxed);
    }

    /// How often random ids stood in.
    pub(crate) fn failures(&self) -> u64 {
        // Relaxed: a statistic.
        self.failures.load(Ordering::Relaxed)
    }
}

/// Makes this thread, the only one of a forked child, take ids of its own. Called in the fork.
#[cfg(unix)]
pub(crate) fn forked() {
    GENERATOR.with(|generator| {
        // In use only if a fork happens inside of the generator, which calls nothing that forks.
        if let Ok(mut generator) = generator.try_borrow_mut() {
            *generator = None;
        }
    });
}

#[inline]
fn ids(random: &mut SmallRng, trace_id: Option<TraceId>) -> (TraceId, SpanId) {
    let trace_id = trace_id.unwrap_or_else(|| {
        let high = random.next_u64();
        TraceId::from((u128::from(high) << 64) | u128::from(non_zero(random)))
    });
    (trace_id, SpanId::from(non_zero(random)))
}

#[inline]
fn non_zero(random: &mut SmallRng) -> u64 {
    loop {
        let bits = random.next_u64();
        if bits != 0 {
            return bits;
        }
    }
}

/// A generator of its own sequence. Where the operating system gives no randomness, the seed is
/// taken from the hash keys of the standard library, which differ per call; a forked child has
/// those of its parent, but not its number.
#[cold]
fn seeded() -> SmallRng {
    SmallRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| {
        use std::hash::{BuildHasher, RandomState};
        let here = (std::process::id(), std::thread::current().id());
        SmallRng::seed_from_u64(RandomState::new().hash_one(here))
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn ids_are_valid_and_differ_within_and_across_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| thread::spawn(|| (0..10_000).map(|_| new_ids(None)).collect::<Vec<_>>()))
            .collect();
        let (mut traces, mut spans) = (HashSet::new(), HashSet::new());
        for thread in threads {
            for (trace, span) in thread.join().expect("thread") {
                assert_ne!(trace, TraceId::INVALID);
                assert_ne!(span, SpanId::INVALID);
                assert!(traces.insert(trace) && spans.insert(span));
            }
        }
    }

    #[test]
    fn child_keeps_the_trace_id_it_is_given() {
        let (trace_id, _) = new_ids(None);
        assert_eq!(new_ids(Some(trace_id)).0, trace_id);
    }
}
