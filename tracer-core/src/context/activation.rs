//! Guards whose spans are active in `Context`: those of providers that activate contexts.

use std::sync::Arc;

use opentelemetry::{
    Context,
    trace::{Span as _, TraceContextExt as _},
};

use super::{
    frame::{Active, Held, Place},
    shared_span::{ContextSpan, SharedSpan},
    slot::{default_home, with},
};
use crate::{foreign::isolated, processor, provider::Shared, span::Span};

/// Returns whether a span of an unknown provider becomes active in `Context`. The provider that a new
/// span would have on this thread decides.
#[cold]
pub(super) fn default_activates() -> bool {
    default_home().is_some_and(|home| home.shared.context_activation)
}

/// Makes a span current and active in `Context`. Returns it if that is not possible.
#[cold]
#[inline(never)]
pub(super) fn activate(span: Span, provider: Option<&Arc<Shared>>) -> Result<Place, Span> {
    let provider = span.shared().or(provider).cloned();
    let mut entry = Some(attach(span)?);
    let place = with(|slot| {
        let home = provider.map(|provider| slot.homes.of(&provider, slot.len == 0));
        let seen = Context::map_current(|context| context.span().span_context().span_id());
        let (place, frame, _) = slot.push(home, seen)?;
        let (held, active) = entry.take()?;
        frame.hold(held);
        frame.active = Some(active);
        Some(place)
    });
    place.ok_or_else(|| match entry {
        Some((held, active)) => match (detach(active), held) {
            (Some(shared), _) => unshare(shared).unwrap_or_else(Span::gone),
            (None, Held::Span(span)) => span,
            (None, _) => Span::gone(),
        },
        None => Span::gone(),
    })
}

/// Attaches a `Context` with the span, without the slot, because an observer of contexts is user
/// code.
///
/// Gives the span back where no context can be attached: the API lends its current one to the
/// samplers and processors of a span that starts, and to the closures of `map_current` and
/// `get_active_span`, and panics if another one is attached meanwhile.
fn attach(span: Span) -> Result<(Held, Active), Span> {
    if !span.span_context().is_valid() || processor::is_inside_callback() {
        return Err(span);
    }
    if !span.is_recording() {
        let parent = span.span_context().clone();
        let context = Context::map_current(|current| current.with_remote_span_context(parent));
        return match isolated(|| context.attach()) {
            Some(attached) => Ok((
                Held::Span(span),
                Active {
                    attached,
                    span: None,
                },
            )),
            None => Err(span),
        };
    }
    let spare = with(|slot| slot.spare.pop());
    let shared = SharedSpan::new(span, spare);
    let span = ContextSpan(Arc::clone(&shared));
    let context = Context::map_current(|current| current.with_span(span));
    match isolated(|| context.attach()) {
        Some(attached) => {
            let span = Some(shared);
            Ok((Held::Attached, Active { attached, span }))
        }
        None => Err(shared.take().unwrap_or_else(Span::gone)),
    }
}

/// Detaches a `Context`, and returns the span that it shares.
pub(super) fn detach(active: Active) -> Option<Arc<SharedSpan>> {
    let Active { attached, span } = active;
    isolated(|| drop(attached));
    span
}

/// Takes the span from the contexts that share it.
pub(super) fn unshare(mut shared: Arc<SharedSpan>) -> Option<Span> {
    let span = shared.take();
    if shared.forget() {
        with(|slot| {
            slot.keep(shared);
            Some(())
        });
    }
    span
}
