//! Counts of what was refused or left out, for the whole process.

use std::sync::atomic::{AtomicU64, Ordering};

/// How much of what came in or should go out was not valid, since the process started.
///
/// Nothing here is an error of the process itself: the values come from its peers and from the
/// baggage and trace states that the application sets.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Baggage members left out because they were malformed or above the limits. All members of a
    /// message from the 65th on count as one: they are not read.
    pub baggage_members_dropped: u64,
    /// Trace headers of other formats than the W3C's that were present and not valid: one a message
    /// and format, and for B3 one for each of its two encodings.
    pub trace_headers_refused: u64,
    /// Messages whose `traceparent` was present and not valid: a new trace starts.
    pub traceparent_refused: u64,
    /// Members left out of a `tracestate`: above 4,096 bytes together, or not valid or a 33rd when
    /// sent.
    pub tracestate_members_dropped: u64,
    /// Messages whose whole `tracestate` was dropped; their `traceparent` was kept.
    pub tracestate_refused: u64,
}

/// Reads the counts.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use tracer_propagation::{Propagator as _, TraceContextPropagator};
///
/// let before = tracer_propagation::stats();
/// let map = HashMap::from([("traceparent".to_owned(), "0-1-1-1".to_owned())]);
/// let parent = TraceContextPropagator::new().extract_span_context(&map);
/// assert!(parent.is_none());
/// assert!(tracer_propagation::stats().traceparent_refused > before.traceparent_refused);
/// ```
pub fn stats() -> Stats {
    // Relaxed: each count stands alone, and none orders other memory.
    Stats {
        baggage_members_dropped: BAGGAGE_MEMBERS_DROPPED.load(Ordering::Relaxed),
        trace_headers_refused: TRACE_HEADERS_REFUSED.load(Ordering::Relaxed),
        traceparent_refused: TRACEPARENT_REFUSED.load(Ordering::Relaxed),
        tracestate_members_dropped: TRACESTATE_MEMBERS_DROPPED.load(Ordering::Relaxed),
        tracestate_refused: TRACESTATE_REFUSED.load(Ordering::Relaxed),
    }
}

/// Adds to a count. Only refused input comes here.
#[cold]
pub(crate) fn add(count: &AtomicU64, amount: u64) {
    // Relaxed: see `stats`.
    count.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) static BAGGAGE_MEMBERS_DROPPED: AtomicU64 = AtomicU64::new(0);
pub(crate) static TRACE_HEADERS_REFUSED: AtomicU64 = AtomicU64::new(0);
pub(crate) static TRACEPARENT_REFUSED: AtomicU64 = AtomicU64::new(0);
pub(crate) static TRACESTATE_MEMBERS_DROPPED: AtomicU64 = AtomicU64::new(0);
pub(crate) static TRACESTATE_REFUSED: AtomicU64 = AtomicU64::new(0);
