//! The state of a thread: the spans that are entered on it, and unused span states.
//!
//! Finding a span's state in its extensions takes two locks and a hash table. Most threads enter a span
//! just after they made it, exit spans in order, and close them at once. This module finds those spans
//! without a lock.

use std::{cell::RefCell, panic::catch_unwind, sync::Arc};

use ::tracing::span::Id;
use opentelemetry::{Context, ContextGuard, SpanId, trace::TraceContextExt as _};
use tracer_core::__private::Moment;

use super::span_state::SpanState;

/// How many unused span states a thread keeps, of about 200 bytes each.
const MAX_UNUSED: usize = 64;

thread_local! {
    static LOCAL: RefCell<ThreadState> = RefCell::new(ThreadState::new());
}

struct ThreadState {
    /// Whether the thread-local of the OpenTelemetry API still exists.
    has_context: bool,
    entered: Vec<Entered>,
    /// The span that was made or exited last.
    recent: Option<(SpanKey, Arc<SpanState>)>,
    unused: Vec<Arc<SpanState>>,
}

struct Entered {
    key: SpanKey,
    state: Arc<SpanState>,
    guard: Option<ContextGuard>,
    /// When the span was entered, which orders it among all current spans.
    since: Moment,
}

/// Identifies a span. Span ids are unique within a registry, so the key also contains the layer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct SpanKey {
    layer: u64,
    id: u64,
}

impl SpanKey {
    pub(super) fn new(layer: u64, id: &Id) -> Self {
        Self {
            layer,
            id: id.into_u64(),
        }
    }
}

impl ThreadState {
    fn new() -> Self {
        // This creates the API's thread-local before this one, so the API's is dropped later. While this
        // one exists, contexts can be attached and detached. Without the API's, access panics.
        let has_context = catch_unwind(|| Context::map_current(|_| ())).is_ok();
        Self {
            has_context,
            entered: Vec::new(),
            recent: None,
            unused: Vec::new(),
        }
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        // Drops the guards of spans that were never exited, innermost first.
        while self.entered.pop().is_some() {}
    }
}

/// Returns `None` on a thread that is being torn down. `work` must not run user code.
#[inline(always)]
fn with<T>(work: impl FnOnce(&mut ThreadState) -> T) -> Option<T> {
    LOCAL
        .try_with(|local| Some(work(&mut *local.try_borrow_mut().ok()?)))
        .ok()
        .flatten()
}

/// Returns an unused state for a new span. `is_child` says that the innermost span of this thread is the
/// parent, whose ids the new span then knows.
pub(super) fn take_unused(is_child: bool) -> Arc<SpanState> {
    let unused = with(|local| {
        if let Some(entered) = local.entered.last().filter(|_| is_child) {
            entered.state.publish_ids();
        }
        local.unused.pop()
    });
    unused.flatten().unwrap_or_default()
}

/// Keeps the state of a closed span for a later span.
pub(super) fn recycle(state: Arc<SpanState>) {
    // A state that is not kept is dropped with the closure. A closed state holds nothing.
    with(move |local| {
        if local.unused.len() < MAX_UNUSED {
            local.unused.push(state);
        }
    });
}

/// Remembers the span that was just made, which is likely to be entered or closed next.
pub(super) fn set_recent(key: SpanKey, state: &Arc<SpanState>) {
    let before = with(|local| local.recent.replace((key, Arc::clone(state))));
    drop(before);
}

/// Takes the state of the span, if it was made or exited last.
pub(super) fn take_recent(key: SpanKey) -> Option<Arc<SpanState>> {
    with(|local| {
        let (_, state) = local
            .recent
            .take_if(|(recent, state)| *recent == key && !state.is_closed())?;
        Some(state)
    })
    .flatten()
}

/// Returns the state of the span, if it was made or exited last.
pub(super) fn recent(key: SpanKey) -> Option<Arc<SpanState>> {
    with(|local| {
        let (recent, state) = local.recent.as_ref()?;
        (*recent == key && !state.is_closed()).then(|| Arc::clone(state))
    })
    .flatten()
}

/// Makes a span the innermost one of this thread, and its context the current one.
pub(super) fn push(key: SpanKey, state: Arc<SpanState>, context: Option<Context>) {
    // Attaching on a thread that is being torn down would panic.
    let is_alive = with(|local| local.has_context) == Some(true);
    if !is_alive {
        return;
    }
    let (guard, since) = match context {
        Some(context) => {
            let since = since(&context);
            (Some(context.attach()), since)
        }
        None => (None, Moment::now()),
    };
    with(move |local| {
        local.entered.push(Entered {
            key,
            state,
            guard,
            since,
        });
    });
}

/// Removes the innermost entry of a span and its context, and calls `exited` with its state. If the key
/// is unknown, because another layer was installed when the span was entered, `find` looks the state up.
pub(super) fn pop(
    key: SpanKey,
    find: impl FnOnce() -> Option<Arc<SpanState>>,
    exited: impl FnOnce(&SpanState),
) {
    let known = with(|local| {
        let entered = &mut local.entered;
        if let Some(last) = entered.pop_if(|last| last.key == key) {
            return Some(last);
        }
        let at = entered.iter().rposition(|entered| entered.key == key)?;
        Some(entered.remove(at))
    });
    let entered = known.flatten().or_else(|| {
        let state = find()?;
        with(|local| {
            let mut entered = local.entered.iter();
            let at = entered.rposition(|entered| Arc::ptr_eq(&entered.state, &state))?;
            Some(local.entered.remove(at))
        })
        .flatten()
    });
    let Some(Entered { state, guard, .. }) = entered else {
        return;
    };
    drop(guard);
    exited(&state);
    let before = with(move |local| local.recent.replace((key, state)));
    drop(before);
}

/// Returns whether another context than that of the span is current, just before the span is exited.
/// Returns `None` if the span is not the innermost one, or has no context.
#[cold]
pub(super) fn has_other_context(key: SpanKey) -> Option<bool> {
    with(|local| {
        let last = local.entered.last().filter(|last| last.key == key)?;
        last.guard.as_ref()?;
        Some(Context::map_current(|context| {
            last.since.is_before(context)
        }))
    })
    .flatten()
}

/// Returns the innermost span of this thread, if this layer made it and no newer span is current.
#[inline(always)]
pub(super) fn newest(layer: u64) -> Option<Arc<SpanState>> {
    with(|local| {
        let last = local.entered.last()?;
        let is_newest = last.key.layer == layer && !last.since.may_be_past();
        is_newest.then(|| Arc::clone(&last.state))
    })
    .flatten()
}

/// Returns the innermost span of a layer on this thread and when it was entered, or no span and the
/// earliest moment. Returns `None` on a thread that is being torn down.
pub(super) fn innermost(layer: u64) -> Option<(Option<Arc<SpanState>>, Moment)> {
    with(|local| {
        let mut entered = local.entered.iter().rev();
        let found = entered.find(|entered| entered.key.layer == layer);
        let found = found.map(|found| (Some(Arc::clone(&found.state)), found.since));
        local
            .has_context
            .then(|| found.unwrap_or((None, Moment::START)))
    })
    .flatten()
}

/// Returns whether a span of this thread was made by another layer, which means in another registry.
pub(super) fn is_of_another_layer(layer: u64, id: SpanId) -> bool {
    with(|local| {
        let mut entered = local.entered.iter();
        entered.any(|entered| {
            entered.key.layer != layer && entered.guard.is_some() && entered.since.is_of(id)
        })
    }) == Some(true)
}

/// Returns whether the span is the innermost one of this thread, and has a context.
pub(super) fn is_innermost(state: &Arc<SpanState>) -> bool {
    with(|local| {
        let entered = local.entered.last();
        entered.is_some_and(|entered| Arc::ptr_eq(&entered.state, state) && entered.guard.is_some())
    }) == Some(true)
}

/// Replaces the context of the innermost span.
pub(super) fn change_context(context: Context) {
    let guard = with(|local| local.entered.last_mut()?.guard.take()).flatten();
    drop(guard);
    let since = since(&context);
    let guard = context.attach();
    with(move |local| {
        if let Some(entered) = local.entered.last_mut() {
            entered.guard = Some(guard);
            entered.since = since;
        }
    });
}

/// Returns the moment for the span of a context that is entered now.
fn since(context: &Context) -> Moment {
    Moment::with_active(context.span().span_context().span_id())
}
