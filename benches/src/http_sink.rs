//! A collector that answers at once and only counts: an HTTP server in a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write, stdin},
    net::{TcpListener, TcpStream},
    process::exit,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

static SPANS: AtomicU64 = AtomicU64::new(0);

/// Prints its URL, and serves until standard input ends.
pub fn serve() -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    println!("http://{address}/v1/traces");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });
    // Standard input ends when the process that started this one does.
    let _ = stdin().read_to_end(&mut Vec::new());
    exit(0)
}

/// How many spans the sink at this URL has taken.
pub(crate) fn received(url: &str) -> u64 {
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/v1/traces");
    let mut stream = TcpStream::connect(address).expect("the sink");
    stream
        .write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        .expect("the sink");
    let mut answer = String::new();
    BufReader::new(stream)
        .read_to_string(&mut answer)
        .expect("an answer");
    let number = answer.lines().last().unwrap_or_default();
    number.parse().expect("a number")
}

/// Answers the requests of one connection.
fn answer(stream: TcpStream) {
    // A peer that goes away ends its connection.
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::with_capacity(1 << 18, stream);
    let mut body = Vec::new();
    while let Some(head) = read_head(&mut stream) {
        let answer = if head.is_get {
            let count = SPANS.load(Ordering::Relaxed).to_string();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{count}",
                count.len()
            )
        } else {
            body.resize(head.length, 0);
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            SPANS.fetch_add(spans(&body), Ordering::Relaxed);
            // An empty ExportTraceServiceResponse.
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
                .to_owned()
        };
        if stream.get_mut().write_all(answer.as_bytes()).is_err() || head.is_get {
            return;
        }
    }
}

struct Head {
    is_get: bool,
    length: usize,
}

fn read_head(stream: &mut BufReader<TcpStream>) -> Option<Head> {
    let mut head = Head {
        is_get: false,
        length: 0,
    };
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Some(head);
        }
        head.is_get |= line.starts_with("get ");
        if let Some(length) = line.strip_prefix("content-length:") {
            head.length = length.trim().parse().ok()?;
        }
    }
}

/// How many spans a request holds: it is skimmed, not decoded, because the sink shares the machine
/// with what is measured.
fn spans(request: &[u8]) -> u64 {
    let resource_spans = fields(request, 1);
    let scope_spans = resource_spans.flat_map(|message| fields(message, 2));
    scope_spans
        .map(|message| fields(message, 2).count() as u64)
        .sum()
}

/// The length-delimited fields with this number, up to the first byte that is no protobuf.
fn fields(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    std::iter::from_fn(move || {
        loop {
            let key = varint(&mut rest)?;
            let len = match key & 7 {
                0 => {
                    varint(&mut rest)?;
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut rest)?).ok()?,
                _ => 4,
            };
            let (field, after) = rest.split_at_checked(len)?;
            rest = after;
            if key == number << 3 | 2 {
                return Some(field);
            }
        }
    })
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
