//! Listeners: accepting connections and serving them within bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;

/// What an HTTP/2 connection begins with, RFC 9113 section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Connections per listener; one more waits in the system's queue until one closes.
const MAX_CONNECTIONS: usize = 1024;
/// Time for the bytes that tell HTTP/1 from HTTP/2, and then for a request's headers to arrive
/// whole, from there or from the last answer on. This also closes silent and idle connections.
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
    max_connections: usize,
    header_timeout: Duration,
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
            max_connections: MAX_CONNECTIONS,
            header_timeout: HEADER_TIMEOUT,
        })
    }

    /// Serves `router` until `stop` turns true, then lets requests in progress end.
    pub(crate) fn serve(self, router: Router, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(accept(self, router, stop))
    }
}

async fn accept(listener: Listener, router: Router, mut stop: watch::Receiver<bool>) {
    let Listener {
        socket,
        max_connections,
        header_timeout,
        ..
    } = listener;
    let places = Arc::new(Semaphore::new(max_connections));
    let builder = Arc::new(builder(header_timeout));
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
            let opened = tokio::select! {
                opened = tokio::time::timeout(header_timeout, open(stream)) => opened,
                () = stopped(&mut stop) => return,
            };
            // Silent for too long, or gone already: there is nobody to answer.
            let Ok(Ok(stream)) = opened else { return };
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

/// Reads until it is known whether the peer speaks HTTP/1 or HTTP/2, and returns the stream as if
/// nothing had been read. hyper looks for the same bytes, but without a limit of time.
async fn open(stream: TcpStream) -> io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let (mut reader, writer) = stream.into_split();
    let mut first = Vec::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
        let missing = PREFACE.len() - first.len();
        if (&mut reader)
            .take(missing as u64)
            .read_buf(&mut first)
            .await?
            == 0
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(tokio::io::join(
        io::Cursor::new(first).chain(reader),
        writer,
    ))
}

/// Returns when `stop` turns true, or nobody is left to turn it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means the latter.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn builder(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(header_timeout);
    builder
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// A listener with two places whose peers have 200 ms, and what stops it.
    async fn start() -> (SocketAddr, watch::Sender<bool>, JoinHandle<()>) {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = Listener::bind("test", any_port).await.unwrap();
        listener.max_connections = 2;
        listener.header_timeout = Duration::from_millis(200);
        let (stop, stopping) = watch::channel(false);
        let address = listener.address;
        let router = Router::new().route("/", get(async || "here"));
        (address, stop, listener.serve(router, stopping))
    }

    /// A peer that sends `bytes` and nothing more.
    async fn peer(address: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// All that comes until the connection is closed.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes));
        // One that was not accepted yet is reset instead, which is an error and as closed.
        let _ = read.await.expect("still open");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn end(stop: watch::Sender<bool>, task: JoinHandle<()>) {
        stop.send_replace(true);
        tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn silent_connections_give_their_places_back() {
        let (address, stop, task) = start().await;
        for begin in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"GET / HT"] {
            let silent = [peer(address, begin).await, peer(address, begin).await];
            let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let answer = rest(peer(address, request).await).await;
            assert!(answer.ends_with("\r\n\r\nhere"), "{begin:?}: {answer}");
            for silent in silent {
                assert!(!rest(silent).await.contains("200 OK"), "{begin:?}");
            }
        }
        end(stop, task).await;
    }

    #[tokio::test]
    async fn a_connection_is_closed_when_idle_after_an_answer() {
        let (address, stop, task) = start().await;
        let answer = rest(peer(address, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await).await;
        assert!(answer.ends_with("here"), "{answer}");
        end(stop, task).await;
    }

    #[tokio::test]
    async fn a_preface_in_parts_is_read_whole() {
        let (address, stop, task) = start().await;
        let mut stream = peer(address, &PREFACE[..10]).await;
        stream.write_all(&PREFACE[10..]).await.unwrap();
        // An empty SETTINGS frame, RFC 9113 section 6.5; the server answers with its own.
        stream
            .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut head = [0; 9];
        let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut head));
        read.await.unwrap().unwrap();
        assert_eq!(head[3], 4);
        drop(stream);
        end(stop, task).await;
    }

    #[tokio::test]
    async fn silent_connections_do_not_hold_up_the_end() {
        let (address, stop, task) = start().await;
        let silent = peer(address, b"").await;
        end(stop, task).await;
        assert_eq!(rest(silent).await, "");
    }
}
