//! Detects another layer that turns the same spans into OpenTelemetry spans: most likely that of
//! `tracing-opentelemetry`.
//!
//! The types of that crate are private, so a registry cannot be searched for them. Two signs remain:
//! - The type of the subscriber below ours names the layers below, unless they are boxed.
//! - A layer above ours enters each span after ours, and exits it after ours. So its context is the
//!   current one when ours exits. Code inside a span detaches its own contexts before that.

use std::{
    any::type_name,
    sync::atomic::{AtomicU8, Ordering},
};

use tracer_core::diagnostics::report;

/// How many spans in a row, from the first one on, must exit under another context.
const ENOUGH: u8 = 3;

/// The value of the count once the search is over.
const SETTLED: u8 = u8::MAX;

/// The state of the search for a layer of `tracing-opentelemetry` beside one of ours.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// How many spans exited under another context, or [`SETTLED`].
    covered: AtomicU8,
}

impl Beside {
    /// Looks at the layers below, by the type of the subscriber.
    pub(super) fn look_below<S>(&self) {
        if type_name::<S>().contains("tracing_opentelemetry::") {
            self.warn();
        }
    }

    /// Returns whether the exit of the next span can still be a sign.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        // Relaxed: a count.
        self.covered.load(Ordering::Relaxed) != SETTLED
    }

    /// Notes the exit of a span: whether a context other than its own was current.
    #[cold]
    pub(super) fn left(&self, is_covered: bool) {
        if !is_covered {
            // Relaxed: a count, as below.
            return self.covered.store(SETTLED, Ordering::Relaxed);
        }
        let count = |covered: u8| (covered != SETTLED).then(|| covered.saturating_add(1));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self.covered.fetch_update(set, fetch, count) == Ok(ENOUGH - 1) {
            self.warn();
        }
    }

    fn warn(&self) {
        // Relaxed: only who is first matters.
        if self.covered.swap(SETTLED, Ordering::Relaxed) == SETTLED {
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
