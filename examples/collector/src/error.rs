//! Errors of starting and stopping the collector.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// An error of [`Collector::start`](crate::Collector::start) or
/// [`Collector::shutdown`](crate::Collector::shutdown).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A listen address could not be bound.
    #[error("cannot listen on {address} for {listener}")]
    Bind {
        /// The configured address.
        address: SocketAddr,
        /// The listener's name as printed by the binary, such as `otlp-grpc`.
        listener: &'static str,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The data directory could not be created or is not a directory.
    #[error("cannot use {path} as data directory")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// SQLite cannot open, read or close the store.
    #[error("cannot use the store {path}")]
    Database {
        /// The database file.
        path: PathBuf,
        /// SQLite's reason.
        #[source]
        source: sqlx::Error,
    },
    /// The file of the store is a database of another program. It is left as it is.
    #[error(
        "{path} is not a store of this collector: move it away or choose another data directory"
    )]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// Another collector holds the data directory open for writing.
    #[error("data directory {path} is in use by another collector")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file that keeps other collectors out of the data directory cannot be opened.
    #[error("cannot open {path}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The database file exists and cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The database file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The database was written by another version of this program.
    #[error("store {path} has schema {found}, this program reads schema {expected}")]
    Schema {
        /// The database file.
        path: PathBuf,
        /// The version found in the file.
        found: i64,
        /// The version this program writes.
        expected: i64,
    },
    /// The store was not closed in time at shutdown. Spans that were answered with success are
    /// kept: the next start reads them from the write-ahead log.
    #[error("store {path} was not closed in time")]
    ShutdownTimeout {
        /// The database file.
        path: PathBuf,
    },
    /// The writer task has ended, so nothing can be stored any more.
    #[error("the writer of store {path} has stopped")]
    WriterStopped {
        /// The database file.
        path: PathBuf,
    },
}

/// Returns an error with its causes in one line, such as `cannot open FILE: permission denied`.
///
/// A cause that ends the text already is not repeated.
///
/// # Examples
/// ```
/// let error = std::fmt::Error;
/// assert_eq!(tracer_collector::in_one_line(&error), error.to_string());
/// ```
pub fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_its_causes() {
        // sqlx puts the cause into its own text as well.
        let source = sqlx::Error::Io(std::io::Error::other("disk is full"));
        let path = "/data/traces.sqlite".into();
        let text = in_one_line(&Error::Database { path, source });
        assert!(
            text.starts_with("cannot use the store /data/traces.sqlite: "),
            "{text}"
        );
        assert!(text.ends_with("disk is full"), "{text}");
        assert_eq!(text.matches("disk is full").count(), 1, "{text}");
    }
}
