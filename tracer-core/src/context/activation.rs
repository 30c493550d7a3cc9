//! Activation: guards whose spans are active in `Context`, if the provider activates contexts.

use std::sync::Arc;

use opentelemetry::{
    Context,
    trace::{Span as _, TraceContextExt as _},
};

use super::{
    entry::{Activation, EntryKey, EntryKind},
    shared_span::{ContextSpan, SharedSpan},
    span_stack::{EntryPoint, default_provider, with},
};
use crate::{panic_guard::catch_panic, processor, provider_core::ProviderCore, span::Span};

/// Returns whether a span of an unknown provider becomes active in `Context`. The provider of a new
/// span on this thread decides.
#[cold]
pub(super) fn default_activates() -> bool {
    default_provider().is_some_and(|provider| provider.core.context_activation)
}

/// Makes a span current and active in `Context`. Returns the span if that is not possible.
#[cold]
#[inline(never)]
pub(super) fn activate(span: Span, provider: Option<&Arc<ProviderCore>>) -> Result<EntryKey, Span> {
    let provider = span.provider().or(provider).cloned();
    let mut activated = Some(attach(span)?);
    let key = with(|stack| {
        let point = EntryPoint::of(stack, provider.as_ref());
        let (key, entry, _) = stack.push(point)?;
        let (kind, active) = activated.take()?;
        entry.fill(kind);
        entry.active = Some(active);
        Some(key)
    });
    key.ok_or_else(|| match activated {
        Some((kind, active)) => match (detach(active), kind) {
            (Some(shared), _) => unshare(shared).unwrap_or_else(Span::gone),
            (None, EntryKind::Span(span)) => span,
            (None, _) => Span::gone(),
        },
        None => Span::gone(),
    })
}

/// Attaches a `Context` with the span. The stack is not borrowed here, because an observer of
/// contexts is user code.
///
/// Returns the span if no context can be attached. The API lends its current context to the
/// samplers and processors of a span that starts, and to the closures of `map_current` and
/// `get_active_span`. It panics if another context is attached meanwhile.
fn attach(span: Span) -> Result<(EntryKind, Activation), Span> {
    if !span.span_context().is_valid() || processor::is_inside_callback() {
        return Err(span);
    }
    if !span.is_recording() {
        let parent = span.span_context().clone();
        let context = Context::map_current(|current| current.with_remote_span_context(parent));
        return match catch_panic(|| context.attach()) {
            Some(attached) => Ok((
                EntryKind::Span(span),
                Activation {
                    attached,
                    span: None,
                },
            )),
            None => Err(span),
        };
    }
    let spare = with(|stack| stack.spare.pop());
    let shared = SharedSpan::new(span, spare);
    let span = ContextSpan(Arc::clone(&shared));
    let context = Context::map_current(|current| current.with_span(span));
    match catch_panic(|| context.attach()) {
        Some(attached) => {
            let span = Some(shared);
            Ok((EntryKind::InContext, Activation { attached, span }))
        }
        None => Err(shared.take().unwrap_or_else(Span::gone)),
    }
}

/// Detaches a `Context`, and returns the span that it shares.
pub(super) fn detach(active: Activation) -> Option<Arc<SharedSpan>> {
    let Activation { attached, span } = active;
    catch_panic(|| drop(attached));
    span
}

/// Takes the span away from the contexts that share it.
pub(super) fn unshare(mut shared: Arc<SharedSpan>) -> Option<Span> {
    let span = shared.take();
    if shared.forget() {
        with(|stack| {
            stack.keep(shared);
            Some(())
        });
    }
    span
}
