//! The errors of this crate.

use std::io;

/// The reason why a provider could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number that must be at least 1 is 0.
    #[error("{field} must not be zero")]
    Zero {
        /// The setter's name.
        field: &'static str,
    },
    /// A batch may not be larger than its queue.
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
    /// The operating system did not accept a handler for forks.
    #[error("fork handlers cannot be installed")]
    Fork(#[source] io::Error),
    /// The operating system could not create a thread or a runtime.
    #[error("no thread or runtime for the worker or an exporter")]
    Spawn(#[source] io::Error),
}

/// The reason why a flush did not deliver every span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The provider is shut down.
    #[error("provider is shut down")]
    AlreadyShutdown,
    /// The exporters or processors did not answer in time, or a shutdown interrupted the flush.
    /// After a flush the spans are still waiting; after a shutdown they are counted as failed.
    #[error("exporters or processors did not answer in time")]
    Deadline,
    /// Every batch was answered, but an exporter's own flush or shutdown failed.
    #[error("an exporter failed to flush or close")]
    Exporter,
    /// An exporter or a subscriber called this on one of the provider's own threads, where it would
    /// wait for itself. A shutdown continues without the caller.
    #[error("called inside an exporter of the provider")]
    InsideExporter,
    /// The operating system could not create a thread for the processors, which were not called.
    #[error("no thread for the processors")]
    NoThread,
    /// A processor's own flush or shutdown failed or panicked.
    #[error("a processor failed to flush or close")]
    Processor,
    /// Some spans failed, were rejected or found a full queue since the flush began.
    /// [`Stats`](crate::Stats) has the reasons.
    #[error("undelivered spans: {spans}")]
    NotDelivered {
        /// The number of spans, over all exporters.
        spans: u64,
    },
}

/// The reason why a shutdown was refused or incomplete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The provider was already shut down by another call.
    #[error("provider is already shut down")]
    AlreadyShutdown,
    /// The provider is shut down, but not every span was delivered.
    #[error("last flush was incomplete")]
    Flush(#[source] FlushError),
}
