//! How spans are batched and queued.

use std::time::Duration;

use super::batch::Size;
use crate::{env::Env, error::ConfigError};

/// The largest ring: far below 4 GiB, so that a record's length fits its field.
const MAX_RING_BYTES: usize = 1 << 30;

/// When a batch is sent, how large it is, and how much may wait.
///
/// Source of names and defaults: OpenTelemetry specification, trace/sdk.md "Batching processor".
///
/// # Memory
/// For each exporter at most `max_queue_bytes` queued and under way; for each thread that makes
/// spans `ring_bytes` and 128 KiB of spare buffers; and one batch being formed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchConfig {
    pub(crate) max_queue_size: usize,
    pub(crate) max_queue_bytes: usize,
    pub(crate) max_export_batch_size: usize,
    pub(crate) max_export_batch_bytes: usize,
    pub(crate) scheduled_delay: Duration,
    pub(crate) export_timeout: Duration,
    pub(crate) max_concurrent_exports: usize,
    pub(crate) ring_bytes: usize,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_queue_size: 2048,
            max_queue_bytes: 32 << 20,
            max_export_batch_size: 512,
            max_export_batch_bytes: 2 << 20,
            scheduled_delay: Duration::from_secs(5),
            export_timeout: Duration::from_secs(30),
            max_concurrent_exports: 4,
            ring_bytes: 512 << 10,
        }
    }
}

impl BatchConfig {
    /// The four `OTEL_BSP_*` of an environment, the rest as by default.
    ///
    /// A queue below 512 makes batches as small, which the specification demands; only a batch
    /// size that was set above the queue is refused.
    ///
    /// Source: sdk-environment-variables.md "Batch Span Processor".
    pub fn from_env(env: &mut Env) -> Self {
        const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        let default = Self::default();
        let number = |default| u32::try_from(default).unwrap_or(u32::MAX);
        let queue = number(default.max_queue_size);
        let queue = env.count("OTEL_BSP_MAX_QUEUE_SIZE", 1, queue);
        let largest = number(default.max_export_batch_size).min(queue);
        let mut batch = env.count(BATCH, 1, largest);
        if batch > queue {
            env.refuse(
                BATCH,
                format_args!("is above the queue of {queue}, {largest} applies"),
            );
            batch = largest;
        }
        let delay = env.millis("OTEL_BSP_SCHEDULE_DELAY", 0, default.scheduled_delay);
        let timeout = env.millis("OTEL_BSP_EXPORT_TIMEOUT", 1, default.export_timeout);
        default
            .max_queue_size(queue as usize)
            .max_export_batch_size(batch as usize)
            .scheduled_delay(delay)
            .export_timeout(timeout)
    }

    /// Spans that may wait for one exporter beside those still in rings
    /// (`OTEL_BSP_MAX_QUEUE_SIZE`, default 2048). While every exporter's queue is full, spans stay
    /// in the rings; an exporter that is full alone loses the batch, which is counted. A flush may
    /// queue more, within [`max_queue_bytes`](Self::max_queue_bytes), so that it need not wait for
    /// a slow exporter while others wait for it.
    #[must_use]
    pub fn max_queue_size(mut self, spans: usize) -> Self {
        self.max_queue_size = spans;
        self
    }

    /// Bytes that may wait for one exporter, queued or under way (default 32 MiB), as records are
    /// stored. Beyond it the queue counts as full. One batch is always taken.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = bytes;
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

    /// How long a batch that is not full waits for more (`OTEL_BSP_SCHEDULE_DELAY`, default 5 s).
    /// The worker adds at most 50 ms before it sees a span.
    #[must_use]
    pub fn scheduled_delay(mut self, delay: Duration) -> Self {
        self.scheduled_delay = delay;
        self
    }

    /// How long one export may take (`OTEL_BSP_EXPORT_TIMEOUT`, default 30 s), the exporter's own
    /// retries included. Spans of an export that takes longer are counted as failed.
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

    /// Bytes of each thread's ring (default 512 KiB, about 2000 spans with some attributes),
    /// rounded up to a power of two, at most 1 GiB. Memory is touched only as spans pass. A span
    /// that is larger is dropped and counted.
    #[must_use]
    pub fn ring_bytes(mut self, bytes: usize) -> Self {
        self.ring_bytes = bytes;
        self
    }

    /// How much may wait for one exporter.
    pub(crate) fn queue(&self) -> Size {
        Size {
            spans: self.max_queue_size as u64,
            bytes: self.max_queue_bytes as u64,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("max_queue_size", self.max_queue_size),
            ("max_queue_bytes", self.max_queue_bytes),
            ("max_export_batch_size", self.max_export_batch_size),
            ("max_export_batch_bytes", self.max_export_batch_bytes),
            ("max_concurrent_exports", self.max_concurrent_exports),
            ("ring_bytes", self.ring_bytes),
        ];
        for (field, number) in numbers {
            if number == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        if self.ring_bytes > MAX_RING_BYTES {
            return Err(ConfigError::TooLarge {
                field: "ring_bytes",
                max: MAX_RING_BYTES,
            });
        }
        if self.export_timeout.is_zero() {
            return Err(ConfigError::Zero {
                field: "export_timeout",
            });
        }
        if self.max_export_batch_size > self.max_queue_size {
            return Err(ConfigError::BatchAboveQueue {
                batch: self.max_export_batch_size,
                queue: self.max_queue_size,
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
        let explicit = BatchConfig::default()
            .max_queue_size(2048)
            .max_export_batch_size(512)
            .scheduled_delay(Duration::from_millis(5000))
            .export_timeout(Duration::from_millis(30_000));
        assert_eq!(explicit, BatchConfig::default());
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
        for variable in ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_EXPORT_TIMEOUT"] {
            check(&[(variable, "0")], BatchConfig::default(), &[variable]);
        }
    }
}
