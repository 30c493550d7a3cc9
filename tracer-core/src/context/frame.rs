//! One place of the stack.

use std::{mem, num::NonZeroU64, sync::Arc};

use opentelemetry::{
    SpanId,
    trace::{Span as _, SpanContext},
};

use super::{
    homes::HomeAt,
    light::{Ids, Light},
};
use crate::{provider::Shared, span::Span};

pub(super) struct Frame {
    pub(super) held: Held,
    /// The provider, if it is known.
    pub(super) home: Option<HomeAt>,
    /// The active span of the current `Context` when this was entered.
    pub(super) seen: SpanId,
    /// `None` before it was ever used.
    pub(super) place: Option<Place>,
    /// That of `Held::Light`, the ids of `Held::Parent`; else of some earlier one.
    pub(super) light: Light,
}

/// A place in the stack, and which of those that were put there: a handle tells by it whether the
/// frame is still the one that it was. One word, so that a guard travels in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(NonZeroU64);

/// The low bits of a place are its position, counted from one.
const POSITION_BITS: u32 = 24;

impl Place {
    /// `None` beyond 16 million open spans.
    #[inline]
    pub(super) fn new(at: usize, serial: u64) -> Option<Self> {
        let position = at as u64 + 1;
        let word = NonZeroU64::new((serial << POSITION_BITS) | position)?;
        (position >> POSITION_BITS == 0).then_some(Self(word))
    }

    #[inline]
    pub(super) fn at(self) -> usize {
        let position = self.0.get() & ((1 << POSITION_BITS) - 1);
        usize::try_from(position).unwrap_or(0).wrapping_sub(1)
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
    /// The span is the active one of the `Context` that was attached just before.
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
            Held::Attached | Held::Nothing => None,
        }
    }

    /// Whether it holds the span with this id.
    pub(super) fn is(&self, id: SpanId) -> bool {
        match &self.held {
            Held::Light => self.light.span_id() == id,
            Held::Parent => self.light.parent_id() == id,
            Held::Span(span) => span.span_context().span_id() == id,
            Held::Context(span) => span.span_id() == id,
            Held::Attached | Held::Nothing => false,
        }
    }

    /// What a child takes over; `active` is the active span of the current `Context`.
    #[inline]
    pub(super) fn ids(&self, active: &SpanContext) -> Option<Ids> {
        match &self.held {
            Held::Light => Some(self.light.ids()),
            Held::Parent => Some(self.light.parent()),
            Held::Span(span) => Ids::of(span.span_context()),
            Held::Context(span) => Ids::of(span),
            Held::Attached => Ids::of(active),
            Held::Nothing => None,
        }
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
