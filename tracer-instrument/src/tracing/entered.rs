//! What a thread keeps: the spans that are entered on it, and nodes to use again.
//!
//! Finding a span's node in its extensions takes two locks and a hash table. Most spans are entered
//! by the thread that just made them, left in the order in which they were entered, and closed at
//! once; those are found here.

use std::{cell::RefCell, panic::catch_unwind, sync::Arc};

use ::tracing::span::Id;
use opentelemetry::{Context, ContextGuard, SpanId, trace::TraceContextExt as _};
use tracer_core::__private::Moment;

use super::node::Node;

/// Nodes that a thread keeps for later spans, of some 200 bytes each.
const SPARE_NODES: usize = 64;

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
}

struct Local {
    /// Whether the API's own local is there to be asked.
    has_context: bool,
    entered: Vec<Entered>,
    /// The span that was made or left last.
    recent: Option<(Key, Arc<Node>)>,
    spare: Vec<Arc<Node>>,
}

struct Entered {
    key: Key,
    node: Arc<Node>,
    guard: Option<ContextGuard>,
    /// When it was entered: what was entered later is newer.
    since: Moment,
}

/// A span of a layer. Ids are those of a registry, so they mean something together with a layer only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Key {
    layer: u64,
    id: u64,
}

impl Key {
    pub(super) fn new(layer: u64, id: &Id) -> Self {
        Self {
            layer,
            id: id.into_u64(),
        }
    }
}

impl Local {
    fn new() -> Self {
        // The API's own local is made before this one, so it is dropped after it: while there is
        // this one, contexts can be attached and detached. Where it is gone, asking panics.
        let has_context = catch_unwind(|| Context::map_current(|_| ())).is_ok();
        Self {
            has_context,
            entered: Vec::new(),
            recent: None,
            spare: Vec::new(),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Of guards that were leaked. The innermost first.
        while self.entered.pop().is_some() {}
    }
}

/// `None` in a thread that is torn down. `work` runs no foreign code.
#[inline(always)]
fn with<T>(work: impl FnOnce(&mut Local) -> T) -> Option<T> {
    LOCAL
        .try_with(|local| Some(work(&mut *local.try_borrow_mut().ok()?)))
        .ok()
        .flatten()
}

/// A node for a new span, and whether that is a child of what is innermost on this thread.
pub(super) fn spare(is_child: bool) -> Arc<Node> {
    let spare = with(|local| {
        if let Some(entered) = local.entered.last().filter(|_| is_child) {
            entered.node.see();
        }
        local.spare.pop()
    });
    spare.flatten().unwrap_or_default()
}

/// Takes the node of a closed span.
pub(super) fn keep(node: Arc<Node>) {
    // One that is not kept is dropped with the closure: a closed node holds nothing.
    with(move |local| {
        if local.spare.len() < SPARE_NODES {
            local.spare.push(node);
        }
    });
}

/// Notes the span that was just made, which is likely to be entered or closed next.
pub(super) fn made(key: Key, node: &Arc<Node>) {
    let before = with(|local| local.recent.replace((key, Arc::clone(node))));
    drop(before);
}

/// The node of the span, if it was made or left last; it is not looked up twice.
pub(super) fn take_recent(key: Key) -> Option<Arc<Node>> {
    with(|local| {
        let (_, node) = local
            .recent
            .take_if(|(recent, node)| *recent == key && !node.is_closed())?;
        Some(node)
    })
    .flatten()
}

/// The node of the span, if it was made or left last.
pub(super) fn recent(key: Key) -> Option<Arc<Node>> {
    with(|local| {
        let (recent, node) = local.recent.as_ref()?;
        (*recent == key && !node.is_closed()).then(|| Arc::clone(node))
    })
    .flatten()
}

/// Makes a span the innermost one of this thread, and its context the current one.
pub(super) fn push(key: Key, node: Arc<Node>, context: Option<Context>) {
    // Attaching to a thread that is torn down would panic.
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
            node,
            guard,
            since,
        });
    });
}

/// Takes the innermost entry of a span out, and its context with it, and calls `left` with its node.
/// `find` is asked for that if the span is not known by its key: another layer was there when it was
/// entered.
pub(super) fn pop(key: Key, find: impl FnOnce() -> Option<Arc<Node>>, left: impl FnOnce(&Node)) {
    let known = with(|local| {
        let entered = &mut local.entered;
        if let Some(last) = entered.pop_if(|last| last.key == key) {
            return Some(last);
        }
        let at = entered.iter().rposition(|entered| entered.key == key)?;
        Some(entered.remove(at))
    });
    let entered = known.flatten().or_else(|| {
        let node = find()?;
        with(|local| {
            let mut entered = local.entered.iter();
            let at = entered.rposition(|entered| Arc::ptr_eq(&entered.node, &node))?;
            Some(local.entered.remove(at))
        })
        .flatten()
    });
    let Some(Entered { node, guard, .. }) = entered else {
        return;
    };
    drop(guard);
    left(&node);
    let before = with(move |local| local.recent.replace((key, node)));
    drop(before);
}

/// Whether another context is current than that of a span which is about to be left. `None` if the
/// span is not the innermost one, or has no context.
#[cold]
pub(super) fn is_covered(key: Key) -> Option<bool> {
    with(|local| {
        let last = local.entered.last().filter(|last| last.key == key)?;
        last.guard.as_ref()?;
        Some(Context::map_current(|context| {
            last.since.is_before(context)
        }))
    })
    .flatten()
}

/// The innermost span of this thread, if it is one of this layer and nothing newer is current.
#[inline(always)]
pub(super) fn newest(layer: u64) -> Option<Arc<Node>> {
    with(|local| {
        let last = local.entered.last()?;
        let is_newest = last.key.layer == layer && !last.since.may_be_past();
        is_newest.then(|| Arc::clone(&last.node))
    })
    .flatten()
}

/// The innermost span of a layer on this thread, and when it was entered; or no span, and the time
/// before all. `None` in a thread that is torn down.
pub(super) fn innermost(layer: u64) -> Option<(Option<Arc<Node>>, Moment)> {
    with(|local| {
        let mut entered = local.entered.iter().rev();
        let found = entered.find(|entered| entered.key.layer == layer);
        let found = found.map(|found| (Some(Arc::clone(&found.node)), found.since));
        local
            .has_context
            .then(|| found.unwrap_or((None, Moment::START)))
    })
    .flatten()
}

/// Whether a span is one of another layer, that is of another registry, on this thread.
pub(super) fn is_of_another(layer: u64, id: SpanId) -> bool {
    with(|local| {
        let mut entered = local.entered.iter();
        entered.any(|entered| {
            entered.key.layer != layer && entered.guard.is_some() && entered.since.is_of(id)
        })
    }) == Some(true)
}

/// Whether the span is the innermost one of this thread, and its context the current one.
pub(super) fn is_innermost(node: &Arc<Node>) -> bool {
    with(|local| {
        let entered = local.entered.last();
        entered.is_some_and(|entered| Arc::ptr_eq(&entered.node, node) && entered.guard.is_some())
    }) == Some(true)
}

/// Makes another context current for the innermost span.
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

/// When the span of a context is entered, if that is now.
fn since(context: &Context) -> Moment {
    Moment::with_active(context.span().span_context().span_id())
}
