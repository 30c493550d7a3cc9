//! Trace and span ids. They are random and never zero, and creating them takes no lock and no
//! system call. Alternatively, the application provides its own generator.

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

/// The W3C level 2 flag for a trace id whose last 7 bytes are random.
pub(crate) const RANDOM: TraceFlags = TraceFlags::new(0x02);

thread_local! {
    /// The generator of this thread, seeded with its first span. It has no destructor, so it also
    /// works while the thread's other locals are being torn down.
    static GENERATOR: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// Returns the ids of a new span: 64 bits for the span, and 128 bits for its trace if `trace_id` is
/// `None`. All bits are random and neither id is zero (W3C Trace Context, `trace-id` and
/// `parent-id`), so the level 2 random flag may be set on a root.
///
/// `rand::rng()` is not used, because a logger that it calls may call it again (RUSTSEC-2026-0097),
/// and a span library may be part of such a logger.
#[inline]
pub(crate) fn new_ids(trace_id: Option<TraceId>) -> (TraceId, SpanId) {
    GENERATOR.with(|generator| match generator.try_borrow_mut() {
        Ok(mut generator) => ids(generator.get_or_insert_with(seeded), trace_id),
        // Cannot happen: no user code runs while the generator is borrowed.
        Err(_) => ids(&mut seeded(), trace_id),
    })
}

/// Returns the id of a new span in an existing trace.
#[inline]
pub(crate) fn new_span_id() -> SpanId {
    GENERATOR.with(|generator| {
        SpanId::from(match generator.try_borrow_mut() {
            Ok(mut generator) => non_zero(generator.get_or_insert_with(seeded)),
            // Cannot happen, as in `new_ids`.
            Err(_) => non_zero(&mut seeded()),
        })
    })
}

/// Whether the trace ids of an application's own generator are random. If so, roots get the W3C
/// level 2 `random` flag (trace/sdk.md "IdGenerator randomness"), and other systems may sample by
/// the id.
///
/// This enum is complete: the randomness is known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceIdRandomness {
    /// The last 7 bytes of every trace id are random (W3C Trace Context level 2, "Random trace
    /// ID flag").
    Random,
    /// Nothing is known about the ids, and the flag is not set.
    Unknown,
}

/// A generator of the application, which replaces [`new_ids`].
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

    /// Returns the ids of a new span, like [`new_ids`], and the flags of a root. If the generator
    /// panics or returns zero, which is not a valid id, random ids replace them, and the failure is
    /// counted.
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

    /// Resets the counter in a forked child, because its value belongs to the parent.
    pub(crate) fn forget_failures(&self) {
        // Relaxed: a statistic.
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Returns how often random ids replaced those of the generator.
    pub(crate) fn failures(&self) -> u64 {
        // Relaxed: a statistic.
        self.failures.load(Ordering::Relaxed)
    }
}

/// Makes this thread, the only one of a forked child, seed its generator anew. Called in the fork.
pub(crate) fn forked() {
    GENERATOR.with(|generator| {
        // It is borrowed only if a fork happens inside the generator, which calls nothing that
        // forks.
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

/// Returns a generator with its own seed. If the operating system provides no randomness, the seed
/// comes from the hash keys of the standard library, which differ for each call. A forked child has
/// the keys of its parent, but another process id.
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
