//! Errors of the store.

use thiserror::Error;

/// An error that kept a request out of the store. The request may be sent again.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum AppendError {
    /// The requests that wait for the writer fill the queue.
    #[error("the queue is full")]
    QueueFull,
    /// The writer has ended, because the store is closed or because the writer panicked.
    #[error("the collector is stopping")]
    Stopped,
    /// SQLite could not commit the transaction. Nothing of it is stored.
    #[error("the store cannot be written")]
    WriteFailed,
}

/// An error that kept a query of the store from being answered.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// No connection became free in time, or the store is closed.
    #[error("no connection to the database is free")]
    Busy,
    /// The file was changed from outside, or the disk is at fault.
    #[error("a stored segment does not decode")]
    CorruptSegment,
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Busy,
            error => Self::Database(error),
        }
    }
}
