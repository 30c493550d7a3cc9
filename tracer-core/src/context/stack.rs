//! The spans that are entered on a thread, one on the other.

use std::{cell::Cell, sync::Arc};

use opentelemetry::{
    Context, SpanId,
    trace::{SpanContext, TraceContextExt as _},
};

use super::{
    frame::{Active, Frame, Held, MAX_PLACES, Place},
    homes::{HomeAt, Homes, Provider},
    light::Ids,
    shared_span::SharedSpan,
};
use crate::foreign::isolated;

thread_local! {
    /// How many places of the stack are taken. Has nothing to drop, so tracers may ask at every
    /// moment.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// Whether a span was entered on this thread.
#[inline]
pub(crate) fn is_in_use() -> bool {
    TAKEN.get() > 0
}

/// How many shared spans a thread keeps for later ones, of some 150 bytes each.
const SPARE_SHARED: usize = 32;

/// The spans of one thread, the innermost last, and the providers it uses for them.
pub(super) struct Stack {
    /// Those below `len` are the stack. The rest is kept to be written in place, which takes a third
    /// of the time that moving a frame into a `Vec` does.
    pub(super) frames: Vec<Frame>,
    /// Invariant: at most `frames.len()`.
    pub(super) len: usize,
    /// That of the latest frame.
    serial: u64,
    pub(super) homes: Homes,
    /// Of spans that have ended, to be used again.
    pub(super) spare: Vec<Arc<SharedSpan>>,
}

impl Stack {
    pub(super) fn new() -> Self {
        // The API's own local is made before this one, so it is dropped after it: while there is a
        // slot, `Context` may be asked. Where it is gone already, asking panics.
        isolated(|| Context::map_current(|_| ()));
        Self {
            frames: Vec::new(),
            len: 0,
            serial: 0,
            homes: Homes::default(),
            spare: Vec::new(),
        }
    }

    /// The place of the innermost native span.
    pub(super) fn latest(&self) -> Option<Place> {
        self.frames.get(self.len.checked_sub(1)?)?.place
    }

    /// The innermost native span, if it is newer than the active one of the current `Context`.
    #[inline]
    pub(super) fn newest_frame(&self, context: &Context) -> Option<&Frame> {
        let frame = self.frames.get(self.len.checked_sub(1)?)?;
        let active = context.span().span_context().span_id();
        (active == frame.seen || frame.is_newer_than(context)).then_some(frame)
    }

    /// Its context, if it has a valid one and is not in the `Context` anyway.
    pub(super) fn newest(&self, context: &Context) -> Option<SpanContext> {
        let span = self.newest_frame(context)?.span_context()?;
        let active = context.span().span_context().span_id();
        (span.is_valid() && span.span_id() != active).then_some(span)
    }

    pub(super) fn home(&mut self, context: &Context) -> Option<HomeAt> {
        let native = self.newest_frame(context).and_then(|frame| frame.home);
        native.or_else(|| self.homes.for_roots())
    }

    /// What a span on which nothing is set takes over from its parent, its provider, and the active
    /// span of the current `Context`; `None` if the provider is not simple enough.
    #[inline(always)]
    pub(super) fn look(
        &mut self,
        context: &Context,
        is_simple: impl FnOnce(&Provider) -> bool,
    ) -> Option<(Ids, Option<HomeAt>, SpanId)> {
        if context.is_telemetry_suppressed() {
            return None;
        }
        let active = context.span();
        let active = active.span_context();
        let (parent, home) = match self.newest_frame(context) {
            Some(frame) => (frame.ids(active)?, frame.home),
            None => (Ids::of(active)?, None),
        };
        let home = home.or_else(|| self.homes.for_roots());
        let is_simple = match home {
            Some(home) => is_simple(self.homes.get(home)?),
            None => true,
        };
        is_simple.then(|| (parent, home, active.span_id()))
    }

    /// The next frame, to be filled.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        home: Option<HomeAt>,
        seen: SpanId,
    ) -> Option<(Place, &mut Frame, &Homes)> {
        let at = self.len;
        if at >= self.frames.len() {
            return self.push_new(home, seen);
        }
        let frame = self.frames.get_mut(at)?;
        self.serial = self.serial.wrapping_add(1);
        let place = Place::new(at, self.serial);
        self.len += 1;
        TAKEN.set(self.len);
        frame.home = home;
        frame.seen = seen;
        frame.place = Some(place);
        Some((place, frame, &self.homes))
    }

    /// Like [`push`](Self::push), if no frame is free. Returns `None` beyond 8 million open spans.
    #[cold]
    #[inline(never)]
    fn push_new(
        &mut self,
        home: Option<HomeAt>,
        seen: SpanId,
    ) -> Option<(Place, &mut Frame, &Homes)> {
        if self.frames.len() >= MAX_PLACES {
            return None;
        }
        self.frames.push(Frame::default());
        self.push(home, seen)
    }

    /// Gives up the places above the last one that holds something.
    #[inline(always)]
    pub(super) fn shrink(&mut self) {
        while let Some(last) = self.len.checked_sub(1)
            && matches!(self.frames.get(last), Some(frame) if matches!(frame.held, Held::Nothing))
        {
            self.len = last;
        }
        TAKEN.set(self.len);
    }

    #[inline]
    pub(super) fn at(&mut self, place: Place) -> Option<&mut Frame> {
        let frame = self.frames.get_mut(place.at())?;
        (frame.place == Some(place)).then_some(frame)
    }

    /// What is at a place, with a recording if it is a span that records.
    #[inline]
    pub(super) fn settled(&mut self, place: Place) -> Option<&mut Held> {
        let frame = self.frames.get_mut(place.at())?;
        if frame.place != Some(place) {
            return None;
        }
        if let Held::Light = frame.held {
            frame.settle(&self.homes.get(frame.home?)?.shared);
        }
        Some(&mut frame.held)
    }

    /// Takes back the memory of a shared span that has ended.
    pub(super) fn keep(&mut self, shared: Arc<SharedSpan>) {
        if self.spare.len() < SPARE_SHARED {
            self.spare.push(shared);
        }
    }
}

/// Guards that were leaked: their spans end with the thread.
impl Drop for Stack {
    fn drop(&mut self) {
        TAKEN.set(0);
        self.frames.truncate(self.len);
        for frame in &mut self.frames {
            if let (Held::Light, Some(home)) = (&frame.held, frame.home)
                && let Some(home) = self.homes.get(home)
            {
                frame.settle(&home.shared);
            }
        }
        // The innermost first, and each by itself: one that panics is not to be the end of the rest.
        while let Some(Frame { held, active, .. }) = self.frames.pop() {
            if let Some(Active { attached, span }) = active {
                isolated(|| drop(attached));
                // A `Context` elsewhere may have the span still.
                isolated(|| drop(span.and_then(|span| span.take())));
            }
            isolated(|| drop(held));
        }
    }
}
