//! How spans are batched and queued.

use std::time::Duration;

use super::batch::Size;
use crate::{env::Env, error::ConfigError};

/// Defaults where nothing is set: spans that may wait for one exporter, and the bytes of rings and
/// of one exporter's queue.
const QUEUE_SPANS: usize = 2048;
const BUDGET_BYTES: usize = 32 << 20;

/// What one span is allowed on average where the number of spans is set and the bytes are not.
const SPAN_BYTES: usize = 1 << 10;

/// When a batch is sent, how large it is, and how much may wait.
///
/// Source of names and defaults: OpenTelemetry specification, trace/sdk.md "Batching processor".
///
/// # Memory
/// At most `max_ring_bytes` for the rings of all threads together; for each exporter at most
/// `max_queue_bytes` queued and under way; for each thread that makes spans 128 KiB of spare
/// buffers; and one batch being formed. A thread's ring starts with 16 KiB and grows while its
/// spans are not read in time; what a burst took is freed within two seconds after it.
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
    /// The four `OTEL_BSP_*` of an environment and `TRACER_MAX_RING_BYTES`, the rest as by default.
    ///
    /// A queue below 512 makes batches as small, which the specification demands; only a batch
    /// size that was set above the queue is refused.
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

    /// Spans that may wait for one exporter (`OTEL_BSP_MAX_QUEUE_SIZE`).
    ///
    /// By default 2048 wait in the queue of each exporter. While every queue is full, more wait in
    /// the rings, within [`max_ring_bytes`](Self::max_ring_bytes): the default bounds memory in
    /// bytes and keeps as many spans as fit.
    ///
    /// A number that is set bounds the spans themselves: beyond it the worker drops and counts what
    /// it finds in the rings. The bytes of the rings and of each queue, where they are not set, are
    /// then 1 KiB for each span, at least 32 MiB.
    ///
    /// An exporter that is full while others are not loses the batch, which is counted. A flush may
    /// queue more spans, within [`max_queue_bytes`](Self::max_queue_bytes), so that it need not
    /// wait for a slow exporter while others wait for it.
    #[must_use]
    pub fn max_queue_size(mut self, spans: usize) -> Self {
        self.max_queue_size = Some(spans);
        self
    }

    /// Bytes that may wait for one exporter, queued or under way, as records are stored. Default
    /// 32 MiB, more for a large [`max_queue_size`](Self::max_queue_size). Beyond it the queue counts
    /// as full. One batch is always taken.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// Spans of one batch (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, default 512). A batch that is full is
    /// sent at once.
    #[must_use]
    pub fn max_export_batch_size(mut self, spans: usize) -> Self {
        self.max_export_batch_size = spans;
        self
    }

    /// Bytes of one batch (default 2 MiB, half of what gRPC receivers take by default). The span
    /// that passes the limit is the batch's last, so one batch may be larger by one span.
    #[must_use]
    pub fn max_export_batch_bytes(mut self, bytes: usize) -> Self {
        self.max_export_batch_bytes = bytes;
        self
    }

    /// The longest time that a span waits for its batch to fill (`OTEL_BSP_SCHEDULE_DELAY`, default
    /// 5 s). Many spans wait for less, because the time counts from the worker's last look at the
    /// rings before the span ended. While nothing ends, the worker looks every 500 ms, or once in
    /// this delay if that is shorter, but not more often than every 50 ms; so with less than 50 ms
    /// a span may wait for 50 ms.
    #[must_use]
    pub fn scheduled_delay(mut self, delay: Duration) -> Self {
        self.scheduled_delay = delay;
        self
    }

    /// How long one export may take (`OTEL_BSP_EXPORT_TIMEOUT`, default 30 s), the exporter's own
    /// retries included. Spans of an export that takes longer are counted as failed. Zero is no
    /// limit (specification, configuration/common.md "Timeout"): a shutdown still ends in time, and
    /// an exporter has a timeout of its own.
    #[must_use]
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.export_timeout = timeout;
        self
    }

    /// Batches of one exporter under way at the same time (default 4).
    #[must_use]
    pub fn max_concurrent_exports(mut self, exports: usize) -> Self {
        self.max_concurrent_exports = exports;
        self
    }

    /// Bytes that the rings of all threads may take together (`TRACER_MAX_RING_BYTES`). Default
    /// 32 MiB, more for a large [`max_queue_size`](Self::max_queue_size).
    ///
    /// Each thread has a ring of 16 KiB, which grows by 64 KiB at a time while its spans are not
    /// read in time. 32 MiB hold a burst of some 200,000 spans with two attributes. Beyond the
    /// bound a span is dropped and counted as [`queue_full`](crate::Dropped::queue_full). One that
    /// is larger than the bound less 16 KiB is counted as
    /// [`span_too_large`](crate::Dropped::span_too_large). Threads for which no ring is left share
    /// one of 16 KiB, which is not counted here.
    #[must_use]
    pub fn max_ring_bytes(mut self, bytes: usize) -> Self {
        self.max_ring_bytes = Some(bytes);
        self
    }

    /// How long one export may take, where zero has become a time without end.
    pub(crate) fn export_limit(&self) -> Duration {
        if self.export_timeout.is_zero() {
            Duration::MAX
        } else {
            self.export_timeout
        }
    }

    /// How much may wait for one exporter.
    pub(crate) fn queue(&self) -> Size {
        Size {
            spans: self.queue_spans() as u64,
            bytes: self.max_queue_bytes.unwrap_or(self.budget_bytes()) as u64,
        }
    }

    /// Whether spans may stay in the rings while every queue is full.
    pub(crate) fn may_wait_in_rings(&self) -> bool {
        self.max_queue_size.is_none()
    }

    /// How much the rings may take together.
    pub(crate) fn ring_bytes(&self) -> usize {
        self.max_ring_bytes.unwrap_or(self.budget_bytes())
    }

    fn queue_spans(&self) -> usize {
        self.max_queue_size.unwrap_or(QUEUE_SPANS)
    }

    /// The bytes for spans that wait, where none are set.
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
