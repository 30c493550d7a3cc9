//! The spans that are entered on this thread, and the provider for new ones.

use std::{
    cell::{Cell, RefCell},
    mem,
    rc::Rc,
    sync::Arc,
};

use opentelemetry::{
    Context, SpanId,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use crate::{
    foreign::isolated,
    provider::{Shared, global},
    span::Span,
};

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
    frames: Vec<Frame>,
    /// That of the latest frame. A handle on a frame tells by it whether the frame is still the one
    /// that it was.
    serial: u64,
    /// The providers set for this thread, each by a guard with its position.
    defaults: Vec<Option<Home>>,
    /// The global one, as of this version.
    global: Option<Home>,
    global_version: u64,
    /// All that were used here, so that frames count references without an atomic operation.
    homes: Vec<Home>,
}

/// A provider, as this thread counts its users.
pub(crate) type Home = Rc<Arc<Shared>>;

struct Frame {
    held: Held,
    home: Option<Home>,
    /// The active span of the current `Context` when this was entered.
    seen: SpanId,
    serial: u64,
}

/// What is at a place of the stack.
pub(crate) enum Held {
    /// The span.
    Span(Span),
    /// A span that is ending, which foreign code sees, or nothing more than a parent.
    Context(SpanContext),
    /// The span is the active one of the `Context` that was attached just before.
    Attached,
    /// Left out of order.
    Nothing,
}

/// Where a new span finds itself.
pub(crate) struct Here {
    pub(crate) is_suppressed: bool,
    /// The current span; invalid if there is none.
    pub(crate) parent: SpanContext,
    pub(crate) home: Option<Home>,
}

/// A place in the stack, and what was put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    at: usize,
    serial: u64,
}

/// Runs `work` with the slot. `None` while the thread is torn down, and while foreign code that is
/// dropped with a provider runs inside.
fn with<T>(work: impl FnOnce(&mut Slot) -> T) -> Option<T> {
    SLOT.try_with(|slot| Some(work(&mut *slot.try_borrow_mut().ok()?)))
        .ok()
        .flatten()
}

/// What a span that starts now is a child of, and the provider that it belongs to.
pub(crate) fn here() -> Here {
    with(|slot| {
        Context::map_current(|context| Here {
            is_suppressed: context.is_telemetry_suppressed(),
            home: slot.home(context),
            parent: match slot.newest(context) {
                Some(native) => native.clone(),
                None => context.span().span_context().clone(),
            },
        })
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
    with(|_| Context::current()).unwrap_or_default()
}

/// The provider of spans whose parent was chosen.
pub(crate) fn default_home() -> Option<Home> {
    with(Slot::default_home).flatten()
}

/// The context of the innermost native span, if it is the current span.
pub(crate) fn newest() -> Option<SpanContext> {
    with(|slot| Context::map_current(|context| slot.newest(context).cloned())).flatten()
}

/// Where the innermost native span is, if it is the current span and is held here.
pub(crate) fn newest_place() -> Option<Place> {
    with(|slot| {
        let frame = Context::map_current(|context| slot.newest_frame(context))?;
        (!matches!(frame.held, Held::Attached)).then_some(Place {
            at: slot.frames.len() - 1,
            serial: frame.serial,
        })
    })
    .flatten()
}

/// The provider of the current span, if that is a native one.
pub(crate) fn newest_home() -> Option<Arc<Shared>> {
    with(|slot| {
        let frame = Context::map_current(|context| slot.newest_frame(context))?;
        Some(Arc::clone(frame.home.as_ref()?))
    })
    .flatten()
}

/// Makes a span current; gives it back where there is no slot.
pub(crate) fn enter(held: Held, home: Option<Home>) -> Result<Place, Held> {
    let mut held = Some(held);
    let place = with(|slot| {
        let held = held.take().unwrap_or(Held::Nothing);
        slot.push(held, home)
    });
    place.ok_or(held.unwrap_or(Held::Nothing))
}

/// The same for a span, or one that a `Context` holds, of a provider that this thread may not know.
pub(crate) fn enter_of(held: Held, provider: Option<&Arc<Shared>>) -> Result<Place, Held> {
    let home = provider.and_then(|provider| with(|slot| slot.home_of(provider)));
    enter(held, home)
}

/// Takes what is at a place out of the stack.
pub(crate) fn leave(place: Place) -> Held {
    let frame = with(|slot| {
        let frame = slot.frames.get_mut(place.at)?;
        let left = (
            mem::replace(&mut frame.held, Held::Nothing),
            frame.home.take(),
        );
        while let Some(Frame {
            held: Held::Nothing,
            ..
        }) = slot.frames.last()
        {
            slot.frames.pop();
        }
        TAKEN.set(slot.frames.len());
        Some(left)
    });
    // The last reference to a provider is never in a frame.
    frame.flatten().map_or(Held::Nothing, |(held, _home)| held)
}

/// Works on the span at a place. `work` must call no foreign code. `None` if it is gone.
pub(crate) fn change<T>(place: Place, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
    with(|slot| match slot.at(place) {
        Some(Held::Span(span)) => Some(work(span)),
        _ => None,
    })
    .flatten()
}

/// The context of the span at a place.
pub(crate) fn span_context(place: Place) -> Option<SpanContext> {
    with(|slot| match slot.at(place)? {
        Held::Span(span) => Some(span.span_context().clone()),
        Held::Context(context) => Some(context.clone()),
        Held::Attached | Held::Nothing => None,
    })
    .flatten()
}

/// Lets foreign code see the span at a place, which is nowhere else meanwhile. It stays current as
/// a parent.
pub(crate) fn lend<T>(place: Place, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
    let mut span = swap(place, |held| match held {
        Held::Span(span) => {
            let context = span.span_context().clone();
            Some(mem::replace(held, Held::Context(context)))
        }
        _ => None,
    })?;
    let Held::Span(lent) = &mut span else {
        return None;
    };
    let result = work(lent);
    // Where the slot is gone meanwhile, the span ends here.
    drop(swap(place, |held| Some(mem::replace(held, span))));
    Some(result)
}

fn swap(place: Place, exchange: impl FnOnce(&mut Held) -> Option<Held>) -> Option<Held> {
    with(|slot| exchange(slot.at(place)?)).flatten()
}

/// Sets the provider of this thread, and returns its position.
pub(crate) fn push_default(provider: &Arc<Shared>) -> Option<usize> {
    with(|slot| {
        let home = slot.home_of(provider);
        slot.defaults.push(Some(home));
        slot.defaults.len() - 1
    })
}

/// Takes a provider of this thread away; the one set before it applies again.
pub(crate) fn remove_default(at: usize) {
    with(|slot| {
        if let Some(default) = slot.defaults.get_mut(at) {
            *default = None;
        }
        while let Some(None) = slot.defaults.last() {
            slot.defaults.pop();
        }
    });
}

impl Slot {
    fn new() -> Self {
        // The API's own local is made before this one, so it is dropped after it: while there is a
        // slot, `Context` may be asked. Where it is gone already, asking panics.
        isolated(|| Context::map_current(|_| ()));
        Self {
            frames: Vec::new(),
            serial: 0,
            defaults: Vec::new(),
            global: None,
            global_version: 0,
            homes: Vec::new(),
        }
    }

    /// The innermost native span, if it is newer than the active one of the current `Context`.
    fn newest_frame(&self, context: &Context) -> Option<&Frame> {
        let frame = self.frames.last()?;
        let is_newer =
            !context.has_active_span() || context.span().span_context().span_id() == frame.seen;
        is_newer.then_some(frame)
    }

    /// Its context, if it has a valid one and is not in the `Context` anyway.
    fn newest(&self, context: &Context) -> Option<&SpanContext> {
        let span = match &self.newest_frame(context)?.held {
            Held::Span(span) => span.span_context(),
            Held::Context(span) => span,
            Held::Attached | Held::Nothing => return None,
        };
        span.is_valid().then_some(span)
    }

    fn home(&mut self, context: &Context) -> Option<Home> {
        match self.newest_frame(context) {
            Some(Frame {
                home: Some(home), ..
            }) => Some(Rc::clone(home)),
            _ => self.default_home(),
        }
    }

    fn default_home(&mut self) -> Option<Home> {
        if let Some(Some(home)) = self.defaults.last() {
            return Some(Rc::clone(home));
        }
        let version = global::version();
        if version != self.global_version {
            self.global = global::provider().map(|provider| self.home_of(&provider));
            self.global_version = version;
        }
        self.global.clone()
    }

    fn home_of(&mut self, provider: &Arc<Shared>) -> Home {
        let known = self.homes.iter().find(|home| Arc::ptr_eq(home, provider));
        if let Some(home) = known {
            return Rc::clone(home);
        }
        // Those that are shut down, and of no use here any more.
        let gone: Vec<_> = self
            .homes
            .extract_if(.., |home| home.is_closed() && Rc::strong_count(home) == 1)
            .collect();
        isolated(|| drop(gone));
        let home = Rc::new(Arc::clone(provider));
        self.homes.push(Rc::clone(&home));
        home
    }

    fn push(&mut self, held: Held, home: Option<Home>) -> Place {
        let seen = Context::map_current(|context| context.span().span_context().span_id());
        self.serial += 1;
        self.frames.push(Frame {
            held,
            home,
            seen,
            serial: self.serial,
        });
        TAKEN.set(self.frames.len());
        Place {
            at: self.frames.len() - 1,
            serial: self.serial,
        }
    }

    fn at(&mut self, place: Place) -> Option<&mut Held> {
        let frame = self.frames.get_mut(place.at)?;
        (frame.serial == place.serial).then_some(&mut frame.held)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN.set(0);
        // Guards that were leaked: their spans end with the thread.
        let frames = mem::take(&mut self.frames);
        isolated(|| drop(frames));
        let homes = (
            mem::take(&mut self.defaults),
            self.global.take(),
            mem::take(&mut self.homes),
        );
        isolated(|| drop(homes));
    }
}
