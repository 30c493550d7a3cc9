//! An HTTP/1.1 server that does to its clients whatever a script says.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

/// What the server does with the n-th request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Sends bytes, then waits for the next request.
    Bytes(String),
    /// Closes without an answer.
    Close,
    /// Sends bytes and closes.
    Cut(String),
    /// Sends a head and then a body without end.
    Endless(String),
    /// Never answers.
    Hang,
    /// Sends the first bytes until the instant, the others from then on.
    Until(Instant, String, String),
}

impl Reply {
    pub fn status(line: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n"))
    }

    pub fn ok() -> Self {
        Self::status("200 OK")
    }
}

#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub head: String,
    pub body: Vec<u8>,
}

/// Listens on loopback until dropped.
pub struct RawServer {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    replies: Vec<Reply>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    /// Bytes of endless bodies that a client's system took.
    endless: AtomicUsize,
    stopped: AtomicBool,
}

impl RawServer {
    /// Answers with `replies` in turn; the last one repeats.
    pub fn start(replies: Vec<Reply>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), replies)
    }

    pub fn on(listener: TcpListener, replies: Vec<Reply>) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            replies,
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            endless: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let served = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if served.stopped.load(Ordering::SeqCst) {
                    return;
                }
                served.connections.fetch_add(1, Ordering::SeqCst);
                let served = Arc::clone(&served);
                // A client that goes away ends its connection's thread.
                thread::spawn(move || served.serve(stream));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub fn endless_bytes(&self) -> usize {
        self.state.endless.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes `accept`.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let mut body = vec![0; content_length(&head)];
            reader.read_exact(&mut body)?;
            let at = Instant::now();
            let reply = {
                let mut received = self.received.lock().unwrap();
                let index = received.len().min(self.replies.len() - 1);
                received.push(Received { at, head, body });
                self.replies[index].clone()
            };
            match reply {
                Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes())?,
                Reply::Close => return Ok(()),
                Reply::Cut(bytes) => return stream.write_all(bytes.as_bytes()),
                Reply::Endless(head) => {
                    stream.write_all(head.as_bytes())?;
                    loop {
                        // A chunk of 64 KiB, also valid as 65 545 bytes of any body.
                        stream.write_all(b"10000\r\n")?;
                        stream.write_all(&[b'x'; 0x10000])?;
                        stream.write_all(b"\r\n")?;
                        self.endless.fetch_add(0x10000, Ordering::SeqCst);
                    }
                }
                // Until the client gives up.
                Reply::Hang => {
                    io::copy(&mut reader, &mut io::sink())?;
                    return Ok(());
                }
                Reply::Until(instant, before, after) => {
                    let bytes = if at < instant { before } else { after };
                    stream.write_all(bytes.as_bytes())?;
                }
            }
        }
    }
}

fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    line.map_or(0, |value| value.trim().parse().unwrap())
}
