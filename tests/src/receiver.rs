//! An OTLP receiver of stock parts: tonic with the generated service, axum with prost.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, mpsc};
use std::thread;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Server, server::TcpIncoming};

/// Listens on loopback until dropped, on a thread and a runtime of its own.
#[derive(Debug)]
pub struct Receiver {
    /// OTLP over gRPC.
    pub grpc: SocketAddr,
    /// OTLP over HTTP.
    pub http: SocketAddr,
    received: Received,
    _stop: oneshot::Sender<()>,
}

/// One request: the name of its compression, and what it said.
pub type Request = (Option<String>, ExportTraceServiceRequest);

#[derive(Clone, Debug, Default)]
struct Received(Arc<std::sync::Mutex<Vec<Request>>>);

impl Receiver {
    /// Starts listening.
    ///
    /// # Errors
    ///
    /// If no port can be bound.
    pub fn start() -> io::Result<Self> {
        let received = Received::default();
        let served = received.clone();
        let (addresses, listening) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || runtime.block_on(serve(served, addresses, stopped)));
        let (grpc, http) = listening
            .recv()
            .map_err(|_| io::Error::other("the receiver did not start"))?;
        Ok(Self {
            grpc,
            http,
            received,
            _stop: stop,
        })
    }

    /// What came since the last call.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(
            &mut *self
                .received
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Received {
    fn push(&self, compression: Option<String>, request: ExportTraceServiceRequest) {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push((compression, request));
    }
}

async fn serve(
    received: Received,
    addresses: mpsc::Sender<(SocketAddr, SocketAddr)>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let grpc = TcpIncoming::bind(any)?;
    let http = TcpListener::bind(any).await?;
    // Nobody waits for the addresses if the test has ended.
    let _ = addresses.send((grpc.local_addr()?, http.local_addr()?));
    let service = TraceServiceServer::new(received.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let grpc = Server::builder()
        .add_service(service)
        .serve_with_incoming(grpc);
    let router = axum::Router::new()
        .route("/v1/traces", post(export))
        .with_state(received);
    tokio::select! {
        served = grpc => served.map_err(io::Error::other),
        served = axum::serve(http, router) => served,
        // The receiver was dropped.
        _ = stopped => Ok(()),
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let encoding = request.metadata().get("grpc-encoding");
        let encoding = encoding.and_then(|encoding| encoding.to_str().ok());
        let encoding = encoding.map(str::to_owned);
        self.push(encoding, request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn export(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if header(header::CONTENT_TYPE) != Some("application/x-protobuf") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let encoding = header(header::CONTENT_ENCODING);
    let request =
        plain(encoding, &body).and_then(|plain| Ok(ExportTraceServiceRequest::decode(&plain[..])?));
    match request {
        Ok(request) => received.push(encoding.map(str::to_owned), request),
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
}

fn plain(encoding: Option<&str>, body: &[u8]) -> io::Result<Vec<u8>> {
    match encoding {
        None => Ok(body.to_vec()),
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body).read_to_end(&mut plain)?;
            Ok(plain)
        }
        Some("zstd") => zstd::stream::decode_all(body),
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}
