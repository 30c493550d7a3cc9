//! The spans that are entered on this thread, and the provider for new ones.

use std::{cell::RefCell, mem, sync::Arc, thread};

use opentelemetry::{
    Context,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use super::{
    activation::{activate, default_activates, detach, unshare},
    frame::{Held, Place},
    homes::Home,
    light::Light,
    stack::Stack,
};
use crate::{provider::Shared, span::Span};

pub(crate) use super::stack::is_in_use;

thread_local! {
    static SLOT: RefCell<Stack> = RefCell::new(Stack::new());
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
pub(super) fn with<T>(work: impl FnOnce(&mut Stack) -> Option<T>) -> Option<T> {
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

/// The same, and the context of the innermost native span if that is the current one.
#[inline]
pub(crate) fn context_and_newest() -> (Context, Option<SpanContext>) {
    if !is_in_use() {
        return (context(), None);
    }
    let both = with(|slot| {
        Some(Context::map_current(|context| {
            (context.clone(), slot.newest(context))
        }))
    });
    both.unwrap_or_default()
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
        let is_held_here = !matches!(frame.held, Held::Attached) || frame.shared().is_some();
        is_held_here.then_some(frame.place)?
    })
}

/// The serial number of the latest native span.
pub(crate) fn serial() -> u64 {
    with(|slot| Some(slot.latest()?.serial())).unwrap_or_default()
}

/// The provider of the current span, if that is a native one.
pub(crate) fn newest_home() -> Option<Arc<Shared>> {
    with(|slot| {
        let frame = Context::map_current(|context| slot.newest_frame(context))?;
        Some(Arc::clone(&slot.homes.get(frame.home?)?.shared))
    })
}

/// Makes a span current, of this provider if it does not record; gives it back where there is no
/// slot.
pub(crate) fn enter(span: Span, provider: Option<&Arc<Shared>>) -> Result<Place, Span> {
    let mut span = span;
    let known = span.shared().or(provider);
    if known.map_or_else(default_activates, |known| known.context_activation) {
        match activate(span, provider) {
            Ok(place) => return Ok(place),
            Err(inactive) => span = inactive,
        }
    }
    let mut span = Some(span);
    let place = with(|slot| {
        let provider = span.as_ref()?.shared().or(provider);
        let home = provider.map(|provider| slot.homes.of(provider, slot.len == 0));
        let seen = Context::map_current(|context| context.span().span_context().span_id());
        let (place, frame, _) = slot.push(home, seen)?;
        frame.hold(Held::Span(span.take()?));
        Some(place)
    });
    place.ok_or_else(|| span.unwrap_or_else(Span::gone))
}

/// Notes that a span was entered while the thread unwinds, and returns its place anew.
#[cold]
pub(super) fn enter_in_panic(place: Place) -> Place {
    let noted = with(|slot| {
        let frame = slot.at(place)?;
        frame.place = Some(place.in_panic());
        frame.place
    });
    noted.unwrap_or(place)
}

/// Makes current what was just attached in a `Context`, with its provider.
pub(crate) fn enter_attached(provider: Option<&Arc<Shared>>) -> Option<Place> {
    with(|slot| {
        let home = provider.map(|provider| slot.homes.of(provider, slot.len == 0));
        let seen = Context::map_current(|context| context.span().span_context().span_id());
        let (place, frame, _) = slot.push(home, seen)?;
        frame.hold(Held::Attached);
        Some(place)
    })
}

/// Starts a span on which nothing is set as a child of what is current, and makes it current. `None`
/// where that takes a recording: see [`light`](super::light).
pub(crate) fn enter_light(
    name: &'static str,
    kind: u8,
    scope: impl FnOnce(&Shared) -> u32,
) -> Option<Place> {
    with(|slot| {
        let (parent, home, seen) =
            Context::map_current(|context| slot.look(context, |home| home.has_light_guards))?;
        let (place, frame, homes) = slot.push(home, seen)?;
        match home.and_then(|home| homes.get(home)) {
            Some(provider) if !provider.shared.is_closed() => {
                let shared = &provider.shared;
                frame.light.start(shared, parent, name, kind, scope);
                frame.hold(Held::Light);
                // One that is not sampled has nothing to record of a panic.
                if frame.light.is_sampled() && thread::panicking() {
                    frame.place = Some(place.in_panic());
                    return frame.place;
                }
            }
            // The slow way logs the first span that starts after a shutdown.
            Some(provider) if provider.shared.must_report_late_start() => {
                slot.shrink();
                return None;
            }
            _ => {
                frame.light.pass_on(parent);
                frame.hold(Held::Parent);
            }
        }
        Some(place)
    })
}

/// Starts a span as a child of what is current, which is not made current. `None` in the same cases,
/// and where no provider records it.
pub(crate) fn start(
    name: &'static str,
    kind: u8,
    scope: impl FnOnce(&Shared) -> u32,
) -> Option<(Span, Option<Home>)> {
    with(|slot| {
        let (parent, home, _) =
            Context::map_current(|context| slot.look(context, |home| home.is_plain))?;
        let home = slot.homes.get(home?)?;
        if home.shared.is_closed() {
            return None;
        }
        let span = Light::start_span(&home.shared, parent, name, kind, scope);
        // One that records knows its provider.
        let home = (!span.is_recording()).then(|| Home::clone(home));
        Some((span, home))
    })
}

/// Takes what is at a place out of the stack, and ends it.
#[inline]
pub(crate) fn close(place: Place) {
    let closed = with(|slot| {
        let Stack { frames, homes, .. } = slot;
        let frame = frames.get_mut(place.at())?;
        if frame.place != Some(place) {
            return None;
        }
        // One after the other: a `match` finds out first which of all it is.
        if let Held::Light = frame.held {
            frame.held = Held::Nothing;
            frame.light.end(&homes.get(frame.home?)?.shared);
        } else if let Held::Parent = frame.held {
            frame.held = Held::Nothing;
        } else {
            return None;
        }
        slot.shrink();
        Some(())
    });
    if closed.is_none() {
        close_others(place);
    }
}

/// Like [`close`], but not inlined, for cold callers.
#[cold]
#[inline(never)]
pub(crate) fn close_slowly(place: Place) {
    close(place);
}

/// Like [`close`], for a span that has a recording or is active in `Context`.
// Not inlined: code that may have to drop a span costs the simple case a tenth of its instructions.
#[inline(never)]
fn close_others(place: Place) {
    let mut is_active = false;
    let held = with(|slot| {
        let frame = slot.at(place)?;
        is_active = frame.active.is_some();
        if is_active {
            return None;
        }
        let held = mem::replace(&mut frame.held, Held::Nothing);
        slot.shrink();
        Some(held)
    });
    if is_active {
        return close_active(place);
    }
    // With it ends a span that has a recording, which processors may see.
    drop(held);
}

/// Like [`close`], for a span that is active in `Context`.
#[cold]
#[inline(never)]
fn close_active(place: Place) {
    drop(leave(place));
}

/// Takes what is at a place out of the stack.
pub(crate) fn leave(place: Place) -> Held {
    let left = with(|slot| {
        let held = match mem::replace(slot.settled(place)?, Held::Nothing) {
            Held::Parent => Held::Context(Box::new(slot.at(place)?.light.parent().span_context())),
            held => held,
        };
        let active = slot.at(place)?.active.take();
        slot.shrink();
        Some((held, active))
    });
    let Some((held, active)) = left else {
        return Held::Nothing;
    };
    // First, so that processors find the parent active when the span ends.
    match active.and_then(detach) {
        Some(shared) => unshare(shared).map_or(Held::Nothing, Held::Span),
        None => held,
    }
}

/// Whether the span at a place takes what is set.
pub(crate) fn is_recording(place: Place) -> bool {
    with(|slot| Some(slot.at(place)?.is_recording())) == Some(true)
}

/// Works on the span at a place. `work` must call no foreign code. `None` if it is gone, or does not
/// record.
#[inline]
pub(crate) fn change<T>(place: Place, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
    with(|slot| match slot.settled(place)? {
        Held::Span(span) => Some(work(span)),
        Held::Attached => change_shared(slot, place, work),
        _ => None,
    })
}

#[cold]
#[inline(never)]
fn change_shared<T>(
    slot: &mut Stack,
    place: Place,
    work: impl FnOnce(&mut Span) -> T,
) -> Option<T> {
    slot.at(place)?.shared()?.with(work)
}

/// The context of the span at a place.
pub(crate) fn span_context(place: Place) -> Option<SpanContext> {
    with(|slot| slot.at(place)?.span_context())
}

/// Lets foreign code see the span at a place, which is nowhere else meanwhile. It stays current as
/// a parent.
pub(crate) fn lend(place: Place, work: impl FnOnce(&mut Span)) {
    let shared = with(|slot| slot.at(place)?.shared().cloned());
    if let Some(shared) = shared {
        return shared.lend(work);
    }
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
