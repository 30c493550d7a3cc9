//! A collector of stock parts: tonic with the generated service, hyper with prost.

use std::{
    convert::Infallible,
    future::pending,
    io::Read as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::ResourceSpans,
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{
    codec::CompressionEncoding,
    transport::{Server, server::TcpIncoming},
};

/// What the collector does with the n-th request.
#[derive(Clone, Debug)]
pub enum Reply {
    Accept,
    Hang,
    Partial(i64, String),
    Refuse(tonic::Status),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub from: Option<SocketAddr>,
    pub headers: HeaderMap,
    pub request: ExportTraceServiceRequest,
}

/// Listens on loopback until dropped, on a thread and a runtime of its own.
pub struct Collector {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    state: State,
    _stop: oneshot::Sender<()>,
}

#[derive(Clone)]
struct State {
    received: Arc<Mutex<Vec<Received>>>,
    replies: Arc<Vec<Reply>>,
}

impl Collector {
    pub fn start() -> Self {
        Self::with_replies(vec![Reply::Accept])
    }

    /// Answers with `replies` in turn; the last one repeats.
    pub fn with_replies(replies: Vec<Reply>) -> Self {
        Self::new("127.0.0.1:0".parse().unwrap(), replies)
    }

    /// Takes gRPC on an address that must be free.
    pub fn start_on(grpc: SocketAddr) -> Self {
        Self::new(grpc, vec![Reply::Accept])
    }

    fn new(grpc: SocketAddr, replies: Vec<Reply>) -> Self {
        let state = State {
            received: Arc::default(),
            replies: Arc::new(replies),
        };
        let (addresses, listening) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = state.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let incoming = TcpIncoming::bind(grpc).unwrap();
                let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let grpc = incoming.local_addr().unwrap();
                addresses.send((grpc, http.local_addr().unwrap())).unwrap();
                let service = TraceServiceServer::new(served.clone())
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd);
                tokio::spawn(serve_http(http, served));
                let grpc = Server::builder()
                    .add_service(service)
                    .serve_with_incoming(incoming);
                tokio::select! {
                    result = grpc => result.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        let (grpc, http) = listening.recv().unwrap();
        Self {
            grpc,
            http,
            state,
            _stop: stop,
        }
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn resource_spans(&self) -> Vec<ResourceSpans> {
        let received = self.received().into_iter();
        received
            .flat_map(|received| received.request.resource_spans)
            .collect()
    }
}

impl State {
    async fn take(
        &self,
        from: Option<SocketAddr>,
        headers: HeaderMap,
        request: ExportTraceServiceRequest,
    ) -> Result<ExportTraceServiceResponse, tonic::Status> {
        let reply = {
            let mut received = self.received.lock().unwrap();
            let index = received.len().min(self.replies.len() - 1);
            let at = Instant::now();
            received.push(Received {
                at,
                from,
                headers,
                request,
            });
            self.replies[index].clone()
        };
        let partial_success = match reply {
            Reply::Accept => None,
            Reply::Hang => pending().await,
            Reply::Partial(rejected_spans, error_message) => Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message,
            }),
            Reply::Refuse(status) => return Err(status),
        };
        Ok(ExportTraceServiceResponse { partial_success })
    }
}

#[tonic::async_trait]
impl TraceService for State {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let from = request.remote_addr();
        let (metadata, _, request) = request.into_parts();
        let response = self.take(from, metadata.into_headers(), request).await?;
        Ok(tonic::Response::new(response))
    }
}

async fn serve_http(listener: TcpListener, state: State) {
    while let Ok((stream, from)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| answer(state.clone(), from, request));
            // A client that goes away is no matter of the collector's.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    state: State,
    from: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().path(), "/v1/traces");
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let encoding = head.headers.get("content-encoding");
    let body = match encoding.map(|encoding| encoding.to_str().unwrap()) {
        None => body.to_vec(),
        Some("gzip") => {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&body[..]);
            decoder.read_to_end(&mut plain).unwrap();
            plain
        }
        Some("zstd") => zstd::stream::decode_all(&body[..]).unwrap(),
        Some(other) => panic!("unknown encoding {other}"),
    };
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let response = state.take(Some(from), head.headers, request).await.unwrap();
    let response = Response::builder()
        .header("content-type", "application/x-protobuf")
        .body(Full::from(response.encode_to_vec()));
    Ok(response.unwrap())
}
