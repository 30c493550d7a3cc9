//! The service under test, a peer that shows what it was sent, and a client without manners.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::LazyLock,
};

use axum::{Json, Router, extract::Path, http::HeaderMap, routing::get};
use tokio::{net::TcpListener, runtime::Runtime};
use tracer_core::TracerProvider;
use tracer_instrument::reqwest::{ClientConfig, TracedClient};
use tracer_propagation::CompositePropagator;

/// The lines of one request, names in lowercase.
type Lines = Vec<(String, String)>;

/// Sends a request with these header lines, byte for byte, and returns what the service sent on.
#[track_caller]
pub fn call(lines: &[(&str, &str)]) -> Sent {
    let mut sent = calls(1, lines);
    sent.pop().expect("one request was sent on")
}

/// The same for a service that makes several requests while it serves one.
#[track_caller]
pub fn calls(count: usize, lines: &[(&str, &str)]) -> Vec<Sent> {
    let mut request = format!("GET /calls/{count} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in lines {
        request.push_str(&format!("{name}:{value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(*SERVICE).expect("the service listens");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("an answer");
    let (head, body) = response.split_once("\r\n\r\n").expect("an HTTP answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let sent: Vec<Lines> = serde_json::from_str(body).expect("JSON");
    assert_eq!(sent.len(), count);
    sent.into_iter().map(Sent).collect()
}

/// A request that the service sent to its peer.
#[derive(Debug)]
pub struct Sent(Lines);

/// The fields of a `traceparent` of version 00.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parent {
    pub trace_id: String,
    pub span_id: String,
    pub flags: u8,
}

impl Sent {
    /// The `traceparent`, which must be there once and be well formed.
    #[track_caller]
    pub fn parent(&self) -> Parent {
        let values = self.values("traceparent");
        let [value] = values.as_slice() else {
            panic!("one traceparent, not {values:?}")
        };
        let fields: Vec<_> = value.split('-').collect();
        let [version, trace_id, span_id, flags] = fields.as_slice() else {
            panic!("four fields: {value}")
        };
        let hex = |field: &str, len| {
            field.len() == len && field.chars().all(|c| "0123456789abcdef".contains(c))
        };
        assert!(*version == "00" && hex(trace_id, 32) && hex(span_id, 16) && hex(flags, 2));
        assert!(trace_id.contains(|c| c != '0') && span_id.contains(|c| c != '0'));
        Parent {
            trace_id: (*trace_id).to_owned(),
            span_id: (*span_id).to_owned(),
            flags: u8::from_str_radix(flags, 16).expect("checked"),
        }
    }

    /// The members of `tracestate`, in order.
    #[track_caller]
    pub fn state(&self) -> Vec<(String, String)> {
        self.members("tracestate")
            .iter()
            .map(|member| pair(member))
            .collect()
    }

    /// Whether there is any header of this name.
    pub fn has(&self, name: &str) -> bool {
        !self.values(name).is_empty()
    }

    /// The members of `baggage`: key, decoded value, properties as they were sent. In order of keys.
    #[track_caller]
    pub fn baggage(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self
            .members("baggage")
            .iter()
            .map(|member| {
                let mut parts = member.split(';');
                let (key, value) = pair(parts.next().expect("split gives one"));
                let properties = parts.map(str::to_owned).collect();
                (key, decoded(&value), properties)
            })
            .collect();
        entries.sort();
        entries
    }

    /// The value of the one `baggage` header, if there is one.
    pub fn baggage_line(&self) -> String {
        self.values("baggage").concat()
    }

    /// The members of all headers of a name, which must not be empty.
    #[track_caller]
    fn members(&self, name: &str) -> Vec<String> {
        let mut members = Vec::new();
        for value in self.values(name) {
            assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            members.extend(value.split(',').map(str::to_owned));
        }
        assert!(members.iter().all(|member| !member.trim().is_empty()));
        members
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

pub type Entry = (String, String, Vec<String>);

#[track_caller]
fn pair(member: &str) -> (String, String) {
    let (key, value) = member.split_once('=').expect("key=value");
    (key.to_owned(), value.to_owned())
}

/// Percent-decoding of RFC 3986, section 2.1.
#[track_caller]
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let (digits, tail) = after.split_at(2);
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        rest = tail;
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).expect("UTF-8")
}

/// The URL of a peer that answers with the lines of each request.
pub fn peer() -> String {
    format!("http://{}/", *PEER)
}

/// For the servers, which outlive the runtime of any one test.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

static PEER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let show = async |headers: HeaderMap| {
        let line = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let lines = headers
            .iter()
            .map(|(name, value)| (name.to_string(), line(value.as_bytes())));
        Json(lines.collect::<Lines>())
    };
    serve(Router::new().route("/", get(show)))
});

/// One service for all tests: it keeps nothing between requests.
static SERVICE: LazyLock<SocketAddr> = LazyLock::new(|| {
    // Dropped, it would shut down.
    let provider = TracerProvider::builder().build().expect("defaults");
    let provider = Box::leak(Box::new(provider));
    let config = ClientConfig::default()
        .tracer_provider(provider)
        .propagator(CompositePropagator::default());
    let client: TracedClient = config.build(reqwest::Client::new()).expect("defaults");
    let layer = tracer_instrument::axum::config()
        .tracer_provider(provider)
        .propagator(CompositePropagator::default())
        .build()
        .expect("defaults");
    let call = async move |Path(count): Path<usize>| {
        let mut sent: Vec<Lines> = Vec::new();
        for _ in 0..count {
            let response = client.get(peer()).send().await;
            sent.push(response.expect("the peer").json().await.expect("JSON"));
        }
        Json(sent)
    };
    let router = Router::new().route("/calls/{count}", get(call));
    serve(router.layer(layer))
});

fn serve(router: Router) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound");
    RUNTIME.spawn(async move {
        let listener = TcpListener::from_std(listener).expect("a socket");
        axum::serve(listener, router).await
    });
    address
}
