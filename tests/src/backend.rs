//! An OTLP backend that does to its clients whatever a script says, over HTTP and gRPC on one
//! port. What it takes and answers is written down, to be held against the sender's ledger.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the backend does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Takes the spans and says so.
    Accept,
    /// Takes none and asks to be called again after so many seconds: 503 with `Retry-After`, or
    /// `UNAVAILABLE` with `RetryInfo`.
    Busy(u8),
    /// Takes none and answers with bytes of no protocol, then closes.
    Garbage,
    /// Takes none and never answers.
    Hang,
    /// Takes the spans and answers with a success whose body is not protobuf.
    Muddled,
    /// Takes none and answers as a web server does: `200 OK` and a page.
    Page,
    /// Takes all spans but so many, and says so.
    Partial(u8),
    /// Takes none: 400, or `INVALID_ARGUMENT`.
    Refuse,
    /// Takes none and resets the connection.
    Reset,
    /// Takes the spans and resets the connection before it has said so.
    TakeAndReset,
}

/// Listens on loopback until dropped. Needs a Tokio runtime.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    script: Mutex<VecDeque<Answer>>,
    given: Mutex<Vec<Answer>>,
    taken: Mutex<Vec<String>>,
}

/// How a connection ends by our doing.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Garbage,
    Reset,
}

impl Backend {
    /// Answers with `script` in turn, then accepts.
    ///
    /// # Errors
    ///
    /// If no port can be bound.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            script: Mutex::new(script.into_iter().collect()),
            ..State::default()
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answers given so far, one for each request that came whole.
    pub fn given(&self) -> Vec<Answer> {
        locked(&self.state.given).clone()
    }

    /// The names of the spans it took, in their order; a span taken twice is there twice.
    pub fn taken(&self) -> Vec<String> {
        locked(&self.state.taken).clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) -> io::Result<()> {
    // A second handle to the socket: the first one belongs to hyper until it is dropped.
    let socket = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
    let mut socket = TcpStream::from_std(socket)?;
    let (cut, mut cuts) = mpsc::unbounded_channel();
    let service = service_fn(|request| answer(request, Arc::clone(&state), cut.clone()));
    let server = auto::Builder::new(TokioExecutor::new());
    let how = {
        let served = server.serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // A client that goes away is no matter of the backend's.
            _ = served => return Ok(()),
            how = cuts.recv() => how,
        }
    };
    match how {
        Some(Cut::Garbage) => {
            let garbage: Vec<u8> = (0..64).map(|byte| 0xff - byte).collect();
            socket.write_all(&garbage).await?;
            socket.shutdown().await
        }
        Some(Cut::Reset) => socket.set_zero_linger(),
        None => Ok(()),
    }
}

type Body = BoxBody<Bytes, std::convert::Infallible>;

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    cut: mpsc::UnboundedSender<Cut>,
) -> io::Result<Response<Body>> {
    let grpc = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let body = request.into_body().collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    // gRPC: one byte for the compression, four for the length.
    let message = if grpc { body.get(5..) } else { Some(&body[..]) };
    let spans = names(message.unwrap_or_default())?;

    let answer = locked(&state.script).pop_front();
    let answer = answer.unwrap_or(Answer::Accept);
    let rejected = match answer {
        Answer::Accept | Answer::Muddled | Answer::TakeAndReset => 0,
        Answer::Partial(rejected) => usize::from(rejected),
        _ => spans.len(),
    };
    locked(&state.taken).extend(spans.into_iter().skip(rejected));
    locked(&state.given).push(answer);

    let cut = match answer {
        Answer::Garbage => cut.send(Cut::Garbage),
        Answer::Reset | Answer::TakeAndReset => cut.send(Cut::Reset),
        Answer::Hang => Ok(()),
        _ if grpc => return Ok(grpc_answer(answer)),
        _ => return http_answer(answer),
    };
    // If the connection is gone already, there is nothing to cut.
    let _ = cut;
    std::future::pending().await
}

fn names(message: &[u8]) -> io::Result<Vec<String>> {
    let request = ExportTraceServiceRequest::decode(message)?;
    let scopes = request.resource_spans.into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_spans);
    Ok(scopes
        .flat_map(|scope| scope.spans)
        .map(|span| span.name)
        .collect())
}

/// What stands in the body of a success.
fn success(answer: Answer) -> Vec<u8> {
    match answer {
        // A field of 100 bytes of which one is there.
        Answer::Muddled => vec![0x0a, 100, 0xff],
        Answer::Partial(rejected) => {
            let partial = ExportTracePartialSuccess {
                rejected_spans: rejected.into(),
                error_message: "by the script".to_owned(),
            };
            let response = ExportTraceServiceResponse {
                partial_success: Some(partial),
            };
            response.encode_to_vec()
        }
        _ => Vec::new(),
    }
}

fn http_answer(answer: Answer) -> io::Result<Response<Body>> {
    let response = Response::builder().header(header::CONTENT_TYPE, "application/x-protobuf");
    let response = match answer {
        Answer::Busy(seconds) => response
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .header(header::RETRY_AFTER, u16::from(seconds)),
        Answer::Page => return Ok(page()),
        Answer::Refuse => response.status(StatusCode::BAD_REQUEST),
        _ => response,
    };
    let body = Full::from(success(answer)).boxed();
    response.body(body).map_err(io::Error::other)
}

fn page() -> Response<Body> {
    let page = Full::from("<html><body>Welcome!</body></html>");
    let mut response = Response::new(page.boxed());
    let html = header::HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// Status codes: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
fn grpc_answer(answer: Answer) -> Response<Body> {
    if answer == Answer::Page {
        return page();
    }
    let mut trailers = HeaderMap::new();
    let status = match answer {
        Answer::Busy(_) => 14,
        Answer::Refuse => 3,
        _ => 0,
    };
    trailers.insert("grpc-status", status.into());
    if let Answer::Busy(seconds) = answer {
        let details = STANDARD_NO_PAD.encode(retry_info(seconds));
        if let Ok(details) = details.try_into() {
            trailers.insert("grpc-status-details-bin", details);
        }
    }
    let message = success(answer);
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    let body = if status == 0 { body } else { Vec::new() };
    let body = Full::from(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body.boxed());
    let grpc = header::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// A `google.rpc.Status` with a `google.rpc.RetryInfo`, by the field numbers of
/// `google/rpc/status.proto` and `error_details.proto`. Every length is below 128, so one byte.
fn retry_info(seconds: u8) -> Vec<u8> {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, content.len() as u8];
        field.extend(content);
        field
    }
    let duration = [1 << 3, seconds & 0x7f];
    let retry_delay = field(1, &duration);
    let mut any = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
    any.extend(field(2, &retry_delay));
    let mut status = vec![1 << 3, 14];
    status.extend(field(3, &any));
    status
}
