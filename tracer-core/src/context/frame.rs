//! One place of the stack.

use std::{mem, num::NonZeroU64, sync::Arc};

use opentelemetry::{
    Context, ContextGuard, SpanId,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use super::{
    homes::HomeAt,
    light::{Ids, Light},
    shared_span::SharedSpan,
};
use crate::{provider::Shared, span::Span};

pub(super) struct Frame {
    pub(super) held: Held,
    /// The provider, if it is known.
    pub(super) home: Option<HomeAt>,
    /// The active span of the current `Context` when this was entered.
    pub(super) seen: SpanId,
    /// The `Context` that was attached for this span, where its provider activates contexts.
    pub(super) active: Option<Active>,
    /// `None` before it was ever used.
    pub(super) place: Option<Place>,
    /// That of `Held::Light`, the ids of `Held::Parent`; else of some earlier one.
    pub(super) light: Light,
}

/// The attached `Context` in which a span is active.
pub(super) struct Active {
    /// Detaches the `Context`. Dropped first: while the span ends, processors find the parent
    /// active.
    pub(super) attached: ContextGuard,
    /// The span, if it records: then `Held::Attached` is in the frame.
    pub(super) span: Option<Arc<SharedSpan>>,
}

/// A place in the stack, and which of those that were put there: a handle tells by it whether the
/// frame is still the one that it was. One word, so that a guard travels in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(NonZeroU64);

/// The low bits of a place are its position.
const POSITION_BITS: u32 = 23;

/// How many places a stack has: 8 million.
pub(super) const MAX_PLACES: usize = 1 << POSITION_BITS;

/// The mark of a span that a destructor entered while the thread was unwinding.
const IN_PANIC: u64 = 1 << POSITION_BITS;

/// Set in every place, so that none is zero.
const ALWAYS: NonZeroU64 = match NonZeroU64::new(IN_PANIC << 1) {
    Some(bit) => bit,
    None => NonZeroU64::MAX,
};

const SERIAL_AT: u32 = POSITION_BITS + 2;

impl Place {
    /// `at` is less than [`MAX_PLACES`].
    #[inline]
    pub(super) fn new(at: usize, serial: u64) -> Self {
        Self(ALWAYS | (serial << SERIAL_AT) | at as u64)
    }

    /// Returns this place, marked as that of a span that was entered during a panic.
    pub(super) fn in_panic(self) -> Self {
        Self(self.0 | IN_PANIC)
    }

    pub(super) fn was_entered_in_panic(self) -> bool {
        self.0.get() & IN_PANIC != 0
    }

    /// The low bits of the number that the stack gave it.
    #[inline]
    pub(super) fn serial(self) -> u64 {
        self.0.get() >> SERIAL_AT
    }

    #[inline]
    pub(super) fn at(self) -> usize {
        self.0.get() as usize & (MAX_PLACES - 1)
    }
}

/// What is at a place of the stack.
pub(crate) enum Held {
    /// The span, as long as it is nothing but a name and two times.
    Light,
    /// A span of nobody, which passes its parent on.
    Parent,
    /// The span.
    Span(Span),
    /// A span that is ending, which foreign code sees, or nothing more than a parent.
    Context(Box<SpanContext>),
    /// The span is the active one of the `Context` that was attached just before: by a future, or
    /// as the frame's [`Active`].
    Attached,
    /// Left out of order.
    Nothing,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            held: Held::Nothing,
            home: None,
            seen: SpanId::INVALID,
            active: None,
            place: None,
            light: Light::default(),
        }
    }
}

impl Frame {
    /// Fills a frame that holds nothing.
    #[inline(always)]
    pub(super) fn hold(&mut self, held: Held) {
        debug_assert!(matches!(self.held, Held::Nothing));
        // So there is nothing to drop, which an assignment takes a tenth of a start to find out.
        mem::forget(mem::replace(&mut self.held, held));
    }

    /// The context of a span that is held here.
    pub(super) fn span_context(&self) -> Option<SpanContext> {
        match &self.held {
            Held::Light => Some(self.light.span_context()),
            Held::Parent => Some(self.light.parent().span_context()),
            Held::Span(span) => Some(span.span_context().clone()),
            Held::Context(span) => Some(SpanContext::clone(span)),
            Held::Attached => self.shared().map(|span| span.context().clone()),
            Held::Nothing => None,
        }
    }

    /// Whether it holds a span that takes what is set.
    pub(super) fn is_recording(&self) -> bool {
        match &self.held {
            Held::Light => self.light.is_sampled(),
            Held::Span(span) => span.is_recording(),
            Held::Attached => self.shared().is_some_and(|span| span.is_recording()),
            Held::Parent | Held::Context(_) | Held::Nothing => false,
        }
    }

    /// Whether it holds the span with this id.
    pub(super) fn is(&self, id: SpanId) -> bool {
        match &self.held {
            Held::Light => self.light.span_id() == id,
            Held::Parent => self.light.parent_id() == id,
            Held::Span(span) => span.span_context().span_id() == id,
            Held::Context(span) => span.span_id() == id,
            Held::Attached => {
                let span = self.shared();
                span.is_some_and(|span| span.context().span_id() == id)
            }
            Held::Nothing => false,
        }
    }

    /// What a child takes over; `active` is the active span of the current `Context`.
    // The calls that it makes are cold; without the attribute it would be a call itself.
    #[inline(always)]
    pub(super) fn ids(&self, active: &SpanContext) -> Option<Ids> {
        match &self.held {
            Held::Light => Some(self.light.ids()),
            Held::Parent => Some(self.light.parent()),
            Held::Span(span) => Ids::of(span.span_context()),
            Held::Context(span) => Ids::of(span),
            Held::Attached => self.attached_ids(active),
            Held::Nothing => None,
        }
    }

    #[cold]
    fn attached_ids(&self, active: &SpanContext) -> Option<Ids> {
        Ids::of(self.shared().map_or(active, |span| span.context()))
    }

    /// The span that this frame and a `Context` share.
    pub(super) fn shared(&self) -> Option<&Arc<SharedSpan>> {
        self.active.as_ref()?.span.as_ref()
    }

    /// Whether the span is newer than an active one that was not there when it was entered.
    #[cold]
    pub(super) fn is_newer_than(&self, context: &Context) -> bool {
        // An empty `Context` hides a span only if the span was in the one below.
        let is_empty = !context.has_active_span() && self.active.is_none();
        is_empty || self.is(context.span().span_context().span_id())
    }

    /// Gives a light span its recording.
    #[cold]
    pub(super) fn settle(&mut self, shared: &Arc<Shared>) {
        self.held = match self.light.recording(shared) {
            Some(span) => Held::Span(span),
            None => Held::Context(Box::new(self.light.span_context())),
        };
    }
}
