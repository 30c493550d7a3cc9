//! How many spans a second the collector takes, stores and makes searchable, with the load from
//! outside its process: `cargo bench -p tracer-benches --bench load`.
//!
//! Builds and starts the release binary on free ports and a temporary folder, sends requests of 512
//! spans with 11 attributes over OTLP/HTTP on four connections, and counts what the collector says
//! it stored. `--batches N` (default 600).
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on is to stop"
)]

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;

const SPANS: usize = 512;
const SPANS_PER_TRACE: usize = 8;
const CONNECTIONS: usize = 4;

fn main() {
    let arguments: Vec<_> = env::args().collect();
    let at = arguments
        .iter()
        .position(|argument| argument == "--batches");
    let batches = at.map_or(600, |at| arguments[at + 1].parse().expect("a number"));
    let requests: Vec<_> = (0..batches).map(request).collect();
    let bytes: usize = requests.iter().map(Vec::len).sum();

    let mut collector = Collector::start();
    let address = collector.address("otlp-http");
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(&address);
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    connection.post(request);
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let spans = batches * SPANS;
    println!("case spans bytes seconds spans_per_second");
    println!(
        "stored {spans} {bytes} {seconds:.2} {:.0}",
        spans as f64 / seconds
    );
}

/// One request: traces of eight spans in two levels, with the attributes of an HTTP server.
fn request(batch: usize) -> Vec<u8> {
    let text = |value: String| AnyValue {
        value: Some(Value::StringValue(value)),
    };
    let pair = |key: &str, value: AnyValue| KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..KeyValue::default()
    };
    let spans = (0..SPANS).map(|n| {
        let number = (batch * SPANS + n) as u64;
        let trace = number / SPANS_PER_TRACE as u64 + 1;
        let root = n % SPANS_PER_TRACE == 0;
        // Spread over the ids as random ones would be.
        let id = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let start = 1_760_000_000_000_000_000 + number * 1_000_000;
        let attributes = (0..10)
            .map(|a| {
                pair(
                    &format!("key.{}", (n + a) % 97),
                    text(format!("value {}", number % 997)),
                )
            })
            .chain([pair("http.route", text("/orders/{id}".to_owned()))])
            .collect();
        Span {
            trace_id: [id(trace), id(!trace)].concat(),
            span_id: id(number).to_vec(),
            parent_span_id: if root {
                Vec::new()
            } else {
                id(number - (n % SPANS_PER_TRACE) as u64).to_vec()
            },
            name: format!("operation {}", n % 40),
            kind: 2,
            start_time_unix_nano: start,
            end_time_unix_nano: start + 5_000_000,
            attributes,
            ..Span::default()
        }
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair(
                    "service.name",
                    text(format!("service {}", batch % 10)),
                )],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

/// A keep-alive HTTP/1.1 connection, as little as the collector's answers need.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the collector");
        stream.set_nodelay(true).expect("socket option");
        Self {
            stream: BufReader::new(stream),
        }
    }

    fn post(&mut self, body: &[u8]) {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let out = self.stream.get_mut();
        out.write_all(head.as_bytes()).expect("the collector");
        out.write_all(body).expect("the collector");
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200"), "refused: {line}");
        let mut len = 0;
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).expect("an answer");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                len = value.trim().parse().expect("a length");
            }
        }
        let mut answer = vec![0; len];
        self.stream.read_exact(&mut answer).expect("an answer");
        assert!(answer.is_empty(), "a partial success: spans were rejected");
    }
}

/// The collector's release binary, ended with the value.
struct Collector {
    process: Child,
    addresses: Vec<(String, String)>,
    _data: tempfile::TempDir,
}

impl Collector {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO"));
        command.args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "tracer-collector",
            "--",
        ]);
        for listener in ["otlp-grpc", "otlp-http", "query", "health"] {
            command.args([format!("--{listener}"), "127.0.0.1:0".to_owned()]);
        }
        let mut process = command
            .arg("--data-dir")
            .arg(data.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let addresses = output
            .lines()
            .map_while(Result::ok)
            .take_while(|line| line != "ready")
            .filter_map(|line| {
                let (name, address) = line.strip_prefix("listening ")?.split_once(' ')?;
                Some((name.to_owned(), address.to_owned()))
            })
            .collect();
        Self {
            process,
            addresses,
            _data: data,
        }
    }

    fn address(&mut self, listener: &str) -> String {
        let found = self.addresses.iter().find(|(name, _)| name == listener);
        found.expect("a listener").1.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // cargo passes the end on only when it is asked politely.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}
