//! The running collector.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::CollectorConfig;
use crate::error::Error;
use crate::receive::{self, Intake};
use crate::serve::Listener;
use crate::store::catalog::Catalog;
use crate::store::commit::Committer;
use crate::store::{schema, writer};
use crate::telemetry::Ledger;
use crate::{health, origin, query, ui};

/// A running collector: four listeners and a store.
///
/// # Cancellation
/// Dropping it stops nothing at once: the tasks end with their runtime, and what was not answered
/// yet may be lost. End it with [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Collector {
    addresses: [(&'static str, SocketAddr); 4],
    data_dir: PathBuf,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    writer: JoinHandle<Result<(), Error>>,
    readers: SqlitePool,
    // Held to keep other collectors out of the data directory.
    _lock: File,
}

impl Collector {
    /// Opens the store, binds every listener and serves.
    ///
    /// Nothing is served unless all of it succeeds. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// A listener cannot be bound, or the data directory cannot be used: see [`Error`].
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tracer_collector::{Collector, CollectorConfig};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    /// let config = CollectorConfig::default()
    ///     .otlp_grpc(any_port)
    ///     .otlp_http(any_port)
    ///     .query(any_port)
    ///     .health(any_port)
    ///     .data_dir(directory.path());
    /// let collector = Collector::start(config).await?;
    /// assert_ne!(collector.query_address().port(), 0);
    /// collector.shutdown().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(config: CollectorConfig) -> Result<Self, Error> {
        let grpc = Listener::bind("otlp-grpc", config.otlp_grpc_address()).await?;
        let http = Listener::bind("otlp-http", config.otlp_http_address()).await?;
        let query = Listener::bind("query", config.query_address()).await?;
        let health = Listener::bind("health", config.health_address()).await?;
        let addresses = [&grpc, &http, &query, &health].map(|one| (one.name, one.address));

        let data_dir = config.data_dir_path().to_owned();
        let database = schema::open(&data_dir).await?;
        let (catalog, ledger) = (Arc::<Catalog>::default(), Arc::<Ledger>::default());
        let committer = Committer::new(database.writer, Arc::clone(&catalog));
        let (queue, writer) = writer::start(committer, Arc::clone(&catalog), Arc::clone(&ledger));
        let intake = Intake::new(catalog, Arc::clone(&ledger), queue.clone());

        let (stop, stopping) = watch::channel(false);
        let receiver = receive::http::router(intake.clone(), http.address);
        let page_and_api = query::router(database.readers.clone(), ledger).merge(ui::router());
        let page_and_api =
            origin::guard(page_and_api, query.address, |denied, _| query::deny(denied));
        let listeners = vec![
            grpc.serve(receive::grpc::router(intake), stopping.clone()),
            http.serve(receiver, stopping.clone()),
            query.serve(page_and_api, stopping.clone()),
            health.serve(health::router(queue), stopping),
        ];
        let (readers, lock) = (database.readers, database.lock);
        Ok(Self {
            addresses,
            data_dir,
            stop,
            listeners,
            writer,
            readers,
            _lock: lock,
        })
    }

    /// Name and chosen address of every listener: `otlp-grpc`, `otlp-http`, `query`, `health`.
    pub fn addresses(&self) -> &[(&'static str, SocketAddr); 4] {
        &self.addresses
    }

    /// The chosen address of the OTLP/gRPC receiver.
    pub fn otlp_grpc_address(&self) -> SocketAddr {
        self.addresses[0].1
    }

    /// The chosen address of the OTLP/HTTP receiver.
    pub fn otlp_http_address(&self) -> SocketAddr {
        self.addresses[1].1
    }

    /// The chosen address of the query API and the page.
    pub fn query_address(&self) -> SocketAddr {
        self.addresses[2].1
    }

    /// The chosen address of the health check.
    pub fn health_address(&self) -> SocketAddr {
        self.addresses[3].1
    }

    /// The directory that holds the store.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Stops listening, lets requests in progress end (up to 5 s), stores what is queued and
    /// closes the store.
    ///
    /// # Errors
    /// The store could not be closed.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        for listener in self.listeners {
            // A listener that panicked has stopped, which is all that is wanted.
            let _ = listener.await;
        }
        // The routers are gone now, and with them every way into the queue, so the writer ends
        // after its last batch.
        self.readers.close().await;
        self.writer.await.map_err(|_| Error::WriterStopped)?
    }
}
