//! The embedded store: one SQLite file that holds compressed segments of traces, not rows of spans.
//!
//! A row per span with its indexes costs more than everything else a collector does. So the unit of
//! storage is the *segment*: the spans of one trace that came in one request, encoded as OTLP and
//! compressed with zstd (level 1). A trace is one summary row and one segment row for each request
//! that held spans of it.
//!
//! Searches use postings. Each commit writes one sorted list of (term, trace), called a *unit*. A
//! term is the hash of a service, an operation, an attribute with its value, or a class of
//! duration. Small units are merged into larger ones. A posting may be a false hit, because two
//! terms may share a hash, and service and attribute may match different spans. Every hit is
//! therefore checked against the spans.
//!
//! Spans with the same ids and different content are all kept: a client and a server that share an
//! id as Zipkin's do, or two states of a span that was sent while it ran. Content that is sent
//! again, by a sender that missed the answer, is kept once.
//!
//! Everything that belongs to an hour of receipt has numbers or keys in one range, so that an hour
//! can later be deleted whole. One task writes; readers never wait for it (write-ahead log).

mod catalog;
mod commit;
mod encode;
mod error;
mod filter;
mod fnv;
mod merge;
mod names;
mod postings;
mod read;
mod result_page;
mod schema;
mod search;
mod segment;
mod summary;
mod terms;
mod write_request;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::SqlitePool;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::ledger::WaitingSpans;
use crate::model::{Group, Kind, TraceId};

pub(crate) use error::{AppendError, ReadError};
pub(crate) use filter::Filter;
pub(crate) use read::{Cursor, StoredTrace};
pub(crate) use result_page::{PageRequest, SearchResult};
pub(crate) use segment::SEGMENT_OVERHEAD_BYTES;
pub(crate) use summary::Summary;
pub(crate) use writer::{PendingAppend, QUEUE_BYTES};

use catalog::Catalog;
use commit::Committer;
use write_request::WriteRequest;
use writer::Queue;

/// An open store. Clones are handles to the same store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    path: Arc<Path>,
    catalog: Arc<Catalog>,
    queue: Queue,
    readers: SqlitePool,
    // Taken by `close`.
    writer: Arc<Mutex<Option<WriterTask>>>,
}

/// The task that writes, and the lock that keeps other collectors out of the data directory.
#[derive(Debug)]
struct WriterTask {
    handle: JoinHandle<Result<(), sqlx::Error>>,
    _lock: File,
}

impl Store {
    /// Opens the store in `directory`, creating both as needed, and starts the task that writes.
    ///
    /// # Errors
    /// The directory is in use, or its files are not a store of this version: see [`Error`].
    pub(crate) async fn open(directory: &Path) -> Result<Self, Error> {
        let database = schema::open(directory).await?;
        let catalog = Arc::<Catalog>::default();
        let path: Arc<Path> = database.path.into();
        let committer = Committer::new(database.writer, Arc::clone(&path), Arc::clone(&catalog));
        let (queue, handle) = writer::start(committer, Arc::clone(&catalog));
        let writer = WriterTask {
            handle,
            _lock: database.lock,
        };
        Ok(Self {
            path,
            catalog,
            queue,
            readers: database.readers,
            writer: Arc::new(Mutex::new(Some(writer))),
        })
    }

    /// Returns a store whose queue has `room` bytes, whose writer has ended, and which cannot be
    /// read.
    #[cfg(test)]
    pub(crate) fn without_writer(room: usize) -> Self {
        Self {
            path: Path::new("none").into(),
            catalog: Arc::default(),
            queue: Queue::without_writer(room),
            readers: SqlitePool::connect_lazy_with(Default::default()),
            writer: Arc::default(),
        }
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Encodes the spans of a request and queues them for the writer. `waiting` are these spans in
    /// the ledger, which gets their outcome in any case.
    ///
    /// # Cost
    /// Encodes and compresses all spans on the calling thread.
    ///
    /// # Errors
    /// The queue is full, or the writer has ended.
    pub(crate) fn append(
        &self,
        groups: Vec<Group>,
        waiting: WaitingSpans,
    ) -> Result<PendingAppend, AppendError> {
        let request = WriteRequest::new(groups, &self.catalog);
        self.queue.submit(request, waiting)
    }

    /// Returns whether the last write succeeded. An idle store tries one every few seconds.
    pub(crate) fn is_healthy(&self) -> bool {
        self.queue.is_healthy()
    }

    /// Returns a page of the traces that pass `filter`, newest first.
    pub(crate) async fn search(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<SearchResult, ReadError> {
        search::search(&self.readers, filter, page).await
    }

    /// Returns a trace, or `None` if it is not stored. Stops reading after the segment that reaches
    /// `max_spans`, or `max_bytes` of decoded spans.
    pub(crate) async fn trace(
        &self,
        id: TraceId,
        max_spans: usize,
        max_bytes: usize,
    ) -> Result<Option<StoredTrace>, ReadError> {
        read::trace(&self.readers, id, max_spans, max_bytes).await
    }

    /// Returns the first `limit` services in the order of their names.
    pub(crate) async fn services(&self, limit: usize) -> Result<Vec<String>, ReadError> {
        names::services(&self.readers, limit).await
    }

    /// Returns the first `limit` operations of a service in the order of their names.
    pub(crate) async fn operations(
        &self,
        service: &str,
        limit: usize,
    ) -> Result<Vec<(String, Kind)>, ReadError> {
        names::operations(&self.readers, service, limit).await
    }

    /// Returns the first `limit` attribute keys, of one service or of all.
    pub(crate) async fn tags(
        &self,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        names::tags(&self.readers, service, limit).await
    }

    /// Returns the first `limit` values of an attribute key, of one service or of all.
    pub(crate) async fn tag_values(
        &self,
        key: &str,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        names::tag_values(&self.readers, key, service, limit).await
    }

    /// Writes what is queued and closes the files, then lets other collectors use the directory.
    /// All data is in the one database file then.
    ///
    /// Waits until all other handles are dropped, as each of them can still append. The first call
    /// closes the store; later ones do nothing.
    ///
    /// # Errors
    /// The store could not be closed, or not `within` this time. Committed spans are safe in either
    /// case.
    pub(crate) async fn close(self, within: Duration) -> Result<(), Error> {
        let Self {
            path,
            queue,
            readers,
            writer,
            ..
        } = self;
        let Some(mut writer) = writer.lock().take() else {
            return Ok(());
        };
        let closing = async {
            // SQLite moves the write-ahead log into the database file when the last connection
            // closes, which readers may not do. The writer must therefore be the last.
            readers.close().await;
            // The writer ends when the last handle is gone.
            drop(queue);
            (&mut writer.handle).await
        };
        let closed = tokio::time::timeout(within, closing).await;
        // Ended already, or out of time.
        writer.handle.abort();
        let path = path.to_path_buf();
        match closed {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(source))) => Err(Error::Database { path, source }),
            Ok(Err(_)) => Err(Error::WriterStopped { path }),
            Err(_) => Err(Error::ShutdownTimeout { path }),
        }
    }
}
