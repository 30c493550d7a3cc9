//! What one thread keeps: for each provider a ring and spare recordings.
//!
//! The only way a span touches other threads is the release store of its ring. If the thread is
//! being torn down and its locals are gone, or if no ring is left for it, the span goes through a
//! ring that such threads share under a lock. It is delivered or counted like any other span.

use std::{
    cell::RefCell,
    mem,
    sync::{Arc, Weak},
};

use opentelemetry::trace::{SpanContext, TraceState};

use crate::{
    foreign::isolated,
    fork,
    provider::{Engine, Shared},
    ring::{
        byte_ring::{Producer, Pushed},
        counters::Counters,
        segment::PushError,
    },
    span::{
        record::{HEAD_BYTES, Head, len_u32},
        recording::Recording,
    },
    sync::thread_local,
};

/// The bytes of spare recordings that a thread keeps for each provider: those of some hundred spans
/// of usual size that are open at once. More are allocated and freed.
const SPARE_BYTES: usize = 128 * 1024;

/// How many boxes for spans that do not record a thread keeps, of 64 bytes each.
const SPARE_CONTEXTS: usize = 128;

struct Local {
    /// That of the process, when the slots were made.
    generation: u64,
    /// The provider used last is first.
    slots: Vec<Slot>,
    // Boxed, because the box is what the span handle holds: taking one moves a pointer.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    contexts: Vec<Box<SpanContext>>,
}

struct Slot {
    shared: Arc<Shared>,
    outlet: Outlet,
}

/// One thread's way out to one provider. The shared ring of a provider has one too.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// Weak, because the engine holds the shared outlet.
    engine: Weak<Engine>,
    producer: Producer,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    spare: Vec<Box<Recording>>,
    /// The memory of the spares. Invariant: at most `max_spare_bytes`.
    spare_bytes: usize,
    max_spare_bytes: usize,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
}

/// Runs `work` with the thread's state. `None` while the thread is torn down, and while foreign
/// code that is dropped with a provider runs inside.
#[inline]
fn with<T>(work: impl FnOnce(&mut Local) -> Option<T>) -> Option<T> {
    LOCAL
        .try_with(|local| work(&mut *local.try_borrow_mut().ok()?))
        .ok()
        .flatten()
}

/// A box for a span that does not record, with some context in it.
#[inline]
pub(crate) fn context() -> Box<SpanContext> {
    with(|local| local.contexts.pop()).unwrap_or_else(|| Box::new(SpanContext::NONE))
}

/// Takes back the box of a span that did not record.
#[inline]
pub(crate) fn forget_context(mut context: Box<SpanContext>) {
    if *context.trace_state() != TraceState::NONE {
        *context = SpanContext::NONE;
    }
    // A box that is not kept is dropped with the closure.
    with(move |local| {
        if local.contexts.len() < SPARE_CONTEXTS {
            local.contexts.push(context);
        }
        Some(())
    });
}

/// A recording for a new span, counted as started.
#[inline(always)]
pub(crate) fn start(shared: &Arc<Shared>) -> Box<Recording> {
    with(|local| Some(local.outlet(shared)?.start()))
        .unwrap_or_else(|| shared.start_elsewhere())
        .unwrap_or_else(|| Box::new(Recording::new(Arc::clone(shared))))
}

/// A recording for a span that may or may not start.
pub(crate) fn spare(shared: &Arc<Shared>) -> Box<Recording> {
    with(|local| local.outlet(shared)?.spare())
        .unwrap_or_else(|| Box::new(Recording::new(Arc::clone(shared))))
}

/// Counts a span as started, for a recording that was spare.
#[inline]
pub(crate) fn count_start(shared: &Arc<Shared>) {
    let counted = with(|local| {
        local.outlet(shared)?.count_start();
        Some(())
    });
    if counted.is_none() {
        shared.count_start_elsewhere();
    }
}

/// Counts a start by kind.
#[cold]
pub(crate) fn count_birth(shared: &Arc<Shared>, birth: usize) {
    let counted = with(|local| {
        local.outlet(shared)?.count_birth(birth);
        Some(())
    });
    if counted.is_none() {
        shared.count_birth_elsewhere(birth);
    }
}

/// Ends a span: hands its bytes to the worker if it is sampled.
#[inline(always)]
pub(crate) fn end(recording: &mut Recording) {
    if recording.is_the_parents() {
        recording.set_ended();
        return recording.shared.count_forked();
    }
    let ended = with(|local| {
        let outlet = local.outlet(&recording.shared)?;
        outlet.end(recording);
        Some(())
    });
    if ended.is_none() {
        let shared = Arc::clone(&recording.shared);
        shared.end_elsewhere(recording);
    }
}

/// Ends a span that is nothing but a head and a name. False on a thread that has no ring.
#[inline(always)]
pub(crate) fn end_bare(shared: &Arc<Shared>, head: &mut Head, name: &str) -> bool {
    with(|local| {
        local.outlet(shared)?.end_bare(shared, head, name);
        Some(())
    })
    .is_some()
}

/// Takes back the recording of an ended span whose handle is dropped.
#[inline]
pub(crate) fn forget(recording: Box<Recording>) {
    if recording.is_the_parents() {
        return;
    }
    let mut recording = Some(recording);
    with(|local| {
        let shared = &recording.as_ref()?.shared;
        local.outlet(shared)?.keep(&mut recording);
        Some(())
    });
    if recording.is_some() {
        drop_guarded(recording);
    }
}

/// Drops what may be the last of a provider: with it go samplers, processors and exporters, whose
/// drops are foreign code. A panic there must not reach whoever drops a span, or ends a thread.
#[cold]
#[inline(never)]
fn drop_guarded<T>(last: T) {
    isolated(|| drop(last));
}

/// Makes this thread, the only one of a forked child, start anew. Called in the fork.
#[cfg(unix)]
pub(crate) fn forked() {
    // If the locals are in use, see `bring_forward`.
    with(|local| {
        local.renew();
        Some(())
    });
}

impl Local {
    fn new() -> Self {
        Self {
            generation: fork::generation(),
            slots: Vec::new(),
            contexts: Vec::new(),
        }
    }

    /// In a forked child, forgets the parent's rings, without dropping them: that would say that
    /// the parent's thread is gone.
    fn renew(&mut self) {
        if self.generation != fork::generation() {
            mem::forget(mem::replace(self, Self::new()));
        }
    }

    /// The thread's outlet to a provider. The thread's first span takes a ring for it. `None` if no
    /// ring is left, or if the provider is closed, because nothing would read the ring.
    #[inline]
    fn outlet(&mut self, shared: &Arc<Shared>) -> Option<&mut Outlet> {
        if !matches!(self.slots.first(), Some(slot) if Arc::ptr_eq(&slot.shared, shared)) {
            self.bring_forward(shared)?;
        }
        Some(&mut self.slots.first_mut()?.outlet)
    }

    #[cold]
    fn bring_forward(&mut self, shared: &Arc<Shared>) -> Option<()> {
        if let Some(at) = self
            .slots
            .iter()
            .position(|slot| Arc::ptr_eq(&slot.shared, shared))
        {
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
        drop_guarded(closed);
        // And foreign code may fork, which then found these locals in use.
        self.renew();
        let slot = Slot {
            shared: Arc::clone(shared),
            outlet: Outlet::new(shared)?,
        };
        self.slots.insert(0, slot);
        Some(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let slots = mem::take(&mut self.slots);
        let left = slots.into_iter().map(|slot| {
            slot.outlet.give_back();
            slot.shared
        });
        let left: Vec<_> = left.collect();
        drop_guarded(left);
    }
}

impl Outlet {
    /// An outlet with a ring of its own, for the calling thread; `None` if no ring is left.
    fn new(shared: &Arc<Shared>) -> Option<Self> {
        let engine = shared.running_engine();
        let producer = engine.registry.producer()?;
        Some(Self::of(&engine, producer, SPARE_BYTES))
    }

    /// The outlet that threads without a ring of their own share; `None` if there is no memory for
    /// its ring.
    pub(crate) fn shared(shared: &Arc<Shared>) -> Option<Self> {
        let engine = shared.running_engine();
        let producer = engine.registry.producer_beyond_budget()?;
        // No spare recordings: each holds the provider, so none would ever be freed.
        Some(Self::of(&engine, producer, 0))
    }

    fn of(engine: &Arc<Engine>, producer: Producer, max_spare_bytes: usize) -> Self {
        Self {
            engine: Arc::downgrade(engine),
            producer,
            spare: Vec::new(),
            spare_bytes: 0,
            max_spare_bytes,
        }
    }

    /// Leaves the ring and its contents to the next thread that needs a ring.
    fn give_back(self) {
        let Self {
            engine,
            producer,
            spare,
            ..
        } = self;
        if let Some(engine) = engine.upgrade() {
            engine.registry.give_back(producer);
        }
        drop_guarded(spare);
    }

    pub(crate) fn count_birth(&mut self, birth: usize) {
        self.producer.counters().bump_birth(birth);
    }

    /// Counts a span as started, and returns a spare recording for it if there is one.
    #[inline]
    pub(crate) fn start(&mut self) -> Option<Box<Recording>> {
        self.count_start();
        self.spare()
    }

    #[inline]
    pub(crate) fn count_start(&mut self) {
        Counters::bump(&self.producer.counters().started);
    }

    #[inline]
    fn spare(&mut self) -> Option<Box<Recording>> {
        let recording = self.spare.pop()?;
        self.spare_bytes -= recording.bytes();
        Some(recording)
    }

    #[inline(always)]
    pub(crate) fn end(&mut self, recording: &mut Recording) {
        recording.set_ended();
        // Before the push: whoever sees the record sees the span counted.
        Counters::bump(&self.producer.counters().ended);
        if mem::take(&mut recording.discarded) {
            Counters::bump(&self.producer.counters().discarded);
        } else if !recording.is_sampled() {
            Counters::bump(&self.producer.counters().not_sampled);
        } else if recording.shared.is_closed() {
            Counters::bump(&self.producer.counters().late);
        } else {
            let pushed = self.producer.push(recording.finish());
            count(pushed, &self.producer, &self.engine);
        }
    }

    #[inline(always)]
    fn end_bare(&mut self, shared: &Shared, head: &mut Head, name: &str) {
        Counters::bump(&self.producer.counters().ended);
        if shared.is_closed() {
            Counters::bump(&self.producer.counters().late);
            return;
        }
        head.name_len = len_u32(name.len());
        head.len = len_u32(HEAD_BYTES + name.len());
        let pushed = self.producer.push_words(head.words(), name.as_bytes());
        count(pushed, &self.producer, &self.engine);
    }

    /// Keeps a recording for a later span, if there is room.
    #[inline]
    fn keep(&mut self, recording: &mut Option<Box<Recording>>) {
        let bytes = recording.as_ref().map_or(0, |recording| recording.bytes());
        if self.spare_bytes + bytes <= self.max_spare_bytes
            && let Some(mut recording) = recording.take()
        {
            recording.forget();
            self.spare_bytes += bytes;
            self.spare.push(recording);
        }
    }
}

/// Counts a record that was not taken, and wakes the worker where it is time.
#[inline(always)]
fn count(pushed: Result<Pushed, PushError>, producer: &Producer, engine: &Weak<Engine>) {
    match pushed {
        Ok(Pushed::Quiet) => {}
        Ok(Pushed::Behind) => wake(engine),
        Err(PushError::Full) => {
            Counters::bump(&producer.counters().full);
            wake(engine);
        }
        Err(PushError::TooLarge) => Counters::bump(&producer.counters().oversized),
    }
}

#[cold]
fn wake(engine: &Weak<Engine>) {
    if let Some(engine) = engine.upgrade() {
        engine.control.wake_for_ring();
    }
}
