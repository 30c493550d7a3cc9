//! What can go wrong, and is told.

use std::io;

/// A provider could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number that must be at least 1 is 0.
    #[error("{field} must not be zero")]
    Zero {
        /// The setter's name.
        field: &'static str,
    },
    /// A batch may not be larger than the queue it comes from.
    #[error("max_export_batch_size {batch} is above max_queue_size {queue}")]
    BatchAboveQueue {
        /// The size of a batch.
        batch: usize,
        /// The size of the queue.
        queue: usize,
    },
    /// An exporter panicked while it was set up.
    #[error("exporter panicked while it was set up")]
    ExporterPanicked,
    /// A processor panicked while it was set up.
    #[error("processor panicked while it was set up")]
    ProcessorPanicked,
    /// The operating system takes no handler for forks.
    #[error("forks cannot be noticed")]
    Fork(#[source] io::Error),
    /// The operating system gave no thread or no runtime.
    #[error("no thread for the worker")]
    Spawn(#[source] io::Error),
}

/// A flush did not deliver everything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The provider is shut down.
    #[error("provider is shut down")]
    AlreadyShutdown,
    /// The exporters or processors did not answer in time, or a shutdown came first. After a
    /// flush the spans
    /// are still on their way; after a shutdown they are counted as failed.
    #[error("exporters or processors did not answer in time")]
    Deadline,
    /// Every batch was answered, but an exporter failed to flush or close what it holds itself.
    #[error("an exporter failed to flush or close")]
    Exporter,
    /// Called on a thread of the provider's own, by an exporter or a subscriber: it would wait for
    /// itself. A shutdown goes on without the caller.
    #[error("called inside an exporter of the provider")]
    InsideExporter,
    /// The operating system gave no thread for the processors, which were not called.
    #[error("no thread for the processors")]
    NoThread,
    /// A processor failed to flush or close, or panicked at it.
    #[error("a processor failed to flush or close")]
    Processor,
    /// Some spans failed, were rejected or found a full queue since the flush began;
    /// [`Stats`](crate::Stats) has the reasons.
    #[error("undelivered spans: {spans}")]
    NotDelivered {
        /// How many, over all exporters.
        spans: u64,
    },
}

/// A shutdown did not go as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Another call came first.
    #[error("provider is already shut down")]
    AlreadyShutdown,
    /// The provider is shut down, but not every span was delivered.
    #[error("last flush was incomplete")]
    Flush(#[source] FlushError),
}
