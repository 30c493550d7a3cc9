//! The spans that are entered on this thread, and the provider for new ones.

use std::{
    cell::{Cell, RefCell},
    mem,
    sync::Arc,
};

use opentelemetry::{
    Context, SpanId,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use super::{
    frame::{Frame, Held, Place},
    homes::{Home, HomeAt, Homes},
    light::Ids,
};
use crate::{foreign::isolated, provider::Shared, span::Span};

thread_local! {
    /// How many places of the stack are taken. Has nothing to drop, so tracers may ask at every
    /// moment.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
    static SLOT: RefCell<Slot> = RefCell::new(Slot::new());
}

/// Whether a span was entered on this thread.
#[inline]
pub(crate) fn is_in_use() -> bool {
    TAKEN.get() > 0
}

struct Slot {
    /// Those below `len` are the stack. The rest is kept to be written in place, which takes a third
    /// of the time that moving a frame into a `Vec` does.
    frames: Vec<Frame>,
    /// Invariant: at most `frames.len()`.
    len: usize,
    /// That of the latest frame.
    serial: u64,
    homes: Homes,
}

/// Where a new span finds itself.
pub(crate) struct Here {
    pub(crate) is_suppressed: bool,
    /// The current span; invalid if there is none.
    pub(crate) parent: SpanContext,
    pub(crate) home: Option<Home>,
}

/// Runs `work` with the slot. `None` while the thread is torn down, and while foreign code that is
/// dropped with a provider runs inside.
#[inline(always)]
fn with<T>(work: impl FnOnce(&mut Slot) -> Option<T>) -> Option<T> {
    SLOT.try_with(|slot| work(&mut *slot.try_borrow_mut().ok()?))
        .ok()
        .flatten()
}

/// What a span that starts now is a child of, and the provider that it belongs to.
pub(crate) fn here() -> Here {
    with(|slot| {
        Some(Context::map_current(|context| Here {
            is_suppressed: context.is_telemetry_suppressed(),
            home: slot
                .home(context)
                .and_then(|at| slot.homes.get(at).cloned()),
            parent: match slot.newest(context) {
                Some(native) => native,
                None => context.span().span_context().clone(),
            },
        }))
    })
    // A thread that is torn down has no current span any more.
    .unwrap_or(Here {
        is_suppressed: false,
        parent: SpanContext::NONE,
        home: None,
    })
}

/// The current `Context` of the API.
pub(crate) fn context() -> Context {
    with(|_| Some(Context::current())).unwrap_or_default()
}

/// The provider of spans whose parent was chosen.
pub(crate) fn default_home() -> Option<Home> {
    with(|slot| {
        let at = slot.homes.for_roots()?;
        slot.homes.get(at).cloned()
    })
}

/// The context of the innermost native span, if it is the current span.
pub(crate) fn newest() -> Option<SpanContext> {
    with(|slot| Context::map_current(|context| slot.newest(context)))
}

/// Where the innermost native span is, if it is the current span and is held here.
pub(crate) fn newest_place() -> Option<Place> {
    with(|slot| {
        let frame = Context::map_current(|context| slot.newest_frame(context))?;
        (!matches!(frame.held, Held::Attached)).then_some(frame.place)?
    })
}

/// The provider of the current span, if that is a native one.
pub(crate) fn newest_home() -> Option<Arc<Shared>> {
    with(|slot| {
        let frame = Context::map_current(|context| slot.newest_frame(context))?;
        Some(Arc::clone(&slot.homes.get(frame.home?)?.shared))
    })
}

/// Makes a span current; gives it back where there is no slot.
pub(crate) fn enter(held: Held, provider: Option<&Arc<Shared>>) -> Result<Place, Held> {
    let mut held = Some(held);
    let place = with(|slot| {
        let is_unused = slot.len == 0;
        let home = provider.map(|provider| slot.homes.of(provider, is_unused));
        let seen = Context::map_current(|context| context.span().span_context().span_id());
        let (place, frame, _) = slot.push(home, seen)?;
        frame.held = held.take().unwrap_or(Held::Nothing);
        Some(place)
    });
    place.ok_or_else(|| held.unwrap_or(Held::Nothing))
}

/// Starts a span on which nothing is set as a child of what is current, and makes it current. `None`
/// where that takes a recording: see [`light`](super::light).
pub(crate) fn enter_light(
    name: &'static str,
    kind: u8,
    scope: impl FnOnce(&Shared) -> u32,
) -> Option<Place> {
    with(|slot| {
        let (parent, home, seen) = Context::map_current(|context| slot.look(context))?;
        let (place, frame, homes) = slot.push(Some(home), seen)?;
        let provider = homes.get(home)?;
        frame
            .light
            .start(&provider.shared, parent, name, kind, scope);
        frame.held = Held::Light;
        Some(place)
    })
}

/// Takes what is at a place out of the stack, and ends it.
#[inline]
pub(crate) fn close(place: Place) {
    let held = with(|slot| {
        let Slot { frames, homes, .. } = slot;
        let frame = frames.get_mut(place.at())?;
        if frame.place != Some(place) {
            return None;
        }
        let held = if let (Held::Light, Some(home)) = (&frame.held, frame.home) {
            frame.held = Held::Nothing;
            frame.light.end(&homes.get(home)?.shared);
            None
        } else {
            Some(mem::replace(&mut frame.held, Held::Nothing))
        };
        slot.shrink();
        held
    });
    // With it ends a span that has a recording, which foreign code may see.
    drop(held);
}

/// Takes what is at a place out of the stack.
pub(crate) fn leave(place: Place) -> Held {
    let held = with(|slot| {
        let held = slot.settled(place)?;
        let held = mem::replace(held, Held::Nothing);
        slot.shrink();
        Some(held)
    });
    held.unwrap_or(Held::Nothing)
}

/// Whether the span at a place takes what is set.
pub(crate) fn is_recording(place: Place) -> bool {
    let recording = with(|slot| {
        let frame = slot.at(place)?;
        Some(match &frame.held {
            Held::Light => frame.light.is_sampled(),
            Held::Span(span) => span.is_recording(),
            Held::Context(_) | Held::Attached | Held::Nothing => false,
        })
    });
    recording == Some(true)
}

/// Works on the span at a place. `work` must call no foreign code. `None` if it is gone, or does not
/// record.
pub(crate) fn change<T>(place: Place, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
    with(|slot| match slot.settled(place)? {
        Held::Span(span) => Some(work(span)),
        _ => None,
    })
}

/// The context of the span at a place.
pub(crate) fn span_context(place: Place) -> Option<SpanContext> {
    with(|slot| slot.at(place)?.span_context())
}

/// Lets foreign code see the span at a place, which is nowhere else meanwhile. It stays current as
/// a parent.
pub(crate) fn lend(place: Place, work: impl FnOnce(&mut Span)) {
    let lent = with(|slot| {
        let held = slot.settled(place)?;
        let Held::Span(span) = held else { return None };
        let context = Held::Context(Box::new(span.span_context().clone()));
        Some(mem::replace(held, context))
    });
    if let Some(Held::Span(mut span)) = lent {
        work(&mut span);
        let mut span = Some(span);
        with(|slot| {
            let held = slot.settled(place)?;
            *held = Held::Span(span.take()?);
            Some(())
        });
        // Where the slot is gone meanwhile, it ends here.
        drop(span);
    }
}

/// Sets the provider of this thread, and returns its position.
pub(crate) fn push_default(provider: &Arc<Shared>) -> Option<usize> {
    with(|slot| {
        let home = slot.homes.of(provider, slot.len == 0);
        Some(slot.homes.push_default(home))
    })
}

/// Takes a provider of this thread away; the one set before it applies again.
pub(crate) fn remove_default(at: usize) {
    with(|slot| {
        slot.homes.remove_default(at);
        Some(())
    });
}

impl Slot {
    fn new() -> Self {
        // The API's own local is made before this one, so it is dropped after it: while there is a
        // slot, `Context` may be asked. Where it is gone already, asking panics.
        isolated(|| Context::map_current(|_| ()));
        Self {
            frames: Vec::new(),
            len: 0,
            serial: 0,
            homes: Homes::default(),
        }
    }

    /// The innermost native span, if it is newer than the active one of the current `Context`.
    #[inline]
    fn newest_frame(&self, context: &Context) -> Option<&Frame> {
        let frame = self.frames.get(self.len.checked_sub(1)?)?;
        let active = context.span().span_context().span_id();
        let is_newer = !context.has_active_span() || active == frame.seen || frame.is(active);
        is_newer.then_some(frame)
    }

    /// Its context, if it has a valid one and is not in the `Context` anyway.
    fn newest(&self, context: &Context) -> Option<SpanContext> {
        let span = self.newest_frame(context)?.span_context()?;
        span.is_valid().then_some(span)
    }

    fn home(&mut self, context: &Context) -> Option<HomeAt> {
        let native = self.newest_frame(context).and_then(|frame| frame.home);
        native.or_else(|| self.homes.for_roots())
    }

    /// What a span on which nothing is set takes over from its parent, its provider, and the active
    /// span of the current `Context`.
    #[inline(always)]
    fn look(&mut self, context: &Context) -> Option<(Ids, HomeAt, SpanId)> {
        if context.is_telemetry_suppressed() {
            return None;
        }
        let active = context.span();
        let active = active.span_context();
        let (parent, home) = match self.newest_frame(context) {
            Some(frame) => (frame.ids(active)?, frame.home?),
            None => (Ids::of(active)?, self.homes.for_roots()?),
        };
        let provider = self.homes.get(home)?;
        let may_be = provider.is_plain && !provider.shared.is_closed();
        may_be.then(|| (parent, home, active.span_id()))
    }

    /// The next frame, to be filled.
    #[inline(always)]
    fn push(&mut self, home: Option<HomeAt>, seen: SpanId) -> Option<(Place, &mut Frame, &Homes)> {
        let at = self.len;
        if at == self.frames.len() {
            self.grow();
        }
        let frame = self.frames.get_mut(at)?;
        self.serial = self.serial.wrapping_add(1);
        let place = Place::new(at, self.serial)?;
        self.len += 1;
        TAKEN.set(self.len);
        frame.home = home;
        frame.seen = seen;
        frame.place = Some(place);
        Some((place, frame, &self.homes))
    }

    #[cold]
    fn grow(&mut self) {
        self.frames.push(Frame::default());
    }

    /// Gives up the places above the last one that holds something.
    #[inline(always)]
    fn shrink(&mut self) {
        while let Some(last) = self.len.checked_sub(1)
            && matches!(self.frames.get(last), Some(frame) if matches!(frame.held, Held::Nothing))
        {
            self.len = last;
        }
        TAKEN.set(self.len);
    }

    #[inline]
    fn at(&mut self, place: Place) -> Option<&mut Frame> {
        let frame = self.frames.get_mut(place.at())?;
        (frame.place == Some(place)).then_some(frame)
    }

    /// What is at a place, with a recording if it is a span that records.
    #[inline]
    fn settled(&mut self, place: Place) -> Option<&mut Held> {
        let frame = self.frames.get_mut(place.at())?;
        if frame.place != Some(place) {
            return None;
        }
        if let Held::Light = frame.held {
            frame.settle(&self.homes.get(frame.home?)?.shared);
        }
        Some(&mut frame.held)
    }
}

/// Guards that were leaked: their spans end with the thread.
impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN.set(0);
        self.frames.truncate(self.len);
        for frame in &mut self.frames {
            if let (Held::Light, Some(home)) = (&frame.held, frame.home)
                && let Some(home) = self.homes.get(home)
            {
                frame.light.end(&home.shared);
            }
        }
        let frames = mem::take(&mut self.frames);
        isolated(|| drop(frames));
    }
}
