//! The contract between the pipeline and whatever sends spans away.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use opentelemetry_sdk::Resource;

use crate::record::SpanBatch;

/// The future of one export; see [`SpanExporter::export`].
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = ExportResult> + Send + 'a>>;

/// What became of one batch.
pub type ExportResult = Result<ExportSuccess, ExportError>;

/// Sends batches of ended spans to one destination.
///
/// Each exporter of a provider has a queue, a thread and an accounting of its own: a slow or
/// failing one delays no other.
///
/// # Runtime
/// The futures are polled on a current-thread tokio runtime that the provider owns, with the
/// drivers (time, and I/O where tokio was built with it) enabled. They must not block, or nothing
/// else of this exporter goes on; wrap an exporter that does with [`crate::sdk::SdkExporter`] or
/// `tokio::task::spawn_blocking`. A flush of its own provider is refused with
/// [`FlushError::InsideExporter`](crate::FlushError::InsideExporter), because it would wait for
/// itself; a shutdown begins and is
/// not waited for.
///
/// # Cancellation
/// A future still running when the export timeout passes is dropped, and its spans are counted as
/// failed with [`ExportError::Deadline`].
pub trait SpanExporter: fmt::Debug + Send + Sync + 'static {
    /// A low-cardinality name for diagnostics and statistics, such as `otlp_http_span_exporter`.
    fn component_type(&self) -> &'static str;

    /// Sends one batch. Called again while earlier batches are still under way, up to
    /// [`BatchConfig::max_concurrent_exports`](crate::BatchConfig::max_concurrent_exports).
    ///
    /// # Errors
    /// Any [`ExportError`] means that no span of the batch was taken; the pipeline counts them all
    /// under the error's reason and does not try again, so retries belong in the exporter.
    fn export<'a>(&'a self, batch: &'a SpanBatch) -> ExportFuture<'a>;

    /// Where the exporter sends to, as host name or address and port. Asked once, before the first
    /// batch; for the metrics `otel.sdk.exporter.*`, which say nothing of it by default.
    fn server(&self) -> Option<(String, u16)> {
        None
    }

    /// Called once, before the first batch, with the provider's resource.
    fn set_resource(&mut self, _resource: &Resource) {}

    /// Completes whatever the exporter itself holds back. Called by a flush of the provider after
    /// every batch before it has been answered.
    fn force_flush(&self) -> ExportFuture<'_> {
        Box::pin(async { Ok(ExportSuccess::default()) })
    }

    /// An exporter for a forked child of the process that has this one: to the same destination,
    /// sharing no connection, lock, file position or task with it. Called in the child, where the
    /// threads that used this one do not exist and may have left anything half done, so it may
    /// only read what never changes. Without one, the child's spans are counted as failed with
    /// [`ExportError::Forked`]. Default: none.
    fn fork(&self) -> Option<Box<dyn SpanExporter>> {
        None
    }

    /// Announces a shutdown that ends at `deadline`. The default does nothing.
    ///
    /// Called at most once, before the last batches are exported. It runs on the provider's worker
    /// thread, so it must not block. An exporter that retries can give up on exports that cannot
    /// succeed before the deadline.
    fn begin_shutdown(&self, _deadline: Instant) {}

    /// Closes the exporter; no call follows. Called once.
    fn shutdown(&self) -> ExportFuture<'_> {
        Box::pin(async { Ok(ExportSuccess::default()) })
    }
}

/// A batch that the destination has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportSuccess {
    /// The protocol's status, if the exporter tells it.
    pub status: Option<Status>,
    /// How many spans the destination refused (the `rejected_spans` of an OTLP partial success).
    /// More than the batch holds counts as the whole batch.
    pub rejected_spans: u64,
}

impl ExportSuccess {
    /// An answer in which `rejected_spans` spans were refused.
    pub fn with_rejected(rejected_spans: u64) -> Self {
        Self {
            rejected_spans,
            ..Self::default()
        }
    }

    /// The same answer with the status that the destination gave.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }
}

/// Why a batch was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The exporter was already shut down.
    #[error("exporter is shut down")]
    AlreadyShutdown,
    /// No answer came in time.
    #[error("no answer within {} ms", after.as_millis())]
    Deadline {
        /// How long was waited.
        after: Duration,
    },
    /// The batch could not be written in the destination's format.
    #[error("batch cannot be encoded")]
    Encode,
    /// This process was forked from the one that the exporter belongs to, which gave it no
    /// exporter of its own; see [`SpanExporter::fork`].
    #[error("exporter stayed in the parent process")]
    Forked,
    /// The destination refused the batch for good.
    #[error("destination refused the batch ({status})")]
    NonRetryable {
        /// The protocol's status: an HTTP status code, or a gRPC one.
        status: Status,
    },
    /// The exporter panicked.
    #[error("exporter panicked")]
    Panicked,
    /// The destination could not be reached, or asked to come back later more often than the
    /// exporter tries.
    #[error("destination unavailable ({status})")]
    RetriesExhausted {
        /// The last status, if there was an answer.
        status: Status,
    },
}

/// The status a destination answered with. Carries numbers only, never the peer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A gRPC status code.
    Grpc(i32),
    /// An HTTP status code.
    Http(u16),
    /// No answer: the connection was refused, reset, or never made.
    NoAnswer,
    /// The exporter's own error without a number.
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

    /// The name in [`ExporterStats::failed`](crate::ExporterStats::failed) and in `error.type`.
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
