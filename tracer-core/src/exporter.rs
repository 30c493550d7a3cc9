//! The interface between the pipeline and the exporters of spans.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use opentelemetry_sdk::Resource;

use crate::record::SpanBatch;

/// The future of one export, returned by [`SpanExporter::export`].
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = ExportResult> + Send + 'a>>;

/// The outcome of one batch.
pub type ExportResult = Result<ExportSuccess, ExportError>;

/// An exporter that sends batches of ended spans to one destination.
///
/// Each exporter of a provider has its own queue, thread and counters, so a slow or failing
/// exporter delays no other.
///
/// # Runtime
/// The futures are polled on a current-thread tokio runtime that the provider owns. Its drivers are
/// enabled: time, and I/O if tokio was built with it. The futures must not block, because that
/// stops everything else of this exporter. If an exporter blocks, wrap it with
/// [`crate::sdk::SdkExporter`] or use `tokio::task::spawn_blocking`.
///
/// If an exporter flushes its own provider, the flush is refused with
/// [`FlushError::InsideExporter`](crate::FlushError::InsideExporter), because it would wait for
/// itself. If an exporter shuts its provider down, the shutdown begins, but the exporter cannot
/// wait for its end.
///
/// # Cancellation
/// A future that still runs after the export timeout is dropped, and its spans are counted as
/// failed with [`ExportError::Deadline`].
pub trait SpanExporter: fmt::Debug + Send + Sync + 'static {
    /// Returns a low-cardinality name for diagnostics and statistics, such as
    /// `otlp_http_span_exporter`.
    fn component_type(&self) -> &'static str;

    /// Sends one batch. It may be called again while earlier batches are in flight, up to
    /// [`BatchConfig::max_concurrent_exports`](crate::BatchConfig::max_concurrent_exports).
    ///
    /// # Errors
    /// Any [`ExportError`] means that the destination accepted no span of the batch. The pipeline
    /// counts all spans under the error's reason and does not retry, so retries belong in the
    /// exporter.
    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a>;

    /// Returns the destination's host name or address, and its port. Called once, before the first
    /// batch, for the metrics `otel.sdk.exporter.*`. By default these metrics have no such
    /// attributes.
    fn server(&self) -> Option<(String, u16)> {
        None
    }

    /// Receives the provider's resource. Called once, before the first batch.
    fn set_resource(&mut self, _resource: &Resource) {}

    /// Completes pending work of the exporter. A flush of the provider calls this once all batches
    /// queued before it have an outcome.
    fn force_flush(&self) -> ExportFuture<'_> {
        Box::pin(async { Ok(ExportSuccess::default()) })
    }

    /// Creates an exporter for a forked child process. It has the same destination, and shares no
    /// connection, lock, file position or task with this one.
    ///
    /// This is called in the child. The threads that used this exporter do not exist there and may
    /// have left any state half written, so the method may read only immutable data. The default
    /// returns `None`; the child's spans are then counted as failed with [`ExportError::Forked`].
    fn fork(&self) -> Option<Box<dyn SpanExporter>> {
        None
    }

    /// Announces a shutdown that ends at `deadline`. The default does nothing.
    ///
    /// Called at most once, before the last batches are exported. It runs on the provider's worker
    /// thread, so it must not block. An exporter that retries can give up on exports that cannot
    /// succeed before the deadline.
    fn begin_shutdown(&self, _deadline: Instant) {}

    /// Shuts the exporter down. Called once, as the last call.
    fn shutdown(&self) -> ExportFuture<'_> {
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

/// The answer of a destination that accepted a batch, at least in part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportSuccess {
    /// The protocol's status, if the exporter reports it.
    pub status: Option<Status>,
    /// How many spans the destination refused (the `rejected_spans` of an OTLP partial success).
    /// More than the batch holds counts as the whole batch.
    pub rejected_spans: u64,
}

impl ExportSuccess {
    /// Creates an answer in which `rejected_spans` spans were refused.
    pub fn with_rejected(rejected_spans: u64) -> Self {
        Self {
            rejected_spans,
            ..Self::default()
        }
    }

    /// Sets the status that the destination answered with.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }
}

/// The reason why a batch was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The exporter was already shut down.
    #[error("exporter is shut down")]
    AlreadyShutdown,
    /// No answer came in time.
    #[error("no answer within {} ms", after.as_millis())]
    Deadline {
        /// How long the exporter waited.
        after: Duration,
    },
    /// The batch could not be written in the destination's format.
    #[error("batch cannot be encoded")]
    Encode,
    /// This process is a forked child, and the exporter of its parent provided none for it; see
    /// [`SpanExporter::fork`].
    #[error("exporter stayed in the parent process")]
    Forked,
    /// The destination refused the batch permanently.
    #[error("destination refused the batch ({status})")]
    NonRetryable {
        /// The protocol's status: an HTTP status code, or a gRPC one.
        status: Status,
    },
    /// The exporter panicked.
    #[error("exporter panicked")]
    Panicked,
    /// The destination could not be reached or asked for another attempt, and the exporter has used
    /// up its retries.
    #[error("destination unavailable ({status})")]
    RetriesExhausted {
        /// The last status, if there was an answer.
        status: Status,
    },
}

/// The status that a destination answered with. It holds only numbers, never text from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A gRPC status code.
    Grpc(i32),
    /// An HTTP status code.
    Http(u16),
    /// No answer: the connection was refused, reset, or never established.
    NoAnswer,
    /// An error of the exporter itself, without a number.
    Other,
    /// An answer in another protocol, such as a web page.
    OtherProtocol,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(code) => write!(f, "grpc status {code}"),
            Self::Http(code) => write!(f, "http status {code}"),
            Self::NoAnswer => f.write_str("no connection or no answer"),
            Self::Other => f.write_str("exporter error"),
            Self::OtherProtocol => f.write_str("answer in another protocol"),
        }
    }
}

/// The reasons under which failed spans are counted: one for each [`ExportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureReason {
    AlreadyShutdown,
    Deadline,
    Encode,
    Forked,
    NonRetryable,
    Panicked,
    RetriesExhausted,
}

impl FailureReason {
    pub(crate) const ALL: [Self; 7] = [
        Self::AlreadyShutdown,
        Self::Deadline,
        Self::Encode,
        Self::Forked,
        Self::NonRetryable,
        Self::Panicked,
        Self::RetriesExhausted,
    ];

    /// Returns the name in [`ExporterStats::failed`](crate::ExporterStats::failed) and in
    /// `error.type`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyShutdown => "already_shutdown",
            Self::Deadline => "deadline",
            Self::Encode => "encode",
            Self::Forked => "forked",
            Self::NonRetryable => "non_retryable",
            Self::Panicked => "panicked",
            Self::RetriesExhausted => "retries_exhausted",
        }
    }
}

impl ExportError {
    /// Returns the reason under which the spans are counted: one of a fixed set of names, suitable
    /// as the value of an attribute.
    pub fn reason(&self) -> &'static str {
        self.failure_reason().as_str()
    }

    pub(crate) fn failure_reason(&self) -> FailureReason {
        match self {
            Self::AlreadyShutdown => FailureReason::AlreadyShutdown,
            Self::Deadline { .. } => FailureReason::Deadline,
            Self::Encode => FailureReason::Encode,
            Self::Forked => FailureReason::Forked,
            Self::NonRetryable { .. } => FailureReason::NonRetryable,
            Self::Panicked => FailureReason::Panicked,
            Self::RetriesExhausted { .. } => FailureReason::RetriesExhausted,
        }
    }
}
