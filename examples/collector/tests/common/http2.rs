//! A client of HTTP/2 that sends what it is given, frame by frame.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};

use super::DEADLINE;

/// All of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// A header of gRPC, which an answer without a message has at its start and others at its end.
    pub fn grpc(&self, name: &str) -> Option<&str> {
        let trailers = self.trailers.iter().flat_map(|all| all.get(name));
        let value = self.headers.get(name).into_iter().chain(trailers).next();
        value.map(|value| value.to_str().unwrap())
    }

    pub async fn read(response: Response<h2::RecvStream>) -> Self {
        let (parts, mut stream) = response.into_parts();
        let mut body = Vec::new();
        while let Some(part) = stream.data().await {
            let part = part.unwrap();
            stream.flow_control().release_capacity(part.len()).unwrap();
            body.extend(part);
        }
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            trailers: stream.trailers().await.unwrap(),
        }
    }
}

/// A connection, which ends with the runtime of its test.
pub async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap()
}

/// Sends one request with a body and waits for the answer.
pub async fn send(address: SocketAddr, request: Request<()>, body: &[u8]) -> Answer {
    let mut sender = connect(address).await;
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    stream
        .send_data(Bytes::copy_from_slice(body), true)
        .unwrap();
    let response = tokio::time::timeout(DEADLINE, response).await.unwrap();
    Answer::read(response.unwrap()).await
}

/// As [`send`], for a client that sends all of a large body before it looks at the answer.
pub async fn send_all(address: SocketAddr, request: Request<()>, body: &[u8]) -> Answer {
    let mut sender = connect(address).await;
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    let mut rest = Bytes::copy_from_slice(body);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let room = std::future::poll_fn(|context| stream.poll_capacity(context));
        let room = tokio::time::timeout(DEADLINE, room).await.unwrap();
        let part = rest.split_to(room.expect("reset").unwrap());
        stream.send_data(part, rest.is_empty()).unwrap();
    }
    let response = tokio::time::timeout(DEADLINE, response).await.unwrap();
    Answer::read(response.unwrap()).await
}

/// Calls `Export` of the OTLP service with a body as it stands.
pub async fn export(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut request = Request::post(format!("http://{address}/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(address, request.body(()).unwrap(), body).await
}
