//! Listeners: accepting connections and serving them within bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;

/// Connections per listener; one more waits in the system's queue until one closes.
const MAX_CONNECTIONS: usize = 1024;
/// Time for a request's headers to arrive whole, from the first byte or the last answer on. This
/// also closes idle connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of headers, with the request line.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Number of headers over HTTP/1.
const MAX_HEADERS: usize = 100;
/// Requests in progress per HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Idle HTTP/2 connections are asked if they are alive, and closed if they do not answer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Pause after a failed accept: the process is out of descriptors, and trying at once only spins.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time connections have to end their requests at shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// A bound listener that serves until it is told to stop.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    socket: TcpListener,
}

impl Listener {
    pub(crate) async fn bind(name: &'static str, address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Bind {
            address,
            listener: name,
            source,
        };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            name,
            address,
            socket,
        })
    }

    /// Serves `router` until `stop` turns true, then lets requests in progress end.
    pub(crate) fn serve(self, router: Router, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(accept(self.socket, router, stop))
    }
}

async fn accept(socket: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let builder = Arc::new(builder());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (socket.accept().await, place)
            } => accepted,
            () = stopped(&mut stop) => break,
            // Ended connections leave their result behind until it is taken.
            Some(_) = connections.join_next() => continue,
        };
        let (Ok((stream, _)), Ok(place)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Answers are small and complete: waiting to fill a packet only delays them. An error
        // means that the connection is already gone, which serving will find out.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let (builder, mut stop) = (Arc::clone(&builder), stop.clone());
        connections.spawn(async move {
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            tokio::select! {
                // How a connection ends is its peer's affair.
                _ = connection.as_mut() => {}
                () = stopped(&mut stop) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(DRAIN, connection).await;
                }
            }
            drop(place);
        });
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Returns when `stop` turns true, or nobody is left to turn it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means the latter.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(HEADER_TIMEOUT);
    builder
}
