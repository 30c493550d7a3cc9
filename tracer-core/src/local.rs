//! What one thread keeps: its id generator, and for each provider a ring and spare recordings.
//!
//! The only way a span touches other threads is the release store of its ring. If the thread is
//! being torn down and its locals are gone, the provider's shared ring under a lock takes over, so
//! such a span is delivered or counted like any other.

use std::{
    cell::RefCell,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use opentelemetry::{SpanId, TraceId};

use crate::{
    fork,
    ids::IdGenerator,
    provider::{Engine, Shared},
    ring::byte_ring::{Counters, Producer, PushError, Pushed},
    span::recording::Recording,
    sync::thread_local,
};

/// The bytes of spare recordings that a thread keeps for each provider: those of some hundred spans
/// of usual size that are open at once. More are allocated and freed.
const SPARE_BYTES: usize = 128 * 1024;

struct Local {
    /// That of the process, when the rest was made.
    generation: u64,
    ids: IdGenerator,
    /// The provider used last is first.
    slots: Vec<Slot>,
}

struct Slot {
    /// That of `shared`, here so that finding a slot touches no other memory.
    id: u64,
    shared: Arc<Shared>,
    outlet: Outlet,
}

/// One thread's way out to one provider. The shared ring of a provider has one too.
#[derive(Debug)]
pub(crate) struct Outlet {
    engine: Arc<Engine>,
    producer: Producer,
    // Boxed, because the box is what the span handle holds: taking one moves a pointer.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    spare: Vec<Box<Recording>>,
    /// The memory of the spares. Invariant: at most `max_spare_bytes`.
    spare_bytes: usize,
    max_spare_bytes: usize,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
}

/// The ids of a new span: its own, and a trace id where it has no parent.
pub(crate) fn new_ids(trace_id: Option<TraceId>) -> (TraceId, SpanId) {
    let ids = |ids: &mut IdGenerator| {
        let trace_id = trace_id.unwrap_or_else(|| ids.trace_id());
        (trace_id, ids.span_id())
    };
    // The cell is free unless a sampler that is dropped with its provider starts a span; then, and
    // when the thread's locals are gone, a generator is made for this span.
    LOCAL
        .try_with(|local| {
            local
                .try_borrow_mut()
                .ok()
                .map(|mut local| ids(&mut local.ids))
        })
        .ok()
        .flatten()
        .unwrap_or_else(|| ids(&mut IdGenerator::new()))
}

/// A recording for a new span, counted as started.
#[inline]
pub(crate) fn start(shared: &Arc<Shared>) -> Box<Recording> {
    let spare = LOCAL
        .try_with(|local| Some(local.try_borrow_mut().ok()?.outlet(shared)?.start()))
        .ok()
        .flatten()
        .unwrap_or_else(|| shared.start_elsewhere());
    spare.unwrap_or_else(|| Box::new(Recording::new(Arc::clone(shared))))
}

/// Takes an ended span: hands its bytes to the worker if it is sampled, and keeps the recording
/// for the next span.
pub(crate) fn end(recording: Box<Recording>, sampled: bool) {
    if recording.is_the_parents() {
        return recording.shared.count_forked();
    }
    // An option, because the closure is dropped unused where the thread's locals are gone.
    let mut recording = Some(recording);
    // The result only says whether the recording was taken, which the option says as well.
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut local) = local.try_borrow_mut()
            && let Some(taken) = recording.take()
        {
            match local.outlet(&taken.shared) {
                Some(outlet) => outlet.end(taken, sampled),
                None => recording = Some(taken),
            }
        }
    });
    if let Some(recording) = recording {
        let shared = Arc::clone(&recording.shared);
        shared.end_elsewhere(recording, sampled);
    }
}

/// Makes this thread, the only one of a forked child, start anew. Called in the fork.
pub(crate) fn forked() {
    // If the locals are gone, so are the ids and slots; if they are in use, see `bring_forward`.
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut local) = local.try_borrow_mut() {
            local.renew();
        }
    });
}

impl Local {
    fn new() -> Self {
        Self {
            generation: fork::generation(),
            ids: IdGenerator::new(),
            slots: Vec::new(),
        }
    }

    /// In a forked child, takes ids of its own and forgets the parent's rings, without dropping
    /// them: that would say that the parent's thread is gone.
    fn renew(&mut self) {
        if self.generation != fork::generation() {
            mem::forget(mem::replace(self, Self::new()));
        }
    }

    /// The way out to a provider. Registers a ring with the thread's first span, unless the
    /// provider is closed: nobody would read it.
    fn outlet(&mut self, shared: &Arc<Shared>) -> Option<&mut Outlet> {
        if self.slots.first().is_none_or(|slot| slot.id != shared.id) {
            self.bring_forward(shared)?;
        }
        Some(&mut self.slots.first_mut()?.outlet)
    }

    #[cold]
    fn bring_forward(&mut self, shared: &Arc<Shared>) -> Option<()> {
        if let Some(at) = self.slots.iter().position(|slot| slot.id == shared.id) {
            self.slots.swap(0, at);
            return Some(());
        }
        if shared.is_closed() {
            return None;
        }
        // The rings of providers that are shut down are given back here, or with the thread.
        let closed: Vec<_> = self
            .slots
            .extract_if(.., |slot| slot.shared.is_closed())
            .collect();
        // With the last of it goes a sampler, whose drop is foreign code.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(closed))) {
            mem::forget(payload);
        }
        // And foreign code may fork, which then found these locals in use.
        self.renew();
        let slot = Slot {
            id: shared.id,
            shared: Arc::clone(shared),
            outlet: Outlet::new(shared, SPARE_BYTES),
        };
        self.slots.insert(0, slot);
        Some(())
    }
}

impl Outlet {
    /// Registers a ring. At most `max_spare_bytes` of buffers are kept for later spans.
    pub(crate) fn new(shared: &Arc<Shared>, max_spare_bytes: usize) -> Self {
        let engine = shared.running_engine();
        Self {
            producer: engine.registry.register(shared.batch.ring_bytes),
            engine,
            spare: Vec::new(),
            spare_bytes: 0,
            max_spare_bytes,
        }
    }

    /// Counts a span as started, and returns a spare recording for it if there is one.
    pub(crate) fn start(&mut self) -> Option<Box<Recording>> {
        Counters::bump(&self.producer.counters().started);
        let recording = self.spare.pop()?;
        self.spare_bytes -= recording.bytes();
        Some(recording)
    }

    pub(crate) fn end(&mut self, mut recording: Box<Recording>, sampled: bool) {
        // Before the push: whoever sees the record sees the span counted.
        Counters::bump(&self.producer.counters().ended);
        if mem::take(&mut recording.discarded) {
            Counters::bump(&self.producer.counters().discarded);
        } else if !sampled {
            Counters::bump(&self.producer.counters().not_sampled);
        } else if recording.shared.is_closed() {
            Counters::bump(&self.producer.counters().late);
        } else {
            match self.producer.push(recording.finish()) {
                Ok(Pushed::Quiet) => {}
                Ok(Pushed::HalfFull) => self.engine.control.wake(),
                Err(PushError::Full) => Counters::bump(&self.producer.counters().full),
                Err(PushError::TooLarge) => Counters::bump(&self.producer.counters().oversized),
            }
        }
        let bytes = recording.bytes();
        if self.spare_bytes + bytes <= self.max_spare_bytes {
            recording.forget();
            self.spare_bytes += bytes;
            self.spare.push(recording);
        }
    }
}
