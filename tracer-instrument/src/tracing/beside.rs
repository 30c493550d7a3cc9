//! Whether another layer makes OpenTelemetry spans of the same spans: `tracing-opentelemetry`, most
//! likely.
//!
//! Its types are private, so nothing in a registry can be asked for them. What can be seen:
//! - The layers below ours are named in the type of the subscriber below, unless they are boxed.
//! - A layer above ours enters a span after ours and leaves it after ours. So its context is the
//!   current one when ours is left. Code inside a span that attaches contexts detaches them before.

use std::{
    any::type_name,
    sync::atomic::{AtomicU8, Ordering},
};

use tracer_core::diagnostics::report;

/// How many spans in a row, from the first on, have to be left under another context.
const ENOUGH: u8 = 3;

/// Nothing is to be found out any more.
const SETTLED: u8 = u8::MAX;

/// What one layer knows of others.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// How many spans were left under another context, or [`SETTLED`].
    covered: AtomicU8,
}

impl Beside {
    /// Looks at the layers below, by the type of the subscriber.
    pub(super) fn look_below<S>(&self) {
        if type_name::<S>().contains("tracing_opentelemetry::") {
            self.warn();
        }
    }

    /// Whether the next span that is left tells something.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        // Relaxed: a count.
        self.covered.load(Ordering::Relaxed) != SETTLED
    }

    /// Notes whether a span was left while another context than its own was current.
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
