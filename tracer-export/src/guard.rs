//! What keeps tracing alive.

use std::time::Duration;

use tracer_core::{Stats, TracerProvider, env::Diagnostic};
use tracer_propagation::CompositePropagator;

use crate::error::Error;

/// Keeps tracing alive, and sends what is left when dropped.
///
/// Hold it in `main` until the end: `let _guard = ...`, not `let _ = ...`, which drops at once. A
/// guard that is never dropped, as in a process that calls `std::process::exit`, sends nothing more.
///
/// `let _ =` discards a value on purpose, so neither `#[must_use]` nor any lint that is on by
/// default warns about it. The lint `let_underscore_drop` does, if a crate turns it on:
///
/// ```compile_fail
/// #![deny(let_underscore_drop)]
/// let _ = tracer_export::init();
/// ```
///
/// A forked child has a copy of the guard, for its own spans: OTLP exporters follow it there over
/// connections of their own. The parent's guard is as it was.
///
/// # Blocking
/// Dropping flushes and shuts down, and blocks the calling thread until every exporter has
/// answered, at most the timeout ([`Builder::shutdown_timeout`](crate::Builder::shutdown_timeout),
/// default 5 s). No runtime is needed and none is blocked on, so it may be dropped inside a runtime
/// too, even a current-thread one; that runtime makes no progress meanwhile, so a collector that
/// runs on it cannot answer.
#[must_use = "tracing ends when the guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    provider: TracerProvider,
    propagator: CompositePropagator,
    diagnostics: Vec<Diagnostic>,
    timeout: Duration,
}

impl Guard {
    pub(crate) fn new(
        provider: TracerProvider,
        propagator: CompositePropagator,
        diagnostics: Vec<Diagnostic>,
        timeout: Duration,
    ) -> Self {
        Self {
            provider,
            propagator,
            diagnostics,
            timeout,
        }
    }

    /// Flushes and shuts down like dropping, but says how it went. Blocks the calling thread, at
    /// most `timeout`.
    ///
    /// # Errors
    /// [`Error::Shutdown`] when spans were not delivered, time ran out, or the provider was shut
    /// down before.
    pub fn shutdown(self, timeout: Duration) -> Result<(), Error> {
        // Dropping `self` then finds the provider shut down and returns at once.
        Ok(self.provider.shutdown(timeout)?)
    }

    /// The provider, for code that takes one instead of the global one, and for
    /// [`force_flush`](TracerProvider::force_flush).
    pub fn provider(&self) -> &TracerProvider {
        &self.provider
    }

    /// The propagators that were chosen. A clone is cheap.
    pub fn propagator(&self) -> &CompositePropagator {
        &self.propagator
    }

    /// What was wrong with the environment. Each entry is also logged as a warning with the target
    /// `tracer_core`, as soon as a subscriber is installed.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// What became of every span so far.
    pub fn stats(&self) -> Stats {
        self.provider.stats()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Ignored: the provider has logged what was lost, now or in an earlier shutdown.
        let _ = self.provider.shutdown(self.timeout);
    }
}
