//! What can go wrong when the collector starts, stores or is asked.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the collector could not start or its store could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A listen address could not be bound.
    #[error("cannot listen on {address} for {listener}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// The listener's name as printed by the binary, such as `otlp-grpc`.
        listener: &'static str,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A stored segment does not decode: the file was changed from outside, or the disk lies.
    #[error("stored segment does not decode")]
    CorruptSegment,
    /// The data directory could not be created or is not a directory.
    #[error("cannot use {path} as data directory")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The database answered with an error.
    #[error("store failed")]
    Database(#[from] sqlx::Error),
    /// Another collector holds the data directory open for writing.
    #[error("data directory {path} is in use by another collector")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The database was written by another version of this program.
    #[error("store has schema {found}, this program reads schema {expected}")]
    Schema {
        /// The version found in the file.
        found: i64,
        /// The version this program writes.
        expected: i64,
    },
    /// The store was not closed in time at shutdown. What was answered with success is kept: the
    /// next start takes it from the write-ahead log.
    #[error("store was not closed in time")]
    ShutdownTimeout,
    /// The writer task has ended, so nothing can be stored any more.
    #[error("store writer has stopped")]
    WriterStopped,
}
