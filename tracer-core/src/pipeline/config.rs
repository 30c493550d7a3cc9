//! Configures how spans are batched and queued.

use std::time::Duration;

use crate::{env::Env, error::ConfigError, record::BatchSize};

/// How many spans may wait for one exporter by default.
const QUEUE_SPANS: usize = 2048;

/// How many bytes the rings, and one exporter's queue, may take by default.
const BUDGET_BYTES: usize = 32 << 20;

/// The average size that a span may have if the number of spans is set and the bytes are not.
const SPAN_BYTES: usize = 1 << 10;

/// Limits on batches: when a batch is sent, how large it is, and how much may wait.
///
/// Source of names and defaults: OpenTelemetry specification, trace/sdk.md "Batching processor".
///
/// # Memory
/// - The rings of all threads together take at most `max_ring_bytes`.
/// - Each exporter has at most `max_queue_bytes` queued and in flight, or one larger batch.
/// - Each thread that makes spans keeps at most 128 KiB of spare buffers.
/// - One batch is being formed.
///
/// A thread's ring starts with 16 KiB and grows while its spans are not read in time. The memory of
/// a burst is freed within about three seconds after the worker has read the spans.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchConfig {
    max_queue_size: Option<usize>,
    max_queue_bytes: Option<usize>,
    pub(crate) max_export_batch_size: usize,
    pub(crate) max_export_batch_bytes: usize,
    pub(crate) scheduled_delay: Duration,
    pub(crate) export_timeout: Duration,
    pub(crate) max_concurrent_exports: usize,
    max_ring_bytes: Option<usize>,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_queue_size: None,
            max_queue_bytes: None,
            max_export_batch_size: 512,
            max_export_batch_bytes: 2 << 20,
            scheduled_delay: Duration::from_secs(5),
            export_timeout: Duration::from_secs(30),
            max_concurrent_exports: 4,
            max_ring_bytes: None,
        }
    }
}

impl BatchConfig {
    /// Reads the four `OTEL_BSP_*` variables and `TRACER_MAX_RING_BYTES`. Everything else has its
    /// default.
    ///
    /// If the queue is smaller than the default batch of 512 spans, the batch size is that of the
    /// queue, as the specification demands. A batch size that is set above the queue size is
    /// refused.
    ///
    /// Source: sdk-environment-variables.md "Batch Span Processor".
    pub fn from_env(env: &mut Env) -> Self {
        const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        let default = Self::default();
        let number = |default| u32::try_from(default).unwrap_or(u32::MAX);
        let default_queue = number(QUEUE_SPANS);
        let explicit_queue = env.count_if_set("OTEL_BSP_MAX_QUEUE_SIZE", 1, default_queue);
        let queue = explicit_queue.unwrap_or(default_queue);
        let largest = number(default.max_export_batch_size).min(queue);
        let mut batch = env.count(BATCH, 1, largest);
        if batch > queue {
            env.refuse(
                BATCH,
                format_args!("is above the queue of {queue}, {largest} applies"),
            );
            batch = largest;
        }
        let delay = env.millis("OTEL_BSP_SCHEDULE_DELAY", default.scheduled_delay);
        let timeout = env.millis("OTEL_BSP_EXPORT_TIMEOUT", default.export_timeout);
        let ring_bytes = env.count_if_set("TRACER_MAX_RING_BYTES", 1, number(default.ring_bytes()));
        let mut config = default
            .max_export_batch_size(batch as usize)
            .scheduled_delay(delay)
            .export_timeout(timeout);
        config.max_queue_size = explicit_queue.map(|spans| spans as usize);
        config.max_ring_bytes = ring_bytes.map(|bytes| bytes as usize);
        config
    }

    /// Sets how many spans may wait for one exporter (`OTEL_BSP_MAX_QUEUE_SIZE`).
    ///
    /// If it is not set, 2048 spans wait in each exporter's queue. While every queue is full,
    /// further spans wait in the rings, as many as fit into
    /// [`max_ring_bytes`](Self::max_ring_bytes).
    ///
    /// If it is set, it bounds the number of spans. While the queues are full, the worker drops and
    /// counts the spans that it finds in the rings. The rings and each queue may then take 1 KiB a
    /// span and at least 32 MiB, unless their bytes are set.
    ///
    /// If only some queues are full, their exporters lose the batch, which is counted. A flush
    /// ignores this bound and queues spans up to [`max_queue_bytes`](Self::max_queue_bytes), so
    /// that a slow exporter does not delay the flush of the others.
    #[must_use]
    pub fn max_queue_size(mut self, spans: usize) -> Self {
        self.max_queue_size = Some(spans);
        self
    }

    /// Sets how many bytes may wait for one exporter, queued or in flight, in the encoding of the
    /// rings. The default is 32 MiB, or more for a large [`max_queue_size`](Self::max_queue_size).
    /// Beyond it the queue counts as full. An empty queue takes one batch of any size.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// Sets how many spans a batch holds (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, default 512). A full
    /// batch is sent at once.
    #[must_use]
    pub fn max_export_batch_size(mut self, spans: usize) -> Self {
        self.max_export_batch_size = spans;
        self
    }

    /// Sets how many bytes a batch holds (default 2 MiB, half of what gRPC receivers accept by
    /// default). The span that passes the limit is the batch's last one, so a batch may be larger
    /// by one span.
    #[must_use]
    pub fn max_export_batch_bytes(mut self, bytes: usize) -> Self {
        self.max_export_batch_bytes = bytes;
        self
    }

    /// Sets the longest time that a span waits for its batch to fill (`OTEL_BSP_SCHEDULE_DELAY`,
    /// default 5 s). Many spans wait less, because the time counts from the worker's last reading
    /// of the rings before the span ended.
    ///
    /// While no span ends, the worker reads the rings every 500 ms, or once per delay if the delay
    /// is shorter, but never more often than every 50 ms. So a span may wait for 50 ms even if the
    /// delay is shorter.
    #[must_use]
    pub fn scheduled_delay(mut self, delay: Duration) -> Self {
        self.scheduled_delay = delay;
        self
    }

    /// Sets how long one export may take, including the exporter's own retries
    /// (`OTEL_BSP_EXPORT_TIMEOUT`, default 30 s). Spans of an export that takes longer are counted
    /// as failed.
    ///
    /// Zero means no limit (specification, configuration/common.md "Timeout"). A shutdown still
    /// ends by its own deadline, and an exporter may have a timeout of its own.
    #[must_use]
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.export_timeout = timeout;
        self
    }

    /// Sets how many batches of one exporter may be in flight at the same time (default 4).
    #[must_use]
    pub fn max_concurrent_exports(mut self, exports: usize) -> Self {
        self.max_concurrent_exports = exports;
        self
    }

    /// Sets how many bytes the rings of all threads may take together (`TRACER_MAX_RING_BYTES`,
    /// from 1 to 4294967295). The default is 32 MiB, or more for a large
    /// [`max_queue_size`](Self::max_queue_size).
    ///
    /// Each thread has a ring of 16 KiB. It grows by 64 KiB at a time while its spans are not read
    /// in time, and by 16 KiB once all rings have taken a quarter of the bound. 32 MiB hold a burst
    /// of about 200,000 spans with two attributes.
    ///
    /// A span that finds no room is dropped and counted as
    /// [`queue_full`](crate::Dropped::queue_full). A span that is larger than the bound minus 16
    /// KiB is counted as [`span_too_large`](crate::Dropped::span_too_large).
    ///
    /// If no ring is left for a thread, it shares one with other such threads. The first 16 KiB of
    /// that ring are not part of the bound. So with more than some 2,000 threads, raise the bound
    /// by 16 KiB for each further thread.
    #[must_use]
    pub fn max_ring_bytes(mut self, bytes: usize) -> Self {
        self.max_ring_bytes = Some(bytes);
        self
    }

    /// Returns how long one export may take; `Duration::MAX` if there is no limit.
    #[cfg_attr(
        any(tracer_loom, tracer_shuttle),
        allow(dead_code, reason = "the export queue of the models has no timeouts")
    )]
    pub(crate) fn export_limit(&self) -> Duration {
        if self.export_timeout.is_zero() {
            Duration::MAX
        } else {
            self.export_timeout
        }
    }

    /// Returns how much may wait for one exporter.
    pub(crate) fn queue(&self) -> BatchSize {
        BatchSize {
            spans: self.queue_spans() as u64,
            bytes: self.max_queue_bytes.unwrap_or(self.budget_bytes()) as u64,
        }
    }

    /// Returns whether spans may stay in the rings while every queue is full.
    pub(crate) fn may_wait_in_rings(&self) -> bool {
        self.max_queue_size.is_none()
    }

    /// Returns how many bytes the rings may take together.
    pub(crate) fn ring_bytes(&self) -> usize {
        self.max_ring_bytes.unwrap_or(self.budget_bytes())
    }

    fn queue_spans(&self) -> usize {
        self.max_queue_size.unwrap_or(QUEUE_SPANS)
    }

    /// Returns how many bytes the rings, or one queue, may take if that is not set.
    fn budget_bytes(&self) -> usize {
        let explicit = self.max_queue_size.unwrap_or(0);
        explicit.saturating_mul(SPAN_BYTES).max(BUDGET_BYTES)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("max_queue_size", self.queue_spans()),
            ("max_queue_bytes", self.max_queue_bytes.unwrap_or(1)),
            ("max_export_batch_size", self.max_export_batch_size),
            ("max_export_batch_bytes", self.max_export_batch_bytes),
            ("max_concurrent_exports", self.max_concurrent_exports),
            ("max_ring_bytes", self.max_ring_bytes.unwrap_or(1)),
        ];
        for (field, number) in numbers {
            if number == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        if self.max_export_batch_size > self.queue_spans() {
            return Err(ConfigError::BatchAboveQueue {
                batch: self.max_export_batch_size,
                queue: self.queue_spans(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::testing::with_variables;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: BatchConfig, refused: &[&str]) {
        let (config, names) = with_variables(variables, BatchConfig::from_env);
        assert_eq!(config, expected, "{variables:?}");
        assert_eq!(names, refused, "{variables:?}");
    }

    /// Expected values: sdk-environment-variables.md "Batch Span Processor".
    #[test]
    fn four_variables_are_read_and_have_the_defaults_of_the_specification() {
        check(&[], BatchConfig::default(), &[]);
        let default = BatchConfig::default();
        assert_eq!(default.queue().spans, 2048);
        let explicit = BatchConfig::default()
            .max_export_batch_size(512)
            .scheduled_delay(Duration::from_millis(5000))
            .export_timeout(Duration::from_millis(30_000));
        assert_eq!(explicit, default);
        let all = [
            ("OTEL_BSP_MAX_QUEUE_SIZE", "4096"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1024"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_EXPORT_TIMEOUT", " 1500 "),
        ];
        let expected = BatchConfig::default()
            .max_queue_size(4096)
            .max_export_batch_size(1024)
            .scheduled_delay(Duration::ZERO)
            .export_timeout(Duration::from_millis(1500));
        check(&all, expected, &[]);
    }

    #[test]
    fn batches_never_exceed_the_queue() {
        const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        let small = BatchConfig::default()
            .max_queue_size(100)
            .max_export_batch_size(100);
        let queue = ("OTEL_BSP_MAX_QUEUE_SIZE", "100");
        check(&[queue], small.clone(), &[]);
        check(&[queue, (BATCH, "101")], small.clone(), &[BATCH]);
        check(&[queue, (BATCH, "0")], small, &[BATCH]);
    }

    #[test]
    fn zero_is_refused_where_it_cannot_work() {
        let variable = "OTEL_BSP_MAX_QUEUE_SIZE";
        check(&[(variable, "0")], BatchConfig::default(), &[variable]);
    }

    /// configuration/common.md "Timeout": zero is no limit.
    #[test]
    fn export_timeout_of_zero_is_no_limit() {
        let unlimited = BatchConfig::default().export_timeout(Duration::ZERO);
        check(&[("OTEL_BSP_EXPORT_TIMEOUT", "0")], unlimited.clone(), &[]);
        assert!(unlimited.check().is_ok());
        assert_eq!(unlimited.export_limit(), Duration::MAX);
        assert_eq!(BatchConfig::default().export_limit().as_secs(), 30);
    }
}
