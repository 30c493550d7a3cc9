//! What one thread keeps: its id generator, and for each provider a ring and spare recordings.
//!
//! The only way a span touches other threads is the release store of its ring. If the thread is
//! being torn down and its locals are gone, the provider's shared ring under a lock takes over, so
//! such a span is delivered or counted like any other.

use std::{cell::RefCell, sync::Arc};

use opentelemetry::{SpanId, TraceId};

use crate::{
    ids::IdGenerator,
    provider::Shared,
    ring::byte_ring::{Counters, Producer, PushError, Pushed},
    span::recording::{Birth, Recording},
};

/// How many spare recordings a thread keeps for each provider: as many spans as are commonly open
/// at once. More than that are allocated and freed.
const SPARE_RECORDINGS: usize = 64;

/// A buffer that grew beyond this is freed instead of kept.
const SPARE_BYTES: usize = 16 * 1024;

struct Local {
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
    producer: Producer,
    // Boxed, because the box is what the span handle holds: taking one moves a pointer.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    spare: Vec<Box<Recording>>,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local {
        ids: IdGenerator::new(),
        slots: Vec::new(),
    });
}

/// The ids of a new span: its own, and a trace id where it has no parent.
pub(crate) fn new_ids(trace_id: Option<TraceId>) -> (TraceId, SpanId) {
    let ids = |ids: &mut IdGenerator| {
        let trace_id = trace_id.unwrap_or_else(|| ids.trace_id());
        (trace_id, ids.span_id())
    };
    // Nothing below runs foreign code while the cell is borrowed, so it fails only when the
    // thread's locals are gone.
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
pub(crate) fn start(shared: &Arc<Shared>, birth: &Birth<'_>) -> Box<Recording> {
    let take = |outlet: &mut Outlet| {
        Counters::bump(&outlet.producer.counters().started);
        outlet.spare.pop()
    };
    let spare = LOCAL
        .try_with(|local| Some(take(local.try_borrow_mut().ok()?.outlet(shared))))
        .ok()
        .flatten()
        .unwrap_or_else(|| shared.with_fallback(take));
    let mut recording = spare.unwrap_or_else(|| Box::new(Recording::new(Arc::clone(shared))));
    recording.begin(birth);
    recording
}

/// Takes an ended span: hands its bytes to the worker if it is sampled, and keeps the recording
/// for the next span.
pub(crate) fn end(recording: Box<Recording>, sampled: bool) {
    // An option, because the closure is dropped unused where the thread's locals are gone.
    let mut recording = Some(recording);
    // The result only says whether the recording was taken, which the option says as well.
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut local) = local.try_borrow_mut()
            && let Some(recording) = recording.take()
        {
            local.outlet(&recording.shared).end(recording, sampled);
        }
    });
    if let Some(recording) = recording {
        let shared = Arc::clone(&recording.shared);
        shared.with_fallback(|outlet| outlet.end(recording, sampled));
    }
}

impl Local {
    /// The way out to a provider. Registers a ring with the thread's first span.
    fn outlet(&mut self, shared: &Arc<Shared>) -> &mut Outlet {
        if self.slots.first().is_none_or(|slot| slot.id != shared.id) {
            self.bring_forward(shared);
        }
        #[expect(clippy::indexing_slicing, reason = "the slot brought forward above")]
        &mut self.slots[0].outlet
    }

    #[cold]
    fn bring_forward(&mut self, shared: &Arc<Shared>) {
        if let Some(at) = self.slots.iter().position(|slot| slot.id == shared.id) {
            self.slots.swap(0, at);
            return;
        }
        // The rings of providers that are shut down are given back here, or with the thread.
        self.slots.retain(|slot| !slot.shared.is_closed());
        let slot = Slot {
            id: shared.id,
            shared: Arc::clone(shared),
            outlet: Outlet::new(shared),
        };
        self.slots.insert(0, slot);
    }
}

impl Outlet {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            producer: shared.registry.register(shared.ring_bytes),
            spare: Vec::new(),
        }
    }

    fn end(&mut self, mut recording: Box<Recording>, sampled: bool) {
        let counters = self.producer.counters();
        // Before the push: whoever sees the record sees the span counted.
        Counters::bump(&counters.ended);
        if !sampled {
            Counters::bump(&counters.not_sampled);
        } else if recording.shared.is_closed() {
            Counters::bump(&counters.late);
        } else {
            match self.producer.push(recording.finish()) {
                Ok(Pushed::Quiet) => {}
                Ok(Pushed::HalfFull) => recording.shared.control.wake(),
                Err(PushError::Full) => Counters::bump(&self.producer.counters().full),
                Err(PushError::TooLarge) => Counters::bump(&self.producer.counters().oversized),
            }
        }
        if self.spare.len() < SPARE_RECORDINGS && recording.buffer.capacity() <= SPARE_BYTES {
            self.spare.push(recording);
        }
    }
}
