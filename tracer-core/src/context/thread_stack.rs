//! Operations on the stack of this thread: entering, changing and leaving spans, and the state that
//! a new span starts from.

use std::{mem, sync::Arc, thread};

use opentelemetry::{
    Context,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};

use super::{
    activation::{activate, default_activates, detach, unshare},
    entry::{EntryKey, EntryKind},
    lazy::LazySpan,
    providers::ProviderRef,
    span_stack::{SpanStack, with},
};
use crate::{provider_core::ProviderCore, span::Span};

pub(crate) use super::span_stack::{EntryPoint, default_provider, is_in_use};

/// The state of the thread where a span starts.
pub(crate) struct StartContext {
    pub(crate) is_suppressed: bool,
    /// The current span. It is invalid if there is none.
    pub(crate) parent: SpanContext,
    pub(crate) provider: Option<ProviderRef>,
}

/// Returns the parent and the provider of a span that starts now.
pub(crate) fn start_context() -> StartContext {
    with(|stack| {
        Some(Context::map_current(|context| StartContext {
            is_suppressed: context.is_telemetry_suppressed(),
            provider: stack
                .provider(context)
                .and_then(|index| stack.providers.get(index).cloned()),
            parent: match stack.newest(context) {
                Some(native) => native,
                None => context.span().span_context().clone(),
            },
        }))
    })
    // A thread that is being torn down has no current span.
    .unwrap_or(StartContext {
        is_suppressed: false,
        parent: SpanContext::NONE,
        provider: None,
    })
}

/// Returns the current `Context` of the API.
pub(crate) fn context() -> Context {
    with(|_| Some(Context::current())).unwrap_or_default()
}

/// Returns the current `Context`, and the context of the innermost native span if that is newer.
#[inline]
pub(crate) fn context_and_newest() -> (Context, Option<SpanContext>) {
    if !is_in_use() {
        return (context(), None);
    }
    let both = with(|stack| {
        Some(Context::map_current(|context| {
            (context.clone(), stack.newest(context))
        }))
    });
    both.unwrap_or_default()
}

/// Returns the context of the innermost native span, if it is the current span.
pub(crate) fn newest() -> Option<SpanContext> {
    with(|stack| Context::map_current(|context| stack.newest(context)))
}

/// Returns the key of the innermost native span, if it is the current span and if this stack or one
/// of its guards owns it.
pub(crate) fn newest_key() -> Option<EntryKey> {
    with(|stack| {
        let entry = Context::map_current(|context| stack.newest_entry(context))?;
        let is_owned = !matches!(entry.kind, EntryKind::InContext) || entry.shared().is_some();
        is_owned.then_some(entry.key)?
    })
}

/// Returns the serial number of the latest native span.
pub(crate) fn serial() -> u64 {
    with(|stack| Some(stack.latest()?.serial())).unwrap_or_default()
}

/// Returns the provider of the current span, if that is a native span.
pub(crate) fn newest_provider() -> Option<Arc<ProviderCore>> {
    with(|stack| {
        let entry = Context::map_current(|context| stack.newest_entry(context))?;
        Some(Arc::clone(&stack.providers.get(entry.provider?)?.core))
    })
}

/// Makes a span current. `provider` is the provider of a span that does not record. Returns the
/// span if there is no stack.
// Inlined into its usual caller. The other caller, `enter_again`, has a cold copy.
#[inline(always)]
pub(crate) fn enter(span: Span, provider: Option<&Arc<ProviderCore>>) -> Result<EntryKey, Span> {
    let mut span = span;
    let known = span.provider().or(provider);
    if known.map_or_else(default_activates, |known| known.context_activation) {
        match activate(span, provider) {
            Ok(key) => return Ok(key),
            Err(inactive) => span = inactive,
        }
    }
    let mut span = Some(span);
    let key = with(|stack| {
        let provider = span.as_ref()?.provider().or(provider);
        let point = EntryPoint::of(stack, provider);
        push_span(stack, point, &mut span)
    });
    key.ok_or_else(|| span.unwrap_or_else(Span::gone))
}

/// Enters a span that [`start`] has just started, without looking up the thread's state again.
/// `provider` is as for [`enter`].
#[inline]
pub(crate) fn enter_started(
    span: Span,
    provider: Option<&Arc<ProviderCore>>,
    point: EntryPoint,
) -> Result<EntryKey, Span> {
    let mut span = Some(span);
    let key = with(|stack| {
        let known = span.as_ref()?.provider().or(provider)?;
        // The provider may have moved in the list while the attributes were evaluated.
        let listed = stack.providers.get(point.provider?)?;
        let is_same = Arc::ptr_eq(&listed.core, known);
        // So may the current `Context`.
        let point = point.with_active_span();
        is_same.then(|| push_span(stack, point, &mut span))?
    });
    match (key, span) {
        (Some(key), _) => Ok(key),
        (None, Some(span)) => enter_again(span, provider),
        (None, None) => Err(Span::gone()),
    }
}

/// [`enter`], if the provider has moved in the list of the thread.
#[cold]
#[inline(never)]
fn enter_again(span: Span, provider: Option<&Arc<ProviderCore>>) -> Result<EntryKey, Span> {
    enter(span, provider)
}

#[inline]
fn push_span(
    stack: &mut SpanStack,
    point: EntryPoint,
    span: &mut Option<Span>,
) -> Option<EntryKey> {
    let (key, entry, _) = stack.push(point)?;
    entry.fill(EntryKind::Span(span.take()?));
    Some(key)
}

/// Marks that a span was entered while the thread unwinds. Returns its new key.
#[cold]
pub(super) fn enter_in_panic(key: EntryKey) -> EntryKey {
    let noted = with(|stack| {
        let entry = stack.get_mut(key)?;
        entry.key = Some(key.in_panic());
        entry.key
    });
    noted.unwrap_or(key)
}

/// Enters the active span of the `Context` that was just attached. `provider` is its provider.
pub(crate) fn enter_attached(provider: Option<&Arc<ProviderCore>>) -> Option<EntryKey> {
    with(|stack| {
        let point = EntryPoint::of(stack, provider);
        let (key, entry, _) = stack.push(point)?;
        entry.fill(EntryKind::InContext);
        Some(key)
    })
}

/// Starts a lazy span as a child of the current span, and makes it current. Returns `None` if the
/// span needs a recording at once; see [`lazy`](super::lazy).
pub(crate) fn enter_lazy(
    name: &'static str,
    kind: u8,
    scope: impl FnOnce(&ProviderCore) -> u32,
) -> Option<EntryKey> {
    with(|stack| {
        let (parent, point) =
            Context::map_current(|context| stack.look_up(context, |known| known.has_lazy_guards))?;
        let (key, entry, providers) = stack.push(point)?;
        match point.provider.and_then(|index| providers.get(index)) {
            Some(provider) if !provider.core.is_closed() => {
                let core = &provider.core;
                entry.lazy.start(core, parent, name, kind, scope);
                entry.fill(EntryKind::Lazy);
                // The panic is not recorded on a span that is not sampled.
                if entry.lazy.is_sampled() && thread::panicking() {
                    entry.key = Some(key.in_panic());
                    return entry.key;
                }
            }
            // The slow path logs the first span that starts after a shutdown.
            Some(provider) if provider.core.must_report_late_start() => {
                stack.shrink();
                return None;
            }
            _ => {
                entry.lazy.pass_on(parent);
                entry.fill(EntryKind::Parent);
            }
        }
        Some(key)
    })
}

/// A span that [`start`] has started.
pub(crate) struct Started {
    pub(crate) span: Span,
    /// The provider of a span that does not record. A span that records refers to its provider.
    pub(crate) provider: Option<ProviderRef>,
    /// Where the span can be entered; `None` if it is to be active in `Context`.
    pub(crate) point: Option<EntryPoint>,
}

/// Starts a span as a child of the current span, without making it current. Returns `None` in the
/// cases of [`enter_lazy`], and if there is no provider.
pub(crate) fn start(
    name: &'static str,
    kind: u8,
    scope: impl FnOnce(&ProviderCore) -> u32,
) -> Option<Started> {
    with(|stack| {
        let (parent, point) =
            Context::map_current(|context| stack.look_up(context, |known| known.is_plain))?;
        let provider = stack.providers.get(point.provider?)?;
        if provider.core.is_closed() {
            return None;
        }
        let span = LazySpan::start_span(&provider.core, parent, name, kind, scope);
        let is_active = provider.core.context_activation;
        let provider = (!span.is_recording()).then(|| ProviderRef::clone(provider));
        Some(Started {
            span,
            provider,
            point: (!is_active).then_some(point),
        })
    })
}

/// Removes a span from the stack and ends it.
#[inline]
pub(crate) fn close(key: EntryKey) {
    let closed = with(|stack| {
        let SpanStack {
            entries, providers, ..
        } = stack;
        let entry = entries.get_mut(key.position())?;
        if entry.key != Some(key) {
            return None;
        }
        // Separate `if`s, because a `match` would first decide among all kinds.
        if let EntryKind::Lazy = entry.kind {
            entry.kind = EntryKind::Empty;
            entry.lazy.end(&providers.get(entry.provider?)?.core);
        } else if let EntryKind::Parent = entry.kind {
            entry.kind = EntryKind::Empty;
        } else {
            return None;
        }
        stack.shrink();
        Some(())
    });
    if closed.is_none() {
        close_others(key);
    }
}

/// Calls [`close`] without inlining it, for cold callers.
#[cold]
#[inline(never)]
pub(crate) fn close_slowly(key: EntryKey) {
    close(key);
}

/// Does what [`close`] does for a span that has a recording or is active in `Context`.
// Not inlined: code that may have to drop a span adds a tenth to the simple case's instructions.
#[inline(never)]
fn close_others(key: EntryKey) {
    let mut is_active = false;
    let kind = with(|stack| {
        let entry = stack.get_mut(key)?;
        is_active = entry.active.is_some();
        if is_active {
            return None;
        }
        let kind = mem::replace(&mut entry.kind, EntryKind::Empty);
        stack.shrink();
        Some(kind)
    });
    if is_active {
        return close_active(key);
    }
    // This ends a span that has a recording, which may call processors.
    drop(kind);
}

/// Does what [`close`] does for a span that is active in `Context`.
#[cold]
#[inline(never)]
fn close_active(key: EntryKey) {
    drop(leave(key));
}

/// Removes a span from the stack, and returns it.
pub(crate) fn leave(key: EntryKey) -> EntryKind {
    let left = with(|stack| {
        let kind = match mem::replace(stack.materialized(key)?, EntryKind::Empty) {
            EntryKind::Parent => {
                let parent = stack.get_mut(key)?.lazy.parent().span_context();
                EntryKind::ParentContext(Box::new(parent))
            }
            kind => kind,
        };
        let active = stack.get_mut(key)?.active.take();
        stack.shrink();
        Some((kind, active))
    });
    let Some((kind, active)) = left else {
        return EntryKind::Empty;
    };
    // Detached first, so that processors find the parent active when the span ends.
    match active.and_then(detach) {
        Some(shared) => unshare(shared).map_or(EntryKind::Empty, EntryKind::Span),
        None => kind,
    }
}

/// Returns whether the span with this key records.
pub(crate) fn is_recording(key: EntryKey) -> bool {
    with(|stack| Some(stack.get_mut(key)?.is_recording())) == Some(true)
}

/// Calls `work` with the span of this key. `work` must not call user code. Returns `None` if the
/// span is gone or does not record.
#[inline]
pub(crate) fn change<T>(key: EntryKey, work: impl FnOnce(&mut Span) -> T) -> Option<T> {
    with(|stack| match stack.materialized(key)? {
        EntryKind::Span(span) => Some(work(span)),
        EntryKind::InContext => change_shared(stack, key, work),
        _ => None,
    })
}

#[cold]
#[inline(never)]
fn change_shared<T>(
    stack: &mut SpanStack,
    key: EntryKey,
    work: impl FnOnce(&mut Span) -> T,
) -> Option<T> {
    stack.get_mut(key)?.shared()?.with(work)
}

/// Returns the context of the span with this key.
pub(crate) fn span_context(key: EntryKey) -> Option<SpanContext> {
    with(|stack| stack.get_mut(key)?.span_context())
}

/// Lends the span with this key to `work`, which may call user code. Meanwhile the stack keeps only
/// the span's context, so that the span stays current as a parent.
pub(crate) fn lend(key: EntryKey, work: impl FnOnce(&mut Span)) {
    let shared = with(|stack| stack.get_mut(key)?.shared().cloned());
    if let Some(shared) = shared {
        return shared.lend(work);
    }
    let lent = with(|stack| {
        let kind = stack.materialized(key)?;
        let EntryKind::Span(span) = kind else {
            return None;
        };
        let context = EntryKind::ParentContext(Box::new(span.span_context().clone()));
        Some(mem::replace(kind, context))
    });
    if let Some(EntryKind::Span(mut span)) = lent {
        work(&mut span);
        let mut span = Some(span);
        with(|stack| {
            let kind = stack.materialized(key)?;
            *kind = EntryKind::Span(span.take()?);
            Some(())
        });
        // If the stack is gone by now, the span ends here.
        drop(span);
    }
}
