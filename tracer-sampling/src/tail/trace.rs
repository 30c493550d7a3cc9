//! The trace that a policy judges.

use opentelemetry::trace::TraceId;

use super::span::TailSpan;

/// A trace with the spans that have arrived, which a [`Policy`](super::Policy) judges.
#[derive(Clone, Copy)]
pub struct BufferedTrace<'a, S> {
    trace_id: TraceId,
    spans: &'a [S],
    extent: Extent,
}

impl<'a, S: TailSpan> BufferedTrace<'a, S> {
    pub(super) fn new(trace_id: TraceId, spans: &'a [S], extent: Extent) -> Self {
        Self {
            trace_id,
            spans,
            extent,
        }
    }

    /// Returns the id of the trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the spans in the order of their arrival, at least one.
    pub fn spans(&self) -> &'a [S] {
        self.spans
    }

    /// Returns the sum of the `size_bytes` of the spans.
    pub fn size_bytes(&self) -> u64 {
        self.extent.bytes
    }

    /// Returns the nanoseconds from the earliest start to the latest end; 0 if the end is earlier.
    pub fn duration_nanos(&self) -> u64 {
        self.extent
            .end_unix_nanos
            .saturating_sub(self.extent.start_unix_nanos)
    }

    /// Returns the span that determines the operation of the trace. This is the first root, or the
    /// span with the earliest start if no root has arrived.
    pub fn root(&self) -> Option<&'a S> {
        let root = self.spans.iter().find(|span| span.is_root());
        root.or_else(|| self.spans.iter().min_by_key(|span| span.start_unix_nanos()))
    }
}

impl<S> std::fmt::Debug for BufferedTrace<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BufferedTrace")
            .field("trace_id", &self.trace_id)
            .field("spans", &self.spans.len())
            .field("extent", &self.extent)
            .finish()
    }
}

/// The size of a trace, and its earliest start and latest end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) start_unix_nanos: u64,
    pub(super) end_unix_nanos: u64,
}

impl Extent {
    /// The extent of no spans.
    pub(super) const EMPTY: Self = Self {
        bytes: 0,
        start_unix_nanos: u64::MAX,
        end_unix_nanos: 0,
    };

    /// Returns the extent of one span. This calls user code.
    pub(super) fn of(span: &impl TailSpan) -> Self {
        Self {
            // The bound keeps sums of sizes below 2^64, regardless of the sizes that spans report.
            bytes: (span.size_bytes() as u64).min(u64::from(u32::MAX)),
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos: span.end_unix_nanos(),
        }
    }

    /// Adds the extent of further spans.
    pub(super) fn extend(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.start_unix_nanos = self.start_unix_nanos.min(other.start_unix_nanos);
        self.end_unix_nanos = self.end_unix_nanos.max(other.end_unix_nanos);
    }
}
