//! The threads that a provider starts, and the mark by which a flush recognises them.

use std::{cell::Cell, io};

use opentelemetry::{Context, ContextGuard};

use crate::sync::{thread, thread_local};

thread_local! {
    /// The id of the provider that this thread works for, or 0 if there is none.
    #[allow(clippy::missing_const_for_thread_local, reason = "loom knows no const")]
    static PROVIDER: Cell<u64> = Cell::new(0);
}

/// Starts a thread of a provider.
///
/// Spans are not recorded on this thread, because code that exports spans would make new spans
/// without end. If `works_for` is a provider, its flush is refused on this thread, because the
/// flush would wait for itself.
pub(crate) fn spawn(
    name: &'static str,
    works_for: Option<u64>,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _suppressed = enter(works_for);
            run();
        })?;
    Ok(())
}

/// Sets up the calling thread as one that the provider [spawned](spawn). Telemetry is suppressed
/// until the guard is dropped.
pub(super) fn enter(works_for: Option<u64>) -> ContextGuard {
    PROVIDER.with(|provider| provider.set(works_for.unwrap_or(0)));
    Context::enter_telemetry_suppressed_scope()
}

/// Returns whether this thread works for a provider.
pub(crate) fn works_for(provider: u64) -> bool {
    PROVIDER.with(Cell::get) == provider
}
