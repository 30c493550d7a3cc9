//! One entry of a thread's stack of spans.

use std::{mem, num::NonZeroU64, sync::Arc};

use opentelemetry::{
    Context, ContextGuard, SpanId,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use super::{
    lazy::{Ids, LazySpan},
    providers::ProviderIndex,
    shared_span::SharedSpan,
};
use crate::{provider_core::ProviderCore, span::Span};

/// A span that was entered on this thread.
pub(super) struct Entry {
    pub(super) kind: EntryKind,
    /// The provider, if it is known.
    pub(super) provider: Option<ProviderIndex>,
    /// The active span of the current `Context` when this span was entered.
    pub(super) active_before: SpanId,
    /// The `Context` that was attached for this span, if the provider activates contexts.
    pub(super) active: Option<Activation>,
    /// `None` until the entry is used for the first time.
    pub(super) key: Option<EntryKey>,
    /// The span of `EntryKind::Lazy`, or the ids of `EntryKind::Parent`. For other kinds it is left
    /// over from an earlier span.
    pub(super) lazy: LazySpan,
}

/// The attached `Context` in which a span is active.
pub(super) struct Activation {
    /// Detaches the `Context`. It is dropped first, so that processors find the parent active when
    /// the span ends.
    pub(super) attached: ContextGuard,
    /// The span, if it records. Then the kind of the entry is `EntryKind::InContext`.
    pub(super) span: Option<Arc<SharedSpan>>,
}

/// The position and the serial number of an entry. A handle compares the serial number to find out
/// whether the entry still holds the same span. The key is one word, so that a guard is passed in
/// registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryKey(NonZeroU64);

/// The low bits of a key are its position.
const POSITION_BITS: u32 = 23;

/// The largest length of a stack: 8 million.
pub(super) const MAX_ENTRIES: usize = 1 << POSITION_BITS;

/// Marks a span that a destructor entered while the thread was unwinding.
const IN_PANIC: u64 = 1 << POSITION_BITS;

/// Set in every key, so that no key is zero.
const ALWAYS: NonZeroU64 = match NonZeroU64::new(IN_PANIC << 1) {
    Some(bit) => bit,
    None => NonZeroU64::MAX,
};

const SERIAL_AT: u32 = POSITION_BITS + 2;

impl EntryKey {
    /// Returns the key of an entry. `position` must be less than [`MAX_ENTRIES`].
    #[inline]
    pub(super) fn new(position: usize, serial: u64) -> Self {
        Self(ALWAYS | (serial << SERIAL_AT) | position as u64)
    }

    /// Returns this key with the mark of a span that was entered during a panic.
    pub(super) fn in_panic(self) -> Self {
        Self(self.0 | IN_PANIC)
    }

    pub(super) fn was_entered_in_panic(self) -> bool {
        self.0.get() & IN_PANIC != 0
    }

    /// Returns the low bits of the serial number.
    #[inline]
    pub(super) fn serial(self) -> u64 {
        self.0.get() >> SERIAL_AT
    }

    #[inline]
    pub(super) fn position(self) -> usize {
        self.0.get() as usize & (MAX_ENTRIES - 1)
    }
}

/// The content of an entry.
pub(crate) enum EntryKind {
    /// A span that has only a name and two times. It is in the entry's `lazy`.
    Lazy,
    /// No span of its own, because there is no provider or it is shut down. Children get the ids of
    /// the parent.
    Parent,
    Span(Span),
    /// Only the context of a span. User code has the span while it ends, or the span does not
    /// record.
    ParentContext(Box<SpanContext>),
    /// The active span of the `Context` that was attached just before, by a future or as the
    /// entry's [`Activation`].
    InContext,
    /// Nothing, because the span was left. If it was left out of order, other entries are above
    /// this one.
    Empty,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            kind: EntryKind::Empty,
            provider: None,
            active_before: SpanId::INVALID,
            active: None,
            key: None,
            lazy: LazySpan::default(),
        }
    }
}

impl Entry {
    /// Fills an empty entry.
    #[inline(always)]
    pub(super) fn fill(&mut self, kind: EntryKind) {
        debug_assert!(matches!(self.kind, EntryKind::Empty));
        // There is nothing to drop. Checking that would take a tenth of a start.
        mem::forget(mem::replace(&mut self.kind, kind));
    }

    /// Returns the context of the span.
    pub(super) fn span_context(&self) -> Option<SpanContext> {
        match &self.kind {
            EntryKind::Lazy => Some(self.lazy.span_context()),
            EntryKind::Parent => Some(self.lazy.parent().span_context()),
            EntryKind::Span(span) => Some(span.span_context().clone()),
            EntryKind::ParentContext(span) => Some(SpanContext::clone(span)),
            EntryKind::InContext => self.shared().map(|span| span.context().clone()),
            EntryKind::Empty => None,
        }
    }

    /// Returns whether the span records.
    pub(super) fn is_recording(&self) -> bool {
        match &self.kind {
            EntryKind::Lazy => self.lazy.is_sampled(),
            EntryKind::Span(span) => span.is_recording(),
            EntryKind::InContext => self.shared().is_some_and(|span| span.is_recording()),
            EntryKind::Parent | EntryKind::ParentContext(_) | EntryKind::Empty => false,
        }
    }

    /// Returns whether the span has this id.
    pub(super) fn is(&self, id: SpanId) -> bool {
        match &self.kind {
            EntryKind::Lazy => self.lazy.span_id() == id,
            EntryKind::Parent => self.lazy.parent_id() == id,
            EntryKind::Span(span) => span.span_context().span_id() == id,
            EntryKind::ParentContext(span) => span.span_id() == id,
            EntryKind::InContext => {
                let span = self.shared();
                span.is_some_and(|span| span.context().span_id() == id)
            }
            EntryKind::Empty => false,
        }
    }

    /// Returns the ids for a child. `active` is the active span of the current `Context`.
    // The calls in the body are cold. Without the attribute, this function would not be inlined.
    #[inline(always)]
    pub(super) fn ids(&self, active: &SpanContext) -> Option<Ids> {
        match &self.kind {
            EntryKind::Lazy => Some(self.lazy.ids()),
            EntryKind::Parent => Some(self.lazy.parent()),
            EntryKind::Span(span) => Ids::of(span.span_context()),
            EntryKind::ParentContext(span) => Ids::of(span),
            EntryKind::InContext => self.attached_ids(active),
            EntryKind::Empty => None,
        }
    }

    #[cold]
    fn attached_ids(&self, active: &SpanContext) -> Option<Ids> {
        Ids::of(self.shared().map_or(active, |span| span.context()))
    }

    /// Returns the span that this entry and a `Context` share.
    pub(super) fn shared(&self) -> Option<&Arc<SharedSpan>> {
        self.active.as_ref()?.span.as_ref()
    }

    /// Returns whether the span stays current under a `Context` whose active span has changed
    /// since.
    #[cold]
    pub(super) fn is_newer_than(&self, context: &Context) -> bool {
        // An empty `Context` hides the span only if the `Context` below it has the span.
        let is_empty = !context.has_active_span() && self.active.is_none();
        is_empty || self.is(context.span().span_context().span_id())
    }

    /// Turns a lazy span into one with a recording.
    #[cold]
    pub(super) fn materialize(&mut self, provider: &Arc<ProviderCore>) {
        self.kind = match self.lazy.recording(provider) {
            Some(span) => EntryKind::Span(span),
            None => EntryKind::ParentContext(Box::new(self.lazy.span_context())),
        };
    }
}
