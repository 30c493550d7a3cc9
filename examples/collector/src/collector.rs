//! The running collector.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::CollectorConfig;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::receive::{self, Intake};
use crate::serve::{ConnectionBudget, Listener};
use crate::store::Store;
use crate::{health, query, ui};

/// The time to write what is queued and to close the store, once the listeners have stopped. A
/// decoder may still work on a large request during that time.
const CLOSE: Duration = Duration::from_secs(10);

/// A running collector: four listeners and a store.
///
/// # Cancellation
/// Dropping the collector stops nothing at once. Its tasks end with their runtime, and spans of
/// requests that were not answered yet may be lost. Stop it with [`shutdown`](Self::shutdown).
#[derive(Debug)]
pub struct Collector {
    addresses: [(&'static str, SocketAddr); 4],
    data_dir: PathBuf,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    store: Store,
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
        let budget = ConnectionBudget::of_process(4);
        let grpc = Listener::bind("otlp-grpc", config.otlp_grpc_address(), &budget)?
            .unreadable(receive::http::refuse_unreadable);
        let http = Listener::bind("otlp-http", config.otlp_http_address(), &budget)?
            .unreadable(receive::http::refuse_unreadable);
        let query = Listener::bind("query", config.query_address(), &budget)?
            .unreadable(query::refuse_unreadable);
        let health = Listener::bind("health", config.health_address(), &budget)?;
        let addresses = [&grpc, &http, &query, &health].map(|one| (one.name, one.address));

        let data_dir = config.data_dir_path().to_owned();
        create_data_dir(&data_dir)?;
        let store = Store::open(&data_dir).await?;
        let ledger = Arc::<Ledger>::default();
        let intake = Intake::new(store.clone(), Arc::clone(&ledger));

        let (stop, stopping) = watch::channel(false);
        let receiver = receive::http::router(intake.clone(), http.address);
        let page_and_api = query::router(store.clone(), ledger).merge(ui::router());
        let page_and_api = query::guard(page_and_api, query.address);
        let listeners = vec![
            grpc.serve(receive::grpc::router(intake), stopping.clone()),
            http.serve(receiver, stopping.clone()),
            query.serve(page_and_api, stopping.clone()),
            health.serve(health::router(store.clone()), stopping),
        ];
        Ok(Self {
            addresses,
            data_dir,
            stop,
            listeners,
            store,
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

    /// Stops listening, lets requests in progress end (up to 5 s), writes what is queued and closes
    /// the store (up to 10 s). All data is in the one database file then.
    ///
    /// # Errors
    /// The store could not be closed, or not in time: [`Error::ShutdownTimeout`]. Spans that were
    /// answered with success are safe in either case.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.stop_within(CLOSE).await
    }

    async fn stop_within(self, close: Duration) -> Result<(), Error> {
        self.stop.send_replace(true);
        for listener in self.listeners {
            // A listener that panicked has stopped as well.
            let _ = listener.await;
        }
        self.store.close(close).await
    }
}

/// Creates the directory for its owner alone, because spans hold users' data. An existing directory
/// keeps its mode.
fn create_data_dir(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| Error::DataDir {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(data_dir: &Path) -> Collector {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = CollectorConfig::default()
            .otlp_grpc(any_port)
            .otlp_http(any_port)
            .query(any_port)
            .health(any_port)
            .data_dir(data_dir);
        Collector::start(config).await.unwrap()
    }

    #[tokio::test]
    async fn a_decoder_that_does_not_end_does_not_hold_up_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let collector = start(directory.path()).await;
        // A decoding thread holds such a handle until it is done.
        let busy = collector.store.clone();
        let end = collector.stop_within(Duration::from_millis(100));
        let ended = tokio::time::timeout(Duration::from_secs(10), end).await;
        assert!(matches!(ended.unwrap(), Err(Error::ShutdownTimeout { .. })));
        drop(busy);
        // The lock is given back and the store opens.
        start(directory.path()).await.shutdown().await.unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_data_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("share/traces");
        start(&data_dir).await.shutdown().await.unwrap();
        for made in [data_dir.as_path(), data_dir.parent().unwrap()] {
            let mode = made.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
    }
}
