//! Listeners, which accept connections and serve them within bounds.

mod connection_budget;
mod cross_site;
mod headers;
mod http1;
mod http2;
mod refusal;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::Error;
use connection_budget::{ConnectionPermit, ListenerBudget};
use refusal::RefuseUnreadable;

pub(crate) use connection_budget::ConnectionBudget;
pub(crate) use cross_site::refuse_cross_site;
pub(crate) use headers::limit_headers;
pub(crate) use refusal::ListenerRefusal;

/// The first bytes of an HTTP/2 connection, RFC 9113 section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Time for the bytes by which HTTP/1 and HTTP/2 differ. The same time is granted for the headers
/// of an HTTP/1 request, counted from there or from the last answer, and for the answer to a ping
/// of HTTP/2, and for a peer to take more of an answer. The limit also closes silent and idle
/// connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that the system keeps for each listener until there is a permit for them.
const BACKLOG: u32 = 1024;
/// Pause after a failed accept: the process is out of descriptors, and trying at once only spins.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time connections have to end their requests at shutdown.
const DRAIN: Duration = Duration::from_secs(5);
/// Time for reading what a peer still sends of a request that is answered already. Without it the
/// peer may see a reset connection or stream instead of the answer.
const REST_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes read in that time.
const REST_BYTES: u64 = 64 * 1024 * 1024;
/// Time between two log lines of one listener.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A bound listener that serves until it is stopped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    socket: TcpListener,
    budget: ListenerBudget,
    header_timeout: Duration,
    unreadable: Option<RefuseUnreadable>,
    /// The time of the last log line.
    logged: Option<Instant>,
}

impl Listener {
    /// Binds `address`. Connections will take their permits from `budget`.
    pub(crate) fn bind(
        name: &'static str,
        address: SocketAddr,
        budget: &ConnectionBudget,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Bind {
            address,
            listener: name,
            source,
        };
        let socket = listen(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self {
            name,
            address,
            socket,
            budget: budget.listener(),
            header_timeout: HEADER_TIMEOUT,
            unreadable: None,
            logged: None,
        })
    }

    /// Sets the answer to bytes that are not a request, which reach no router.
    pub(crate) fn unreadable(mut self, answer: RefuseUnreadable) -> Self {
        self.unreadable = Some(answer);
        self
    }

    /// Serves `router` until `stop` turns true, then lets requests in progress end.
    pub(crate) fn serve(self, router: Router, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(self.run(router, stop))
    }

    async fn run(mut self, router: Router, mut stop: watch::Receiver<bool>) {
        let (header_timeout, unreadable) = (self.header_timeout, self.unreadable);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = stopped(&mut stop) => break,
                // Ended connections leave their result behind until it is taken.
                Some(_) = connections.join_next() => continue,
            };
            let Some((stream, permit)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let (router, mut stop, mut drained) = (router.clone(), stop.clone(), stop.clone());
            connections.spawn(async move {
                let drained = async move {
                    stopped(&mut drained).await;
                    tokio::time::sleep(DRAIN).await;
                };
                tokio::select! {
                    () = serve(stream, router, unreadable, header_timeout, &mut stop) => {}
                    () = drained => {}
                }
                drop(permit);
            });
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
    }

    /// Returns the next connection, once there is a permit for it.
    async fn accept(&mut self) -> Option<(TcpStream, ConnectionPermit)> {
        let permit = match self.budget.try_take() {
            Some(permit) => permit,
            None => {
                let total = self.budget.total;
                self.log(format_args!(
                    "all {total} connections are in use, new ones wait"
                ));
                self.budget.take().await?
            }
        };
        match self.socket.accept().await {
            Ok((stream, _)) => Some((stream, permit)),
            Err(error) => {
                self.log(format_args!("cannot accept connections: {error}"));
                None
            }
        }
    }

    /// Writes a line to the log, unless one was written a short time ago.
    fn log(&mut self, message: std::fmt::Arguments<'_>) {
        let now = Instant::now();
        if self
            .logged
            .is_none_or(|last| now.duration_since(last) >= LOG_INTERVAL)
        {
            self.logged = Some(now);
            eprintln!("{}: {message}", self.name);
        }
    }
}

/// As [`TcpListener::bind`], with room for more connections that wait.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A collector that is started again finds its port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves one connection until it ends. Once `stop` turns true, its requests in progress end.
async fn serve(
    stream: TcpStream,
    router: Router,
    unreadable: Option<RefuseUnreadable>,
    timeout: Duration,
    stop: &mut watch::Receiver<bool>,
) {
    // Answers are small and complete: waiting to fill a packet only delays them. An error means
    // that the connection is already gone, which serving will find out.
    let _ = stream.set_nodelay(true);
    let opened = tokio::select! {
        opened = tokio::time::timeout(timeout, open(stream)) => opened,
        () = stopped(stop) => return,
    };
    // The peer was silent for too long or has gone, so no answer is sent.
    let Ok(Ok((stream, version))) = opened else {
        return;
    };
    match version {
        Version::Http1 => {
            http1::serve(stream, router, unreadable, timeout, stopped(stop)).await;
        }
        Version::Http2 => http2::serve(stream, router, timeout, stopped(stop)).await,
    }
}

enum Version {
    Http1,
    Http2,
}

/// Reads until it is known whether the peer speaks HTTP/1 or HTTP/2, and returns the stream as if
/// nothing had been read.
async fn open(
    stream: TcpStream,
) -> io::Result<(impl AsyncRead + AsyncWrite + Send + Unpin, Version)> {
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
    let version = match first == PREFACE {
        true => Version::Http2,
        false => Version::Http1,
    };
    let stream = tokio::io::join(io::Cursor::new(first).chain(reader), writer);
    Ok((stream, version))
}

/// Returns when `stop` turns true or its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);
    /// Bytes of an answer that fill every buffer on the way.
    const LARGE: usize = 64 * 1024 * 1024;

    /// Starts a listener with two permits whose peers have 200 ms, and what stops it.
    async fn start() -> (SocketAddr, watch::Sender<bool>, JoinHandle<()>) {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let budget = ConnectionBudget::new(2, 1);
        let mut listener = Listener::bind("test", any_port, &budget).unwrap();
        listener.header_timeout = Duration::from_millis(200);
        let (stop, stopping) = watch::channel(false);
        let address = listener.address;
        // Allocated before any timeout runs: the listener and its peers share one thread.
        let large = bytes::Bytes::from(vec![b'x'; LARGE]);
        let large = get(async move || large);
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/large", large);
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
    async fn silent_connections_give_their_permits_back() {
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
    async fn peers_that_do_not_read_give_their_permits_back() {
        let (address, stop, task) = start().await;
        let request = b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let stalled = [peer(address, request).await, peer(address, request).await];
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let answer = rest(peer(address, request).await).await;
        assert!(answer.ends_with("\r\n\r\nhere"), "{answer}");
        drop(stalled);

        // Over HTTP/2 a peer may answer pings and take no data.
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get("http://localhost/large");
        let mut sender = sender.ready().await.unwrap();
        let (response, _) = sender
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        let mut body = response.await.unwrap().into_body();
        let reset = async {
            loop {
                if let Err(error) = body.data().await.unwrap() {
                    return error.reason();
                }
            }
        };
        let reset = tokio::time::timeout(DEADLINE, reset).await.unwrap();
        assert_eq!(reset, Some(h2::Reason::CANCEL));
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
