//! Detects a second layer that makes OpenTelemetry spans of the same spans, most likely that of
//! `tracing-opentelemetry`.
//!
//! The types of that crate are private, so this cannot search a registry for them. There are two other
//! signs:
//! - The type of the subscriber below this layer names the layers below, unless they are boxed.
//! - A layer above this one enters and exits each span after this one. So its context is current when
//!   this layer exits. Code inside a span detaches its own contexts before that.

use std::{
    any::type_name,
    sync::atomic::{AtomicU8, Ordering},
};

use tracer_core::diagnostics::report;

/// How many spans in a row, from the first one on, must exit under another context.
const NEEDED: u8 = 3;

/// The value of the counter once the search is over.
const DECIDED: u8 = u8::MAX;

/// The search for another layer that makes OpenTelemetry spans.
#[derive(Debug, Default)]
pub(super) struct DuplicateLayer {
    /// How many spans exited under another context, or [`DECIDED`].
    other_contexts: AtomicU8,
}

impl DuplicateLayer {
    /// Checks the layers below, by the type of the subscriber.
    pub(super) fn check_layers_below<S>(&self) {
        if type_name::<S>().contains("tracing_opentelemetry::") {
            self.warn();
        }
    }

    /// Returns whether the exit of the next span can still be a sign.
    #[inline]
    pub(super) fn is_undecided(&self) -> bool {
        // Relaxed: a count.
        self.other_contexts.load(Ordering::Relaxed) != DECIDED
    }

    /// Notes the exit of a span, and whether another context than its own was current.
    #[cold]
    pub(super) fn on_exit(&self, has_other_context: bool) {
        if !has_other_context {
            // Relaxed: a count, as below.
            return self.other_contexts.store(DECIDED, Ordering::Relaxed);
        }
        let increment = |count: u8| (count != DECIDED).then(|| count.saturating_add(1));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.other_contexts.fetch_update(set, fetch, increment) == Ok(NEEDED - 1) {
            self.warn();
        }
    }

    fn warn(&self) {
        // Relaxed: only the first call matters.
        if self.other_contexts.swap(DECIDED, Ordering::Relaxed) == DECIDED {
            return;
        }
        report(|| {
            ::tracing::warn!(
                target: "tracer_instrument",
                "two layers make OpenTelemetry spans on one registry: tracer_instrument::tracing and \
                 another one, tracing_opentelemetry most likely. Each span is recorded twice, in \
                 mixed trees. Remove the other layer; tracer_instrument::tracing::migration says how"
            );
        });
    }
}
