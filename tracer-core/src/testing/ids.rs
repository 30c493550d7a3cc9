//! Ids that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;

/// A generator that numbers traces and spans in the order in which they start: `…0001`, `…0002`.
/// Traces and spans are counted separately.
///
/// If several threads start spans, their order and so their ids differ from run to run.
///
/// # Examples
/// ```
/// use tracer_core::{TraceIdRandomness, TracerProvider, testing::SequentialIds};
///
/// let provider = TracerProvider::builder()
///     .id_generator(SequentialIds::new(), TraceIdRandomness::Unknown)
///     .build()?;
/// # Ok::<(), tracer_core::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct SequentialIds {
    traces: AtomicU64,
    spans: AtomicU64,
}

impl SequentialIds {
    /// Creates a generator whose ids begin at 1.
    pub fn new() -> Self {
        Self::from(1)
    }

    /// Creates a generator whose ids begin at `first`, for a second provider whose spans join the
    /// traces of the first. 0 counts as 1, because no id is zero.
    pub fn from(first: u64) -> Self {
        let first = first.max(1);
        Self {
            traces: AtomicU64::new(first),
            spans: AtomicU64::new(first),
        }
    }
}

impl Default for SequentialIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGenerator for SequentialIds {
    fn new_trace_id(&self) -> TraceId {
        // Relaxed: only uniqueness matters.
        TraceId::from(u128::from(self.traces.fetch_add(1, Ordering::Relaxed)))
    }

    fn new_span_id(&self) -> SpanId {
        // Relaxed: as in `new_trace_id`.
        SpanId::from(self.spans.fetch_add(1, Ordering::Relaxed))
    }
}
