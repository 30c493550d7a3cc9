//! The state of each thread for its spans: a ring writer and spare recordings for each provider.
//!
//! The only memory that a span shares with other threads is the thread's ring, written by one
//! release store. While the thread is being torn down, its locals are gone. In that case, or if no
//! ring is left for the thread, the span goes through a ring that such threads share under a lock.
//! It is exported or counted like any other span.

use std::{cell::RefCell, mem, sync::Arc};

use opentelemetry::trace::{SpanContext, TraceState};

use crate::{
    fork,
    panic_guard::catch_panic,
    pipeline::{
        Pipeline, PipelineState,
        ring_writer::{NotQueued, RingWriter},
        span_counters::StartClass,
    },
    provider_core::ProviderCore,
    record::layout::{HEAD_BYTES, Head, len_u32},
    span::recording::Recording,
    sync::thread_local,
};

/// The bytes of spare recordings that a thread keeps for each provider, enough for some hundred
/// open spans of usual size. Further recordings are allocated and freed.
const SPARE_BYTES: usize = 128 * 1024;

/// How many boxes a thread keeps for spans that do not record, of 64 bytes each.
const SPARE_CONTEXTS: usize = 128;

struct ThreadState {
    /// The generation of the process that created the slots.
    generation: u64,
    /// One for each provider. The last used provider is first.
    slots: Vec<Slot>,
    // Boxed, because the span handle holds the box: taking one moves a pointer.
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    contexts: Vec<Box<SpanContext>>,
}

/// The state for one provider.
struct Slot {
    provider: Arc<ProviderCore>,
    writer: RingWriter,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is pooled")]
    spare: Vec<Box<Recording>>,
    /// The memory of the spares. Invariant: at most `SPARE_BYTES`.
    spare_bytes: usize,
}

thread_local! {
    static THREAD: RefCell<ThreadState> = RefCell::new(ThreadState::new());
}

/// Calls `work` with the state of this thread. Returns `None` while the thread is being torn down.
/// Also returns `None` inside user code that is dropped with a provider.
#[inline]
fn with<T>(work: impl FnOnce(&mut ThreadState) -> Option<T>) -> Option<T> {
    THREAD
        .try_with(|thread| work(&mut *thread.try_borrow_mut().ok()?))
        .ok()
        .flatten()
}

/// Returns a box with an arbitrary context, for a span that does not record.
#[inline]
pub(crate) fn take_context() -> Box<SpanContext> {
    with(|thread| thread.contexts.pop()).unwrap_or_else(|| Box::new(SpanContext::NONE))
}

/// Takes back the box of a span that did not record.
#[inline]
pub(crate) fn keep_context(mut context: Box<SpanContext>) {
    if *context.trace_state() != TraceState::NONE {
        *context = SpanContext::NONE;
    }
    // If the box is not stored, it is dropped with the closure.
    with(move |thread| {
        if thread.contexts.len() < SPARE_CONTEXTS {
            thread.contexts.push(context);
        }
        Some(())
    });
}

/// Returns a recording for a new span, and counts the span as started.
#[inline(always)]
pub(crate) fn start(provider: &Arc<ProviderCore>) -> Box<Recording> {
    let spare = with(|thread| {
        let slot = thread.slot_for(provider)?;
        slot.writer.count_start();
        Some(slot.take_spare())
    });
    spare
        .unwrap_or_else(|| {
            count_start_without_ring(provider);
            None
        })
        .unwrap_or_else(|| Box::new(Recording::new(Arc::clone(provider))))
}

/// Returns a recording for a span that may never start.
pub(crate) fn take_spare(provider: &Arc<ProviderCore>) -> Box<Recording> {
    with(|thread| thread.slot_for(provider)?.take_spare())
        .unwrap_or_else(|| Box::new(Recording::new(Arc::clone(provider))))
}

/// Counts the start of a span that already has its recording, or needs none.
#[inline]
pub(crate) fn count_start(provider: &Arc<ProviderCore>) {
    let counted = with(|thread| {
        thread.slot_for(provider)?.writer.count_start();
        Some(())
    });
    if counted.is_none() {
        count_start_without_ring(provider);
    }
}

/// Counts a start by its class.
#[cold]
pub(crate) fn count_start_class(provider: &Arc<ProviderCore>, class: StartClass) {
    let counted = with(|thread| {
        thread.slot_for(provider)?.writer.count_start_class(class);
        Some(())
    });
    if counted.is_none() {
        let state = running_state(provider);
        state.with_shared_writer(|writer| writer.count_start_class(class));
    }
}

/// Ends a span: queues its record if it is sampled.
#[inline(always)]
pub(crate) fn end(recording: &mut Recording) {
    if recording.is_from_parent_process() {
        recording.set_ended();
        return recording.provider.count_forked();
    }
    let ended = with(|thread| {
        let slot = thread.slot_for(&recording.provider)?;
        end_with(&mut slot.writer, recording);
        Some(())
    });
    if ended.is_none() {
        end_without_ring(recording);
    }
}

#[inline(always)]
fn end_with(writer: &mut RingWriter, recording: &mut Recording) {
    recording.set_ended();
    if mem::take(&mut recording.discarded) {
        writer.end_without_record(NotQueued::Discarded);
    } else if !recording.is_sampled() {
        writer.end_without_record(NotQueued::NotSampled);
    } else if recording.provider.is_closed() {
        writer.end_without_record(NotQueued::AlreadyShutdown);
    } else {
        writer.end(recording.finish());
    }
}

/// Ends a span that has only a head and a name. Returns false on a thread that has no ring.
#[inline(always)]
pub(crate) fn end_bare(provider: &Arc<ProviderCore>, head: &mut Head, name: &str) -> bool {
    with(|thread| {
        let writer = &mut thread.slot_for(provider)?.writer;
        if provider.is_closed() {
            writer.end_without_record(NotQueued::AlreadyShutdown);
        } else {
            head.name_len = len_u32(name.len());
            head.len = len_u32(HEAD_BYTES + name.len());
            writer.end_words(head.words(), name.as_bytes());
        }
        Some(())
    })
    .is_some()
}

/// Takes back the recording of an ended span whose handle is dropped.
#[inline]
pub(crate) fn keep_spare(recording: Box<Recording>) {
    if recording.is_from_parent_process() {
        return;
    }
    let mut recording = Some(recording);
    with(|thread| {
        let provider = &recording.as_ref()?.provider;
        thread.slot_for(provider)?.keep_spare(&mut recording);
        Some(())
    });
    if recording.is_some() {
        drop_guarded(recording);
    }
}

/// Counts a span as started on a thread that has no ring. Its locals are gone, the budget of the
/// rings is used up, or the provider is closed.
#[cold]
fn count_start_without_ring(provider: &Arc<ProviderCore>) {
    if provider.is_closed() {
        provider.pipeline_state().count_start_after_shutdown();
    } else {
        running_state(provider).count_start_without_ring();
    }
}

/// Ends a span on a thread that has no ring.
#[cold]
fn end_without_ring(recording: &mut Recording) {
    let provider = Arc::clone(&recording.provider);
    if provider.is_closed() {
        recording.set_ended();
        return provider.pipeline_state().count_end_after_shutdown();
    }
    let state = running_state(&provider);
    if !state.end_without_ring(|writer| end_with(writer, recording)) {
        recording.set_ended();
    }
}

fn running_state(provider: &Arc<ProviderCore>) -> Arc<PipelineState> {
    Pipeline::running_state(provider)
}

/// Drops a value that may hold the last reference to a provider. The provider's samplers,
/// processors and exporters are dropped with it, and their destructors are user code. A panic there
/// must not reach the code that drops a span, or the end of a thread.
#[cold]
#[inline(never)]
fn drop_guarded<T>(last: T) {
    catch_panic(|| drop(last));
}

/// Resets the state of this thread, the only one of a forked child. Called in the fork.
pub(crate) fn forked() {
    // If the state is in use, `make_first` resets it.
    with(|thread| {
        thread.renew();
        Some(())
    });
}

impl ThreadState {
    fn new() -> Self {
        Self {
            generation: fork::generation(),
            slots: Vec::new(),
            contexts: Vec::new(),
        }
    }

    /// Leaks the parent's rings in a forked child. They are not dropped, because that would mark
    /// the ring of the parent's thread as abandoned.
    fn renew(&mut self) {
        if self.generation != fork::generation() {
            mem::forget(mem::replace(self, Self::new()));
        }
    }

    /// Returns the slot of a provider. The thread's first span takes a ring for it. Returns `None`
    /// if no ring is left, or if the provider is closed, because its rings are no longer read.
    #[inline]
    fn slot_for(&mut self, provider: &Arc<ProviderCore>) -> Option<&mut Slot> {
        if !matches!(self.slots.first(), Some(slot) if Arc::ptr_eq(&slot.provider, provider)) {
            self.make_first(provider)?;
        }
        self.slots.first_mut()
    }

    #[cold]
    fn make_first(&mut self, provider: &Arc<ProviderCore>) -> Option<()> {
        if let Some(at) = self
            .slots
            .iter()
            .position(|slot| Arc::ptr_eq(&slot.provider, provider))
        {
            self.slots.swap(0, at);
            return Some(());
        }
        if provider.is_closed() {
            return None;
        }
        // Rings of providers that are shut down are dropped here, or with the thread.
        let closed: Vec<_> = self
            .slots
            .extract_if(.., |slot| slot.provider.is_closed())
            .collect();
        drop_guarded(closed);
        // A destructor may have forked while this state was in use.
        self.renew();
        let slot = Slot {
            provider: Arc::clone(provider),
            writer: Pipeline::writer(provider)?,
            spare: Vec::new(),
            spare_bytes: 0,
        };
        self.slots.insert(0, slot);
        Some(())
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        let slots = mem::take(&mut self.slots);
        let left: Vec<_> = slots.into_iter().map(Slot::give_back).collect();
        drop_guarded(left);
    }
}

impl Slot {
    /// Gives the ring back for the next thread that needs one. Returns values that the caller must
    /// drop, whose destructors may run user code.
    fn give_back(self) -> impl Sized {
        self.writer.give_back();
        (self.provider, self.spare)
    }

    #[inline]
    fn take_spare(&mut self) -> Option<Box<Recording>> {
        let recording = self.spare.pop()?;
        self.spare_bytes -= recording.bytes();
        Some(recording)
    }

    /// Keeps a recording for a later span if there is room.
    #[inline]
    fn keep_spare(&mut self, recording: &mut Option<Box<Recording>>) {
        let bytes = recording.as_ref().map_or(0, |recording| recording.bytes());
        if self.spare_bytes + bytes <= SPARE_BYTES
            && let Some(mut recording) = recording.take()
        {
            recording.clear();
            self.spare_bytes += bytes;
            self.spare.push(recording);
        }
    }
}
